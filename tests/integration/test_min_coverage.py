"""A transfer with too few readings delivers them, fails, and says so to OpenLineage."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from openlineage.client import event_v2
from openlineage.client.serde import Serde

from airflow_provider_minut.exceptions import MinutCoverageError
from airflow_provider_minut.policies.retry import PERMANENT_ERRORS
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.databases import START, on
from tests.replay import ReplyServer

FIVE_MINUTES = timedelta(minutes=5)
READINGS = {
    "task_id": "t",
    "dataset": "readings",
    "sensors": ["sound_level", "humidity"],
    "start_at": START,
    "end_at": START + timedelta(hours=1),
}


@pytest.fixture
def gap(account):
    """Two devices: one has an hour of both sensors, the other half an hour of noise."""
    account.add_readings("d1", "sound_level", START, 12, FIVE_MINUTES)
    account.add_readings("d1", "humidity", START, 12, FIVE_MINUTES)
    account.add_readings("d2", "sound_level", START, 6, FIVE_MINUTES)
    account.readings["d2", "humidity"] = []
    return account


def to_file(folder, **arguments):
    path = folder / "readings.jsonl"
    return MinutToObjectStorageOperator(path=str(path), format="jsonl", **{**READINGS, **arguments})


def to_table(**arguments):
    table = {"conn_id": "warehouse", "table": "minut_readings", "create_table": True}
    return MinutToSqlOperator(**table, **{**READINGS, **arguments})


MESSAGE = r"Coverage is below min_coverage, 80\.00%: sound_level 75\.00%, humidity 50\.00%\. Retry later"


def test_file_is_replaced_before_the_task_fails(gap, tmp_path):
    with pytest.raises(MinutCoverageError, match=MESSAGE):
        to_file(tmp_path, min_coverage=0.8).execute({})
    assert len((tmp_path / "readings.jsonl").read_text().splitlines()) == 30


@on("psycopg3", "sqlite", "duckdb")
def test_rows_are_loaded_before_the_task_fails(gap, database):
    with pytest.raises(MinutCoverageError, match=MESSAGE):
        to_table(min_coverage=0.8).execute({})
    assert database.value("SELECT count(*) FROM minut_readings") == 30


@on("sqlite")
def test_retry_succeeds_once_the_device_has_uploaded(gap, database):
    operator = to_table(min_coverage=1)
    with pytest.raises(MinutCoverageError):
        operator.execute({})
    gap.add_readings("d2", "sound_level", START + 6 * FIVE_MINUTES, 6, FIVE_MINUTES)
    gap.add_readings("d2", "humidity", START, 12, FIVE_MINUTES)
    result = operator.execute({})
    assert (result["coverage"], result["gaps"]) == ({"sound_level": 1.0, "humidity": 1.0}, [])
    assert database.value("SELECT count(*) FROM minut_readings") == 48


def test_coverage_as_high_as_asked_for_is_enough(gap, tmp_path):
    result = to_file(tmp_path, min_coverage=0.5).execute({})
    assert result["coverage"] == {"sound_level": 0.75, "humidity": 0.5}
    end = START + timedelta(hours=1)
    assert result["gaps"] == [
        f"d2/humidity from {START.isoformat()} to {end.isoformat()}",
        f"d2/sound_level from {(START + 6 * FIVE_MINUTES).isoformat()} to {end.isoformat()}",
    ]


def test_sensor_without_access_is_listed_and_not_counted(gap, tmp_path, monkeypatch):
    def answer(method, path, query, body):
        return (403, "{}") if path == "/devices/d2/humidity" else gap.answer(method, path, query, body)

    with ReplyServer(answer) as server:
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", server.connection)
        result = to_file(tmp_path, min_coverage=0.7).execute({})
    assert result["coverage"] == {"sound_level": 0.75, "humidity": 1.0}
    assert result["left_out"] == ["d2/humidity"]


def test_other_datasets_have_no_coverage(gap, tmp_path):
    result = to_file(tmp_path, dataset="devices", min_coverage=1).execute({})
    assert result["rows"] == 2
    assert "coverage" not in result


def test_error_is_retried():
    assert not issubclass(MinutCoverageError, PERMANENT_ERRORS)


def emitted(operator):
    """Return the outputs of a task as an OpenLineage client sends them."""
    lineage = operator.get_openlineage_facets_on_complete(None)
    run = event_v2.Run(runId="0190a000-0000-7000-8000-000000000000")
    event = event_v2.RunEvent(
        eventTime=START.isoformat(),
        producer="https://example.com/producer",
        run=run,
        job=event_v2.Job(namespace="n", name="j"),
        eventType=event_v2.RunState.FAIL,
        outputs=lineage.outputs,
    )
    return json.loads(Serde.to_json(event))["outputs"]


@pytest.mark.parametrize(("min_coverage", "expected"), [(0.8, (False, False)), (0.6, (True, False))])
def test_failed_task_reports_the_coverage_to_openlineage(gap, tmp_path, min_coverage, expected):
    operator = to_file(tmp_path, min_coverage=min_coverage)
    with pytest.raises(MinutCoverageError):
        operator.execute({})
    (written,) = emitted(operator)
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 30
    check(written["facets"], expected)


def test_successful_task_reports_the_coverage_too(gap, tmp_path):
    operator = to_file(tmp_path)
    operator.execute({})
    (written,) = emitted(operator)
    check(written["facets"], (True, True))


@on("psycopg3")
def test_table_has_the_coverage_in_openlineage(gap, database):
    operator = to_table(min_coverage=0.8)
    with pytest.raises(MinutCoverageError):
        operator.execute({})
    (written,) = emitted(operator)
    assert written["name"] == "minut.public.minut_readings"
    check(written["facets"], (False, False))


def check(facets, success):
    """Check the facet against its definition at openlineage.io."""
    facet = facets["dataQualityAssertions"]
    assert facet["_schemaURL"].partition("#")[2] == "/$defs/DataQualityAssertionsDatasetFacet"
    assert facet["_producer"].startswith("https://")
    columns = {field["name"] for field in facets["schema"]["fields"]}
    found, shares = {}, {}
    for assertion in facet["assertions"]:
        assert {"assertion", "success", "column"} <= assertion.keys()
        shares[assertion["assertion"]] = assertion.get("actual", "")
        assert assertion["column"] in columns
        assert type(assertion["success"]) is bool
        found[assertion["assertion"]] = assertion["success"]
    assert found == dict(zip(("coverage of sound_level", "coverage of humidity"), success, strict=True))
    assert list(shares.values()) in (["0.7500", "0.5000"], ["", ""])  # the client before 1.47 has no values
