"""The lineage of transfers, with the real OpenLineage provider and Airflow's hook lineage."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.providers.postgres.get_provider_info import get_provider_info as postgres_info
from airflow.sdk import Asset
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_minut.events import event_uri
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from airflow_provider_minut.utils.openlineage import report_to_collector
from tests.conftest import AIRFLOW_VERSION


class Bucket(MemoryFileSystem):
    protocol = "gs"
    store: ClassVar = {}  # the others share one
    pseudo_dirs: ClassVar = [""]


@pytest.fixture
def collected():
    """The collector of a process with a reader of hook lineage."""
    from unittest import mock

    try:
        from airflow.sdk import lineage
    except ImportError:
        from airflow.lineage import hook as lineage
    collector = lineage.HookLineageCollector()
    with mock.patch.object(lineage, "get_hook_lineage_collector", autospec=True, return_value=collector):
        sdk.__dict__.pop("get_hook_lineage_collector", None)
        yield lambda: collector.collected_assets
    sdk.__dict__.pop("get_hook_lineage_collector", None)


def facets(operator):
    return operator.get_openlineage_facets_on_complete(None)


def columns(dataset):
    return [(field.name, field.type) for field in dataset.facets["schema"].fields]


def test_file_is_reported_with_its_rows_and_columns(minut_sandbox, tmp_path):
    path = tmp_path / "homes.csv"
    operator = MinutToObjectStorageOperator(task_id="t", dataset="homes", path=str(path), format="csv")
    assert operator.execute({})["rows"] == 2
    lineage = facets(operator)
    (read,), (written,) = lineage.inputs, lineage.outputs
    host = minut_sandbox.base_url.split("/")[2]
    assert (read.namespace, read.name) == (f"minut://{host}", "homes")
    assert (written.namespace, written.name) == ("file", str(path))
    assert written.outputFacets["outputStatistics"].rowCount == 2
    assert columns(read)[0] == ("home_id", "string")
    assert columns(written) == [*columns(read), ("additional_fields", "string")]


def test_lines_of_json_have_no_column_for_the_rest(minut_sandbox, tmp_path):
    operator = MinutToObjectStorageOperator(task_id="t", dataset="homes", path=f"{tmp_path}/homes.jsonl.gz")
    operator.execute({})
    assert "additional_fields" not in dict(columns(facets(operator).outputs[0]))


def test_object_in_a_bucket_has_the_name_that_openlineage_gives_it(minut_sandbox):
    attach("gs", fs=Bucket())
    operator = MinutToObjectStorageOperator(
        task_id="t", dataset="homes", path="gs://bucket/minut/homes.jsonl"
    )
    operator.execute({})
    (written,) = facets(operator).outputs
    assert (written.namespace, written.name) == ("gs://bucket", "minut/homes.jsonl")


@pytest.mark.parametrize(
    ("table", "name"), [("minut.homes", "house.minut.homes"), ("Other.minut.homes", "other.minut.homes")]
)
def test_table_has_the_name_that_its_database_gives_it(monkeypatch, table, name):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://me:geheim@db.example/house")
    operator = MinutToSqlOperator(task_id="t", dataset="events", conn_id="warehouse", table=table)
    operator._rows_written = 5
    lineage = facets(operator)
    (written,) = lineage.outputs
    assert (written.namespace, written.name) == ("postgres://db.example:5432", name)
    assert ("event_time", "timestamp") in columns(written)
    assert "geheim" not in str(lineage)


def test_transfer_that_failed_wrote_nothing(minut_sandbox, tmp_path):
    minut_sandbox.rotate_secret()
    operator = MinutToObjectStorageOperator(task_id="t", dataset="homes", path=f"{tmp_path}/homes.jsonl.gz")
    with pytest.raises(sdk.AirflowFailException):
        operator.execute({})
    lineage = facets(operator)
    assert (lineage.inputs, lineage.outputs) == ([], [])


def test_database_without_a_name_in_openlineage_is_omitted(minut_sandbox, tmp_path, monkeypatch):
    connection = {"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    operator = MinutToSqlOperator(
        task_id="t", dataset="homes", conn_id="warehouse", table="homes", create_table=True
    )
    operator.execute({})
    lineage = facets(operator)
    assert [read.name for read in lineage.inputs] == ["homes"]
    assert lineage.outputs == []


def test_openlineage_finds_the_method_by_its_name():
    operator = MinutToObjectStorageOperator(task_id="t", dataset="homes", path="/x")
    assert ExtractorManager().get_extractor_class(operator) is ExtractorManager().default_extractor


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (event_uri("noise_detected"), "events/noise_detected"),
        (event_uri("noise_detected", "b001"), "homes/b001/events/noise_detected"),
        ("minut://datasets/readings", "readings"),
    ],
)
def test_assets_are_datasets_of_openlineage(uri, name):
    dataset = translate_airflow_asset(Asset(uri), None)
    assert (dataset.namespace, dataset.name) == ("minut://api.minut.com", name)


def test_hook_lineage_has_what_was_read_and_written(minut_sandbox, tmp_path, collected):
    path = tmp_path / "homes.jsonl"
    MinutToObjectStorageOperator(task_id="t", dataset="homes", path=str(path), format="jsonl").execute({})
    lineage = collected()
    assert [entry.asset.uri for entry in lineage.inputs] == ["minut://datasets/homes"]
    assert [entry.asset.uri for entry in lineage.outputs] == [f"file://{path}"]
    assert [entry.count for entry in lineage.outputs] == [1]


@pytest.mark.parametrize(
    ("table", "uris"),
    [
        ("minut.homes", ["postgres://db.example:5433/house/minut/homes"]),
        ("other.minut.homes", ["postgres://db.example:5433/other/minut/homes"]),
        ("homes", []),  # only the database knows its schema
    ],
)
def test_hook_lineage_knows_a_table_by_its_whole_name(monkeypatch, collected, table, uris):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://me:geheim@db.example:5433/house")
    operator = MinutToSqlOperator(task_id="t", dataset="homes", conn_id="warehouse", table=table)
    hook = sdk.BaseHook.get_hook("warehouse")
    report_to_collector(MinutHook(), DATASETS["homes"], hook, **operator._lineage_asset(hook))
    # The providers of databases that were released with Airflow 3.1 cannot name a table for it.
    named = "factory" in postgres_info()["asset-uris"][0]
    assert named or AIRFLOW_VERSION < (3, 2)
    assert [entry.asset.uri for entry in collected().outputs] == (uris if named else [])


def test_collector_that_fails_fails_no_transfer(minut_sandbox, tmp_path, monkeypatch, caplog):
    def fail():
        raise RuntimeError

    monkeypatch.setattr(sdk, "get_hook_lineage_collector", fail, raising=False)
    path = tmp_path / "homes.jsonl"
    MinutToObjectStorageOperator(task_id="t", dataset="homes", path=str(path), format="jsonl").execute({})
    assert len(path.read_text().splitlines()) == 2
    assert "Failed to report the lineage" in caplog.text
