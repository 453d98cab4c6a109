"""Histories that the API cuts at some number of values, which nobody documents: nothing is lost."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_minut.api.resources.readings import ReadingsResource
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.times import from_text
from tests.odd_replies import DEVICE, START

HOUR = timedelta(hours=1)


class CutHistories(ReadingsResource):
    """A client whose histories are cut.

    :param histories: For each sensor, the hours that have no value.
    :param hours: Hours with values, from the start on.
    :param most: Number of values at which a response is cut.
    :param newest: Whether a response that is cut has the newest values, and not the oldest.
    """

    def __init__(self, histories, hours, most, *, newest):
        super().__init__(ClientSettings())
        self.times = {
            sensor: [START + HOUR * hour for hour in range(hours) if hour not in missing]
            for sensor, missing in histories.items()
        }
        self.most = most
        self.newest = newest
        self.requests = 0
        self.looks_cut = False

    def request(self, method, path, *, params=None, json=None):
        self.requests += 1
        start, end = (from_text(params[name]) for name in ("start_at", "end_at"))
        found = [time for time in self.times[path.rpartition("/")[2]] if start <= time <= end]
        # A complete response that looks exactly like one that was cut; twice, and it is believed.
        covered = found and found[0] < start + HOUR and found[-1] + HOUR >= end
        self.looks_cut |= len(found) == self.most and not covered
        kept = found[-self.most :] if self.newest else found[: self.most]
        pairs = [[round(time.timestamp()), 20.5] for time in kept]
        return {"values": pairs, "time_resolution": 3600}

    def read(self, sensor, hours):
        period = {"start_at": START, "end_at": START + HOUR * hours}
        return [r["time"] for r in self.iter_readings(DEVICE, sensor, time_resolution=3600, **period)]


gaps = st.sets(st.integers(0, 500), max_size=40) | st.integers(0, 300).map(
    lambda first: set(range(first, 500))
)


ranges = st.lists(st.integers(1, 500), min_size=1, max_size=4)


@given(st.lists(gaps, min_size=1, max_size=4), ranges, st.integers(30, 200), st.booleans())
@example(
    [set(), set()], [168], 84, False
)  # the last response is just full: it does not show what is complete
@example([set(), set(), set()], [14 * 24], 24 * 7, False)
@example([set()], [48, 48, 48, 168], 48, False)
@settings(max_examples=60)
def test_history_that_is_cut_is_read_completely(missing, ranges, most, newest):
    client = CutHistories({f"sensor_{n}": gap for n, gap in enumerate(missing)}, 500, most, newest=newest)
    for sensor, times in client.times.items():
        for hours in ranges:
            before = client.requests
            found = client.read(sensor, hours)
            assume(not client.looks_cut)
            assert found == [time for time in times if time < START + HOUR * hours]
            assert client.requests - before <= 3 * (hours // most + hours // 168 + 1) + 1
