"""Hive partitions and Delta tables of a sandbox, on a local disk."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.transfers.minut_to_delta_lake import MinutToDeltaLakeOperator
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.replace(hour=0, minute=0, second=0)
DATASETS = ["homes", "devices", "latest", "events", "readings"]


def to_files(path, **arguments):
    arguments = {"dataset": "readings", "start_at": NOW - timedelta(days=3), "end_at": NOW, **arguments}
    return MinutToObjectStorageOperator(task_id="t", path=str(path), partition_by_date=True, **arguments)


def to_delta(path, dataset="readings", **arguments):
    arguments = {"start_at": TODAY - timedelta(days=3), "end_at": TODAY, **arguments}
    return MinutToDeltaLakeOperator(task_id="t", path=str(path), dataset=dataset, **arguments)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder):
    """Read a Delta table without delta-rs: the log lists which Parquet files belong to the table."""
    files = {}
    for version in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, version.read_text().splitlines()):
            if "add" in action:
                files[action["add"]["path"]] = action["add"]["partitionValues"]
            elif "remove" in action:
                del files[action["remove"]["path"]]
    return [
        row | values
        for name, values in files.items()
        for row in pq.ParquetFile(folder / name).read().to_pylist()
    ]


@pytest.mark.parametrize("file_format", ["jsonl.gz", "parquet", "csv"])
def test_partitions_have_whole_days_and_the_same_bytes(minut_sandbox, tmp_path, file_format):
    to_files(tmp_path, start_at=TODAY - timedelta(days=2), end_at=TODAY, format=file_format).execute({})
    before = contents(tmp_path)
    days = [(TODAY - timedelta(days=number)).date() for number in (2, 1)]
    assert sorted(before) == [f"dataset=readings/date={day}/readings.{file_format}" for day in days]
    hour = {"start_at": TODAY - timedelta(hours=9), "end_at": TODAY - timedelta(hours=8)}
    to_files(tmp_path, **hour, format=file_format).execute({})
    assert contents(tmp_path) == before


def test_rows_of_a_partition_are_of_its_date(minut_sandbox, tmp_path):
    rows = to_files(tmp_path).execute({})["rows"]
    found = 0
    for name, content in contents(tmp_path).items():
        lines = gzip.decompress(content).splitlines()
        assert {f"date={json.loads(line)['time'][:10]}" for line in lines} == {name.split("/")[1]}
        found += len(lines)
    assert found == rows > 0


@pytest.mark.parametrize("dataset", ["homes", "devices", "latest"])
def test_dataset_without_time_range_has_no_dates(minut_sandbox, tmp_path, dataset):
    with pytest.raises(AirflowFailException, match="partition_by_date: must be False for"):
        to_files(tmp_path, dataset=dataset).execute({})
    assert minut_sandbox.stats()["requests"] == {}


@pytest.mark.parametrize("path", ["/proc/x", f"{__file__}/x"])
@pytest.mark.parametrize("operator", [to_files, to_delta])
def test_destination_is_tried_before_the_first_request(minut_sandbox, operator, path):
    with pytest.raises(AirflowFailException, match="path: must be"):
        operator(path).execute({})
    assert minut_sandbox.stats()["requests"] == {}


@pytest.mark.parametrize("dataset", DATASETS)
def test_delta_table_has_the_rows_and_columns(minut_sandbox, tmp_path, dataset):
    operator = to_delta(tmp_path, dataset)
    result = operator.execute({})
    rows = rows_of(tmp_path)
    assert len(rows) == result["rows"] > 0
    assert result["path"] == str(tmp_path)
    assert ("last_seen_at" in rows[0]) == (dataset in {"homes", "devices"})
    assert ("date" in rows[0]) == (dataset in {"events", "readings"})
    (written,) = operator.get_openlineage_facets_on_complete(None).outputs
    assert (written.namespace, written.name) == ("file", str(tmp_path))


def test_repeated_load_of_the_past_writes_nothing(minut_sandbox, tmp_path):
    to_delta(tmp_path).execute({})
    before = contents(tmp_path)
    to_delta(tmp_path).execute({})
    assert contents(tmp_path) == before


def test_change_in_the_account_is_an_update(minut_sandbox, tmp_path):
    to_delta(tmp_path, "homes").execute({})
    with MinutHook().get_conn() as client:
        client.update_home("64aa0000000000000000b001", {"name": "New Name"})
    to_delta(tmp_path, "homes").execute({})
    assert sorted(row["name"] for row in rows_of(tmp_path)) == ["Garden Studio", "New Name"]


def test_types_are_those_of_parquet_files(minut_sandbox, tmp_path):
    from deltalake import DeltaTable

    to_delta(tmp_path / "delta", "events").execute({})
    MinutToObjectStorageOperator(
        task_id="t", dataset="homes", path=str(tmp_path / "homes.parquet"), format="parquet"
    ).execute({})
    schema = pa.schema(DeltaTable(str(tmp_path / "delta")).schema().to_arrow())
    assert schema.field("event_time").type == pa.timestamp("us", "UTC")
    assert pq.read_schema(tmp_path / "homes.parquet").field("additional_fields").type == pa.string()
