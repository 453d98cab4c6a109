from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.loading.staging import _csv

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@example([None, "", r"\N", '"', 'a"b', "a,b", "a\nb", "a\r\nb", "\\", " ", "\ufeff", "\\."])
@given(st.lists(st.none() | TEXTS, min_size=1))
def test_text_stays_text_and_null_stays_null(values):
    columns = {"name": "text", "other": "number"}
    text = _csv(columns, [{"name": value, "other": 1.5} for value in values])
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] or None for row in read] == [value or None for value in values]
    # What csv.reader cannot tell apart: NULL has no quotes.
    assert text.startswith(('"', ",") if values[0] is not None else ",")


def test_each_kind_of_column():
    columns = {"text": "text", "time": "time", "number": "number", "flag": "flag", "json": "json"}
    time = datetime(2026, 6, 1, 10, 0, 0, 123000, UTC)
    full = {"text": "a", "time": time, "number": 1.0, "flag": False, "json": {"b": 1, "a": '"'}}
    empty = dict.fromkeys(columns)
    assert _csv(columns, [full, empty]) == (
        '"a",2026-06-01T10:00:00.123000+00:00,1.0,false,"{""a"":""\\"""",""b"":1}"\n,,,,\n'
    )
