from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from airflow_provider_minut.exceptions import MinutNotFoundError, MinutServerError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from airflow_provider_minut.loading.resume import Resume
from tests.unit.extraction.test_extractor import Account

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)


class Store(dict):
    """A state store as Airflow's, whose values are JSON."""

    set = dict.__setitem__
    delete = dict.__delitem__


class Attempt:
    """An attempt of a task that reads the readings of four devices and may be stopped."""

    def __init__(self, store, broken=(), **selected):
        self.account = Account([END] * 4)
        self.account.broken = dict(broken)
        selection = Selection(**{"start_at": START, "end_at": END, "sensors": ["humidity"], **selected})
        self.extraction = Extractor(self.account, selection)
        self.resume = Resume(store, self.extraction)

    def run(self, rows=None):
        """Read so many rows, of which there is one for each device."""
        for number, _ in enumerate(DATASETS["readings"].rows(self.extraction), start=1):
            if number == rows:
                break
        self.resume.save()
        return self

    @property
    def devices(self):
        return [device for device, *_ in self.account.calls]


def test_next_attempt_goes_on_after_the_last_complete_series():
    store = Store()
    Attempt(store).run(rows=3)  # of the third device, more rows could have come
    assert Attempt(store).run().devices == ["d2", "d3"]


def test_what_failed_or_was_skipped_is_read_again():
    store, error = Store(), MinutServerError("GET /x returned 500.", status=500)
    broken = {"d1/humidity": error, "d2/humidity": MinutNotFoundError("GET /x returned 404.", status=404)}
    assert Attempt(store, broken).run().devices == ["d0", "d1", "d2", "d3"]
    second = Attempt(store, {"d2/humidity": broken["d2/humidity"], "d1/humidity": error}).run()
    assert second.devices == ["d1", "d2"]
    assert second.extraction.left_out == ["d2/humidity"]
    assert Attempt(store).run().devices == ["d1", "d2"]
    assert Attempt(store).run().devices == []


@pytest.mark.parametrize(
    "other",
    [{"end_at": datetime(2026, 6, 3, tzinfo=UTC)}, {"sensors": ["sound_level"]}, {"device_ids": ["d0"]}],
)
def test_other_selection_starts_from_the_beginning(other):
    store = Store()
    Attempt(store).run()
    assert Attempt(store, **other).run().devices[0] == "d0"


def test_other_devices_start_from_the_beginning():
    store = Store()
    Attempt(store).run(rows=3)
    attempt = Attempt(store)
    attempt.account.heard = attempt.account.heard[:1]
    assert attempt.run().devices == ["d0"]


def test_task_that_is_cleared_after_success_reads_everything():
    store = Store()
    attempt = Attempt(store).run()
    attempt.resume.clear()
    assert store == {}
    assert Attempt(store).run().devices == ["d0", "d1", "d2", "d3"]


def test_without_a_store_everything_is_read():
    Attempt(None).run(rows=2)
    attempt = Attempt(None).run()
    attempt.resume.clear()
    assert attempt.devices == ["d0", "d1", "d2", "d3"]


def test_store_that_fails_costs_only_requests(caplog):
    class Broken(Store):
        def set(self, key, value):
            raise ConnectionError

    store = Broken()
    with caplog.at_level(logging.WARNING):
        Attempt(store).run()
    assert "Failed to store the progress of this task" in caplog.text
    assert Attempt(store).run().devices == ["d0", "d1", "d2", "d3"]


def test_what_another_version_stored_is_ignored():
    assert Attempt(Store(minut_progress=["something", "else"])).run().devices == ["d0", "d1", "d2", "d3"]
