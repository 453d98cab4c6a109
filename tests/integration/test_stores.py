"""Transfers to real servers of object stores: what readers see, also when a run is killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.io import attach

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.transfers.minut_to_delta_lake import MinutToDeltaLakeOperator
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from tests import stores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The emulator of GCS lacks the API that delta-rs uses.
with_delta = pytest.mark.parametrize("store", ["s3", "azure"], indirect=True)
NOW = datetime.now(UTC).replace(microsecond=0)
FILE_PROTOCOLS = {"S3Server": "s3", "AzureServer": "abfs", "GcsServer": "gs"}
CLASSES = {"s3": stores.S3Server, "azure": stores.AzureServer, "gcs": stores.GcsServer}


@pytest.fixture(scope="module", params=["s3", "azure", "gcs"])
def store(request):
    if request.param == "azure" and not stores.azurite_command():
        assert not os.environ.get("CI"), "CI has to have Azurite"
        pytest.skip("Azurite is not installed (npm install --prefix ~/.cache/azurite azurite)")
    server = CLASSES[request.param]()
    yield server
    server.stop()


@pytest.fixture
def sandbox(monkeypatch):
    """A sandbox without a rate limit: processes of the tests share no state."""
    with Sandbox(SandboxConfig(rate_limit=False)) as running:
        connection = {**json.loads(running.connection_json), "extra": {"requests_per_minute": 10**6}}
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", "memory")
        yield running


@pytest.fixture
def delta_store(store, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(store.connection))
    if isinstance(store, stores.AzureServer):
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", store.url)
    return store


def file_path(store, name):
    protocol = FILE_PROTOCOLS[type(store).__name__]
    attach(protocol, fs=store.filesystem())
    return f"{protocol}://{stores.BUCKET}/{name}"


def delta_path(store, name):
    protocol = "s3" if isinstance(store, stores.S3Server) else "az"
    return f"{protocol}://store@{stores.BUCKET}/{name}"


def to_file(path, dataset="events", **arguments):
    arguments = {"start_at": NOW - timedelta(days=3), "end_at": NOW, **arguments}
    return MinutToObjectStorageOperator(task_id="t", dataset=dataset, path=path, **arguments)


def more_options():
    """Return what delta-rs needs for Azurite: it lists a table's versions in a way that Azurite cannot."""
    return {"azure_storage_use_emulator": "true"} if "AZURITE_BLOB_STORAGE_URL" in os.environ else {}


def to_delta(path, dataset="readings", **arguments):
    arguments = {"start_at": NOW - timedelta(days=3), "end_at": NOW, **arguments}
    return MinutToDeltaLakeOperator(
        task_id="t", dataset=dataset, path=path, storage_options=more_options(), **arguments
    )


def table_of(store, name):
    from deltalake import DeltaTable

    from airflow_provider_minut.loading.credentials import location_of, store_options

    location = location_of(delta_path(store, name), None)
    return DeltaTable(location.uri, storage_options=store_options(location) | more_options())


def keys_of(store, name):
    """Return the number of rows, after checking that none has the key of another.

    Not with ``to_pyarrow_table``, which waits forever with some releases of delta-rs and moto (issue 4362).
    """
    import pyarrow as pa
    from deltalake import QueryBuilder

    query = "SELECT device_id, sensor, time FROM found"
    found = QueryBuilder().register("found", table_of(store, name)).execute(query).read_all()
    rows = pa.table(found).to_pylist()
    assert len(rows) == len({tuple(row.values()) for row in rows})
    return len(rows)


def test_file_appears_whole_and_nothing_else_does(store, sandbox):
    path = file_path(store, "files/events.jsonl.gz")
    rows = to_file(path).execute({})["rows"]
    content = store.content("files/events.jsonl.gz")
    assert len(gzip.decompress(content).splitlines()) == rows > 0
    to_file(path).execute({})
    assert store.content("files/events.jsonl.gz") == content
    assert [name for name in store.names() if name.startswith("files/")] == ["files/events.jsonl.gz"]


def test_partitions_have_one_file_each(store, sandbox):
    to_file(file_path(store, "hive"), partition_by_date=True).execute({})
    names = [name for name in store.names() if name.startswith("hive/")]
    day = (NOW - timedelta(days=1)).date()
    assert f"hive/dataset=events/date={day}/events.jsonl.gz" in names
    assert len(names) <= 4


def test_missing_bucket_is_an_error_before_the_first_request(store, sandbox):
    path = file_path(store, "x.gz").replace(stores.BUCKET, "no-such-bucket")
    with pytest.raises(AirflowFailException, match="path: must be writable"):
        to_file(path).execute({})
    assert sandbox.stats()["requests"] == {}


@with_delta
def test_missing_bucket_is_an_error_of_a_delta_table_before_the_first_request(delta_store, sandbox):
    path = delta_path(delta_store, "x").replace(stores.BUCKET, "no-such-bucket")
    with pytest.raises(AirflowFailException, match="path: must be a Delta table") as caught:
        to_delta(path).execute({})
    assert sandbox.stats()["requests"] == {}
    assert "hidden" not in str(caught.value)
    assert stores.AZURITE_KEY not in str(caught.value)


@with_delta
def test_a_repeated_load_is_no_commit(delta_store, sandbox):
    rows = to_delta(delta_path(delta_store, "readings")).execute({})["rows"]
    version = table_of(delta_store, "readings").version()
    to_delta(delta_path(delta_store, "readings")).execute({})
    assert table_of(delta_store, "readings").version() == version
    assert keys_of(delta_store, "readings") == rows > 0
    assert not [name for name in delta_store.names() if name.endswith(".minut-probe")]


LOAD = """
import json, sys
from datetime import datetime
from tests.integration.test_stores import to_delta
start, end = map(datetime.fromisoformat, sys.argv[2:4])
to_delta(sys.argv[1], start_at=start, end_at=end).execute({})
"""


@with_delta
def test_loads_at_once_all_succeed_and_each_row_is_there_once(delta_store, sandbox):
    path = delta_path(delta_store, "parallel")
    command = [sys.executable, "-c", LOAD, path, (NOW - timedelta(days=3)).isoformat(), NOW.isoformat()]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(400) for process in processes] == [0] * 4
    assert keys_of(delta_store, "parallel") > 0


@with_delta
def test_killed_at_any_time_and_repeated_has_each_row_once(delta_store, sandbox):
    path = delta_path(delta_store, "killed")
    command = [sys.executable, "-c", LOAD, path, (NOW - timedelta(days=3)).isoformat(), NOW.isoformat()]

    def run():
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    started = time.monotonic()
    assert run().wait(400) == 0
    length = time.monotonic() - started
    expected = keys_of(delta_store, "killed")
    for share in (0.7, 0.9, 1.0):
        table_of(delta_store, "killed").delete()
        process = run()
        time.sleep(length * share)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert keys_of(delta_store, "killed") in {0, expected}
    assert run().wait(400) == 0
    assert keys_of(delta_store, "killed") >= expected
