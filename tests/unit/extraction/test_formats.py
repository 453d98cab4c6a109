from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tracemalloc
from datetime import UTC, datetime

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.formats import FORMATS, check_format, read_jsonl

EVENTS = DATASETS["events"]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROWS = [
    {
        "event_id": "1",
        "home_id": "b",
        "event_type": "noise_detected",
        "event_time": NOON,
        "new": {"b": 1, "a": [NOON]},
    },
    {"event_id": "2", "home_id": "b", "event_type": 'a "quoted", name\nÅngström', "event_time": None},
]


def written(name, rows=ROWS, dataset=EVENTS):
    file = io.BytesIO()
    FORMATS[name](dataset, iter(rows), file)
    return file.getvalue()


def test_jsonl_keeps_everything():
    lines = written("jsonl").decode().splitlines()
    assert json.loads(lines[0]) == {
        **ROWS[0],
        "event_time": "2026-06-01T12:00:00Z",
        "new": {"b": 1, "a": ["2026-06-01T12:00:00Z"]},
    }
    assert json.loads(lines[1]) == ROWS[1]
    assert gzip.decompress(written("jsonl.gz")) == written("jsonl")
    assert [row["event_id"] for row in read_jsonl(io.BytesIO(written("jsonl.gz")))] == ["1", "2"]


def test_csv_has_a_header_and_the_rest_as_json():
    header, first, second = csv.reader(io.StringIO(written("csv").decode(), newline=""))
    assert header == ["event_id", "home_id", "event_type", "event_time", "additional_fields"]
    assert first[3:] == ["2026-06-01T12:00:00Z", '{"new":{"a":["2026-06-01T12:00:00Z"],"b":1}}']
    assert second == ["2", "b", 'a "quoted", name\nÅngström', "", ""]


def test_parquet_has_types():
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(written("parquet")))
    assert table.column("event_time").to_pylist() == [NOON, None]
    assert json.loads(table.column("additional_fields")[0].as_py())["new"]["b"] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_are_a_valid_file_too(name):
    assert isinstance(written(name, []), bytes)
    if name == "csv":
        assert written(name, []).startswith(b"event_id,")


@pytest.mark.parametrize("name", FORMATS)
def test_same_rows_give_the_same_bytes(name):
    assert written(name) == written(name)


@pytest.mark.parametrize("name", FORMATS)
def test_memory_does_not_grow_with_the_rows(name):
    def peak(count):
        rows = (
            {"event_id": f"{n:024x}", "home_id": "b", "event_type": "t", "event_time": NOON}
            for n in range(count)
        )

        class Nowhere(io.RawIOBase):
            def writable(self):
                return True

            def write(self, data):
                return len(data)

        tracemalloc.start()
        FORMATS[name](EVENTS, rows, Nowhere())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(40_000) < peak(20_000) + 1_000_000


def test_unknown_format_is_an_error_that_names_the_known_ones(monkeypatch):
    with pytest.raises(MinutConfigurationError, match=r"format: must be one of jsonl\.gz, jsonl, csv"):
        check_format("xml")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MinutConfigurationError, match=r"airflow-provider-minut\[parquet\]"):
        check_format("parquet")
    check_format("csv")
