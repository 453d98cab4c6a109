"""Reads whole datasets of an account, and tells how far it has come.

Rows come in an order that depends on the data only, so that a repeated extraction gives the same bytes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutNotFoundError
from airflow_provider_minut.extraction.datasets import Row, Selection

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

log = logging.getLogger(__name__)

# Seconds between two lines of progress in the log.
PROGRESS_SECONDS = 15.0


class Extractor:
    """Reads what was selected, and tells how far it has come.

    :param client: to read with.
    :param selection: what to read.
    :param monotonic: seconds, for the progress in the log.
    """

    def __init__(
        self, client: MinutClient, selection: Selection, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._selection = selection
        self._monotonic = monotonic
        self._requests_before = client.request_count
        self._began = monotonic()
        self.row_count = 0

    @property
    def request_count(self) -> int:
        """Requests sent since it began, repeated ones too."""
        return self._client.request_count - self._requests_before

    @property
    def cost(self) -> str:
        """What it has taken so far, for people: requests and seconds."""
        return f"requests: {self.request_count}; {self._monotonic() - self._began:.1f} s"

    def rows(self) -> Iterator[Row]:
        """Yield all rows.

        :raises MinutError: the child that fits; what was yielded until then is not all.
        """
        for row in getattr(self, f"_{self._selection.dataset}")():
            self.row_count += 1
            yield row

    def _homes(self) -> Iterator[Any]:
        yield from _chosen(self._client.iter_homes(), "home_id", self._selection.home_ids)

    def _devices(self) -> Iterator[Any]:
        yield from self._selected_devices()

    def _events(self) -> Iterator[Any]:
        selection = self._selection
        homes = sorted(selection.home_ids or (home["home_id"] for home in self._client.iter_homes()))
        self._plan(f"the events of {len(homes)} homes", len(homes), least=True)
        for home_id in self._with_progress(homes, "homes"):
            parts = self._client.iter_home_event_parts(
                home_id,
                start_at=selection.start_at,
                end_at=selection.end_at,
                event_types=selection.event_types,
            )
            for part in parts:
                yield from sorted(
                    part, key=lambda event: (str(event.get("event_time")), str(event.get("event_id")))
                )

    def _readings(self) -> Iterator[Row]:
        selection = self._selection
        # Whole intervals only, so that the same interval has the same time in every extraction. The
        # last one is left to the next extraction if it is not over.
        start = _floor(selection.start_at, selection.time_resolution)
        end = _floor(selection.end_at, selection.time_resolution)
        devices = self._selected_devices()
        asked = [device for device in devices if _may_have_news(device, selection.heard_since or start)]
        pairs = [(device["device_id"], sensor) for device in asked for sensor in selection.sensors]
        windows = math.ceil((end - start) / self._client.max_window)
        silent = len(devices) - len(asked)
        what = f"the readings of {len(asked)} devices"
        what += f" ({silent} more have not checked in)" if silent else ""
        self._plan(what, len(pairs) * windows)
        for device_id, sensor in self._with_progress(pairs, "sensors"):
            readings = self._client.iter_readings(
                device_id,
                sensor,
                start_at=start,
                end_at=end,
                time_resolution=selection.time_resolution,
                include_min_max=selection.include_min_max,
            )
            try:
                for reading in readings:
                    yield {"device_id": device_id, "sensor": sensor, **reading}
            except MinutNotFoundError:
                log.warning("Device %s has no sensor %s (404); it is left out.", device_id, sensor)

    def _selected_devices(self) -> list[Any]:
        homes = self._selection.home_ids
        devices = _chosen(self._client.iter_devices(), "device_id", self._selection.device_ids)
        return [device for device in devices if not homes or device.get("home") in homes]

    def _plan(self, what: str, requests: int, *, least: bool = False) -> None:
        """Say beforehand what it will cost."""
        rate = self._client.settings.requests_per_minute
        text = "Plan: %s%d requests, %s at %d a minute, for %s from %s to %s."
        # A minute's worth may go at once.
        length = _duration((requests / rate - 1) * 60) if requests > rate else "no wait"
        moments = self._selection.start_at, self._selection.end_at
        since, until = (moment.isoformat(sep=" ", timespec="seconds") for moment in moments)
        log.info(text, "at least " if least else "", requests, length, rate, what, since, until)

    def _with_progress(self, units: Collection[Any], name: str) -> Iterator[Any]:
        """Yield the units; now and then log how many are done, and how long the rest will take."""
        began = told = self._monotonic()
        for number, unit in enumerate(units):
            now = self._monotonic()
            if number and now - told >= PROGRESS_SECONDS:
                told = now
                left = _duration((now - began) / number * (len(units) - number))
                text = "%d of %d %s, %d rows, %d requests; %s left."
                log.info(text, number, len(units), name, self.row_count, self.request_count, left)
            yield unit


def _chosen(items: Iterable[Any], id_field: str, ids: Collection[str]) -> list[Any]:
    """Return the items with these ids, all if there are none; sorted by id."""
    found = sorted((i for i in items if not ids or i[id_field] in ids), key=lambda item: str(item[id_field]))
    missing = set(ids) - {item[id_field] for item in found}
    if missing:
        field = f"{id_field}s"
        raise MinutConfigurationError(field, f"this account has no {', '.join(sorted(missing))}")
    return found


def _may_have_news(device: Any, since: datetime) -> bool:
    """Return whether the device has checked in since: what it measured comes with a check-in only."""
    heard = [device.get(name) for name in ("last_heard_from_at", "last_heartbeat_at")]
    times = [moment for moment in heard if isinstance(moment, datetime)]
    return not times or max(times) >= since


def _floor(moment: datetime, seconds: int) -> datetime:
    since = moment.timestamp() // seconds * seconds
    return datetime.fromtimestamp(since, UTC)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
