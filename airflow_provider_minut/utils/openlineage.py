"""Lineage of transfers, for OpenLineage and for Airflow's hook lineage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_minut.extraction.datasets import DATASETS, Dataset

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseHook, ObjectStoragePath

log = logging.getLogger(__name__)

# Types of columns in a schema facet.
_TYPES = {
    "text": "string",
    "time": "timestamp",
    "number": "double",
    "flag": "boolean",
    "json": "string",
    "date": "date",
}


def namespace_of(base_url: str) -> str:
    """Return the OpenLineage namespace of an API: ``minut://api.minut.com``."""
    return f"minut://{urlsplit(base_url).netloc}"


def transfer_lineage(
    base_url: str,
    dataset: str,
    output: tuple[str, str] | None,
    rows: int,
    *,
    columns: Mapping[str, str],
    coverage: Mapping[str, float],
    min_coverage: float | None,
) -> OperatorLineage[Any, Any]:
    """Return the OpenLineage metadata of a transfer.

    :param base_url: Base URL of the API.
    :param dataset: Name of the dataset that was read.
    :param output: Namespace and name of the output; ``None`` if it has none in OpenLineage.
    :param rows: Number of rows written.
    :param columns: Columns of the output and their types, as a dataset has them; also ``json`` and ``date``.
    :param coverage: Share of the expected readings that are there, by sensor; empty for other datasets.
    :param min_coverage: Share that the task asks for.
    """
    from airflow.providers.common.compat.openlineage import facet
    from airflow.providers.openlineage.extractors import OperatorLineage

    def schema(kinds: Mapping[str, str]) -> dict[str, Any]:
        fields = [
            facet.SchemaDatasetFacetFields(name=name, type=_TYPES[kind]) for name, kind in kinds.items()
        ]
        return {"schema": facet.SchemaDatasetFacet(fields=fields)}

    read = facet.InputDataset(namespace_of(base_url), dataset, facets=schema(DATASETS[dataset].columns))
    written = []
    if output:
        statistics = facet.OutputStatisticsOutputDatasetFacet(rowCount=rows)
        facets = schema(columns)
        if coverage:
            facets["dataQualityAssertions"] = _coverage_facet(coverage, min_coverage or 0.0)
        written = [facet.OutputDataset(*output, facets=facets, outputFacets={"outputStatistics": statistics})]
    return OperatorLineage(inputs=[read], outputs=written)


def _coverage_facet(coverage: Mapping[str, float], min_coverage: float) -> Any:
    """Return the data quality facet: one assertion for each sensor."""
    from openlineage.client.generated.data_quality_assertions_dataset import (
        Assertion,
        DataQualityAssertionsDatasetFacet,
    )

    def assertion(sensor: str, share: float) -> Any:
        values = {"expected": f"{min_coverage:.4f}", "actual": f"{share:.4f}"}
        known = signature(Assertion).parameters  # clients before 1.47 have no place for values
        options: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        return Assertion(f"coverage of {sensor}", share >= min_coverage, column="time", **options)

    assertions = [assertion(sensor, share) for sensor, share in coverage.items()]
    return DataQualityAssertionsDatasetFacet(assertions=assertions)


def no_lineage() -> OperatorLineage[Any, Any]:
    """Return the OpenLineage metadata of a failed transfer, which wrote nothing."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage()


def report_to_collector(
    source: BaseHook, dataset: Dataset, target: BaseHook | ObjectStoragePath, **output: Any
) -> None:
    """Report to Airflow's hook lineage what was read and written; has no effect without a lineage reader.

    OpenLineage ignores hook lineage of operators that return their own metadata, as transfers do.

    :param source: Hook that the dataset was read with.
    :param dataset: Dataset that was read.
    :param target: Hook or path that the output was written with.
    :param output: Arguments of ``add_output_asset`` that identify the output.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # untyped in Airflow
        collector.add_input_asset(context=source, uri=f"minut://datasets/{dataset.name}")
        if output:
            collector.add_output_asset(context=target, **output)
    except Exception:  # the output is complete; a lineage error must not fail the task
        log.warning("Failed to report the lineage of this task to Airflow.", exc_info=True)
