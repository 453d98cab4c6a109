"""What a transfer read and wrote, for OpenLineage and whoever else collects lineage in Airflow."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_minut.extraction.datasets import DATASETS, Dataset

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseHook, ObjectStoragePath

log = logging.getLogger(__name__)

# What columns are called in a schema facet.
_TYPES = {"text": "string", "time": "timestamp", "number": "double", "flag": "boolean"}


def namespace_of(base_url: str) -> str:
    """Return the OpenLineage namespace of an API: ``minut://api.minut.com``."""
    return f"minut://{urlsplit(base_url).netloc}"


def transfer_lineage(
    base_url: str, dataset: str, output: tuple[str, str] | None, rows: int, *, tabular: bool
) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage wants to know of a transfer.

    :param base_url: of the API.
    :param dataset: that was read.
    :param output: namespace and name of what was written; ``None`` if it has none in OpenLineage.
    :param rows: how many were written.
    :param tabular: whether what was written has exactly the known columns, and ``additional_fields``.
    """
    from airflow.providers.common.compat.openlineage import facet
    from airflow.providers.openlineage.extractors import OperatorLineage

    def schema(extra: dict[str, str]) -> dict[str, Any]:
        kinds = {name: _TYPES[kind] for name, kind in DATASETS[dataset].columns.items()} | extra
        fields = [facet.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in kinds.items()]
        return {"schema": facet.SchemaDatasetFacet(fields=fields)}

    read = facet.InputDataset(namespace_of(base_url), dataset, facets=schema({}))
    written = []
    if output:
        statistics = facet.OutputStatisticsOutputDatasetFacet(rowCount=rows)
        facets = schema({"additional_fields": "string"} if tabular else {})
        written = [facet.OutputDataset(*output, facets=facets, outputFacets={"outputStatistics": statistics})]
    return OperatorLineage(inputs=[read], outputs=written)


def no_lineage() -> OperatorLineage[Any, Any]:
    """Return what OpenLineage is told of a transfer that failed: what was there is as it was."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage()


def report_to_collector(
    source: BaseHook, dataset: Dataset, target: BaseHook | ObjectStoragePath, **output: Any
) -> None:
    """Tell Airflow's hook lineage what was read and written; nothing happens if nobody reads it.

    OpenLineage leaves this alone for operators that tell it more, as transfers do.

    :param source: what it was read through.
    :param dataset: that was read.
    :param target: what it was written through.
    :param output: how ``add_output_asset`` knows what was written.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # Airflow's, without types
        collector.add_input_asset(context=source, uri=f"minut://datasets/{dataset.name}")
        if output:
            collector.add_output_asset(context=target, **output)
    except Exception:  # what was written is there, whatever becomes of the news of it
        log.warning("Airflow could not be told the lineage of this task.", exc_info=True)
