from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.loading.columns import table_columns, table_rows

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_only_homes_and_devices_are_an_inventory():
    with_presence = {name for name, dataset in DATASETS.items() if "last_seen_at" in table_columns(dataset)}
    assert with_presence == {"homes", "devices"}


def test_row_has_exactly_the_columns_in_order():
    for dataset in DATASETS.values():
        (row,) = table_rows(dataset, [{"unknown": 1, dataset.key[0]: "x"}], NOW)
        assert list(row) == list(table_columns(dataset))
        assert row["additional_fields"] == {"unknown": 1}
        assert row["loaded_at"] == NOW
