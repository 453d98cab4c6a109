"""Devices: listed, read, and their thresholds and quiet hours changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_minut.api.models import Device, QuietHours, Reaction
from airflow_provider_minut.api.resources.base import Resource, checked_id
from airflow_provider_minut.api.resources.pagination import iterate, parse_page
from airflow_provider_minut.api.resources.thresholds import (
    check_thresholds,
    merged_thresholds,
    reactions_of,
)
from airflow_provider_minut.api.times import parse_fields

log = logging.getLogger(__name__)

DEVICE_TIMES = ("last_heard_from_at", "last_heartbeat_at", "next_heartbeat_at", "first_seen_at")


class DevicesResource(Resource):
    """The devices of an account."""

    def iter_devices(self) -> Iterator[Device]:
        """Yield all devices of the account (``GET /devices``; seen in public clients).

        They are known to come in one answer without a limit, so none is sent; if they come in pages
        all the same, the rest is asked for.

        :raises MinutError: as :meth:`MinutClient.request`.
        """

        def page(offset: int) -> Any:
            answer = self.request("GET", "/devices", params={"offset": offset} if offset else None)
            return parse_page("GET /devices", answer, "devices", None)

        for device in iterate(page, "device_id", what="list of devices"):
            _parse_device(device)
            yield device  # type: ignore[misc]  # a TypedDict is a promise, not a check

    def get_device(self, device_id: str) -> Device:
        """Return one device (``GET /devices/{device_id}``).

        :raises MinutNotFoundError: there is no such device, or it is somebody else's.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        device: Device = self._get_object(f"/devices/{checked_id('device_id', device_id)}", "device_id")
        _parse_device(device)
        return device

    def update_device(
        self,
        device_id: str,
        *,
        reactions: Iterable[Reaction] = (),
        quiet_hours: QuietHours | None = None,
    ) -> None:
        """Change thresholds and quiet hours (``PUT /devices/{device_id}``).

        Whether Minut replaces or merges the list is not documented. So the device is read first, and
        all its reactions are written back, those of the types given here changed. It takes effect when
        the device checks in next.

        :param reactions: by ``type``; those of other types stay as they are.
        :param quiet_hours: in the home's own time zone; ``None`` leaves them as they are.
        :raises MinutConfigurationError: a reaction or the quiet hours cannot be used.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        wanted = list(reactions)
        check_thresholds(wanted, quiet_hours)
        device = self.get_device(device_id)
        if wanted and not reactions_of(device):
            log.warning(
                "Minut does not say which reactions device %s has; only those given are written.", device_id
            )
        self.request("PUT", f"/devices/{device_id}", json=merged_thresholds(device, wanted, quiet_hours))


def _parse_device(device: Any) -> None:
    parse_fields(device, DEVICE_TIMES)
    values = device.get("latest_sensor_values")
    for value in values.values() if isinstance(values, dict) else ():
        if isinstance(value, dict):
            parse_fields(value, ("time",))
