from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from airflow_provider_minut.extraction import spool
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.spool import MAX_ROWS_IN_MEMORY, Spool

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_rows_are_by_date_in_their_order_with_their_types(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "MAX_ROWS_IN_MEMORY", 3)
    rows = [
        {"event_id": str(number), "event_type": "t", "event_time": NOON + timedelta(hours=7 * number)}
        for number in range(9)
    ] + [{"event_id": "x", "event_time": None, "additional_fields": {"event_time": "soon"}, "n": 2**70}]
    found = Spool(DATASETS["events"], tmp_path)
    found.add(dict(row) for row in rows)
    assert found.counts == {date(2026, 6, 1): 2, date(2026, 6, 2): 4, date(2026, 6, 3): 3, None: 1}
    assert [row for day in found.counts for row in found.rows(day)] == rows


def test_rows_without_a_time_range_are_together(tmp_path):
    found = Spool(DATASETS["homes"], tmp_path)
    found.add({"home_id": str(number)} for number in range(3))
    assert found.counts == {None: 3}
    assert len(list(found.rows(None))) == 3


class CountedRow(dict):
    """A row that knows how many of its kind are in memory, and were at most."""

    alive = peak = 0

    def __init__(self, *args, **fields):
        super().__init__(*args, **fields)
        CountedRow.alive += 1
        CountedRow.peak = max(CountedRow.peak, CountedRow.alive)

    def __del__(self):
        CountedRow.alive -= 1


@pytest.mark.parametrize("days", [1, 500])
def test_memory_does_not_grow_with_rows_or_dates(tmp_path, days):
    CountedRow.alive = CountedRow.peak = 0
    rows = (
        CountedRow(device_id=f"{n // days}", sensor="s", time=NOON + timedelta(n % days), value=1.0)
        for n in range(4 * MAX_ROWS_IN_MEMORY)
    )
    found = Spool(DATASETS["readings"], tmp_path)
    found.add(rows)
    assert sum(found.counts.values()) == 4 * MAX_ROWS_IN_MEMORY
    assert CountedRow.peak <= 2 * MAX_ROWS_IN_MEMORY + 1
