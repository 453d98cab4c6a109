"""Devices that are offline for hours or days, while a simulated clock goes on and a transfer runs again and again.

A destination is two functions: ``load(start, end)`` performs a run for a data interval, and ``rows()`` returns
what is stored, as tuples of device ID, sensor, time and value.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from airflow_provider_minut.sandbox.config import OfflinePeriod, SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SENSORS = ("sound_level", "temperature", "humidity", "motion_events")
OFFLINE_SINCE = START + timedelta(hours=18, minutes=30)
OFFLINE_HOURS = (1, 10, 40, 96)  # of the first device, the second one …
# A device uploads only at its check-ins, about one an hour, of which some are missed.
UPLOADED_WITHIN = 4 * HOUR
RUN_DELAY = timedelta(seconds=90)  # from the end of the data interval to the run
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}


class SimulatedClock:
    """The time in the sandbox."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now.timestamp()


class LateFleet:
    """A sandbox, its clock, and what a destination must have in the end."""

    def __init__(self, sandbox, clock, devices):
        self.sandbox = sandbox
        self.clock = clock
        self.devices = [device_id(number) for number in range(1, devices + 1)]

    def step(self, load, end, interval):
        """Perform the run for the data interval that ends at ``end``; return how many requests it cost."""
        self.clock.now = end + RUN_DELAY
        before = self._requests()
        load(end - interval, end)
        return self._requests() - before

    def run(self, load, until, interval):
        """Perform the runs of all data intervals up to ``until``; return the requests of each."""
        count = (until - START) // interval
        return [self.step(load, START + number * interval, interval) for number in range(1, count + 1)]

    def measured(self, start, end, sensors=SENSORS):
        """Return what all devices have measured, by device, sensor and time."""
        return {
            (device, sensor, time): value
            for device in self.devices
            for sensor in sensors
            for time, value in self.sandbox.measurements(device, sensor, start, end).items()
        }

    def check(self, rows, until, sensors=SENSORS):
        """Check that a destination has each reading since the first run exactly once, with its final value."""
        assert [key for key, count in Counter(row[:3] for row in rows).items() if count > 1] == []
        stored = {row[:3]: row[3] for row in rows}
        measured = self.measured(START, until, sensors)
        assert {key[:2] for key in measured} == {(d, s) for d in self.devices for s in sensors}
        missing = sorted(measured.keys() - stored.keys())
        assert not missing, f"{len(missing)} of {len(measured)} never came, the first: {missing[0]}"
        unfinished = sorted(key for key, value in measured.items() if stored[key] != value)
        assert not unfinished, f"{len(unfinished)} of {len(measured)} were stored too early: {unfinished[0]}"
        in_range = {key for key in stored if START <= key[2] < until}
        assert in_range <= measured.keys()

    def _requests(self):
        requests = self.sandbox.stats()["requests"]
        return Counter({name: n for name, n in requests.items() if name.startswith("GET /devices")})


def device_id(number):
    return f"64aa0000000000000000d{number:03x}"


def offline(number, hours, **options):
    """An offline period of a device, with the time that all of them start at."""
    end = OFFLINE_SINCE + hours * HOUR
    return OfflinePeriod(device_id=device_id(number), start=OFFLINE_SINCE, end=end, **options)


@contextmanager
def late_fleet(monkeypatch, tmp_path, **config):
    """Run a sandbox with a simulated clock, and point minut_default at it."""
    clock = SimulatedClock()
    standard = {"rate_limit": False, "token_lifetime": 10**8, "homes": 1, "noisy_periods_per_day": 0}
    config = SandboxConfig(**{**standard, **config})
    with Sandbox(config, clock=clock) as sandbox:
        connection = {**json.loads(sandbox.connection_json), "extra": NO_LIMIT}
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(connection))
        yield LateFleet(sandbox, clock, config.devices)
