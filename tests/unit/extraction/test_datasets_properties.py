"""Rows of odd replies: each column keeps its type in each format, and no row is lost."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_minut.exceptions import MinutResponseError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from airflow_provider_minut.extraction.formats import FORMATS
from tests.odd_client import OddClient
from tests.odd_replies import END, READERS, START, check_storable

EXAMPLES, SLOW_EXAMPLES = 20, 500
TYPES = {"text": str, "time": datetime, "number": int | float, "flag": bool}
ODD = {
    "homes": "homes",
    "devices": "devices",
    "latest": "devices",
    "events": "home_events",
    "readings": "readings",
}


def rows_of(name, reply):
    """Return the rows of a dataset, and how many items were rejected."""
    selection = Selection(start_at=START, end_at=END, sensors=("sound_level",))
    extractor = Extractor(OddClient(reply), selection)
    rows = list(DATASETS[name].rows(extractor))
    extractor.raise_failure()
    return rows, extractor.rejected_count


def check_rows(name, reply):
    try:
        rows, rejected = rows_of(name, reply)
    except MinutResponseError:
        assert reply.is_unreadable
        return
    assert not reply.is_unreadable
    assert rejected == reply.unreadable
    if name != "latest":
        assert len(rows) == len(reply.good)
    columns = DATASETS[name].columns
    for row in rows:
        check_storable(row)
        for column, kind in columns.items():
            value = row.get(column)
            assert value is None or isinstance(value, TYPES[kind]), column
            assert kind == "flag" or not isinstance(value, bool), column
        assert all(row[column] is not None for column in DATASETS[name].key)
    files = {form: io.BytesIO() for form in ("jsonl", "csv", "parquet")}
    for form, file in files.items():
        FORMATS[form](DATASETS[name], [dict(row) for row in rows], file)
    check_files(name, rows, {form: file.getvalue() for form, file in files.items()})


def check_files(name, rows, contents):
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = [json.loads(line) for line in contents["jsonl"].decode().split("\n")[:-1]]
    table = pq.read_table(pa.BufferReader(contents["parquet"])).to_pylist()
    cells = list(csv.DictReader(io.StringIO(contents["csv"].decode(), newline="")))
    assert len(lines) == len(table) == len(cells) == len(rows)
    for row, line, stored, cell in zip(rows, lines, table, cells, strict=True):
        for column, kind in DATASETS[name].columns.items():
            value = row.get(column)
            assert stored[column] == value
            if kind != "time":
                assert line.get(column) == value
            assert (cell[column] == "") == (value in {None, ""})
        for form in (stored, cell):
            json.loads(form["additional_fields"] or "null")


@pytest.mark.parametrize("name", DATASETS)
@given(st.data())
@settings(max_examples=EXAMPLES)
def test_columns_keep_their_types(name, data):
    check_rows(name, data.draw(READERS[ODD[name]].replies))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", DATASETS)
@given(st.data())
@settings(max_examples=SLOW_EXAMPLES)
def test_columns_keep_their_types_in_hundreds_of_odd_replies(name, data):
    check_rows(name, data.draw(READERS[ODD[name]].replies))
