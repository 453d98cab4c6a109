"""Devices: list, read, and change thresholds and quiet hours."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from airflow_provider_minut.api.models import Device, QuietHours, Reaction
from airflow_provider_minut.api.resources.base import Resource
from airflow_provider_minut.api.resources.pagination import Item
from airflow_provider_minut.api.resources.replies import ItemReader
from airflow_provider_minut.api.resources.thresholds import (
    check_thresholds,
    merged_thresholds,
    quiet_hours_of,
    reactions_of,
    threshold_changes,
)
from airflow_provider_minut.api.times import parse_fields
from airflow_provider_minut.api.values import checked_id, id_of

log = logging.getLogger(__name__)

DEVICE_TIMES = ("last_heard_from_at", "last_heartbeat_at", "next_heartbeat_at", "first_seen_at")


def _home_of(device: Item) -> str | None:
    """Return the ID of the home, which clients of v8 found in ``home``, and an older one in ``home_id``."""
    for home in (device.get("home"), device.get("home_id")):
        if isinstance(home, dict):
            home = home.get("home_id")
        if identity := id_of(home):
            return identity
    return None


def _complete(device: Item) -> None:
    home_id = _home_of(device)
    if home_id is not None:
        device["home"] = home_id
    latest = device.get("latest_sensor_values")
    for value in latest.values() if isinstance(latest, dict) else ():
        if isinstance(value, dict):
            parse_fields(value, ("time",))


read_device = ItemReader("device_id", times=DEVICE_TIMES, complete=_complete)


class DevicesResource(Resource):
    """The devices of an account."""

    def iter_devices(self) -> Iterator[Device]:
        """Yield all devices of the account (``GET /devices``; seen in public clients).

        In public clients, one response without a limit contains all devices. So no limit is sent; if the
        response is paginated anyway, the other pages are requested.

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        return self._whole_list("/devices", "devices", read_device)

    def get_device(self, device_id: str) -> Device:
        """Return one device (``GET /devices/{device_id}``).

        :param device_id: ID of the device.
        :raises MinutNotFoundError: if the device does not exist, or belongs to another account.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/devices/{checked_id('device_id', device_id)}"
        device: Device = self._read_object("GET", path, read_device)
        return device

    def update_device(
        self,
        device_id: str,
        *,
        reactions: Iterable[Reaction] = (),
        quiet_hours: QuietHours | None = None,
    ) -> None:
        """Change thresholds and quiet hours (``PUT /devices/{device_id}``).

        Whether Minut replaces or merges the list of reactions is not documented. So the device is read first,
        and all its reactions are written back, with those of the given types changed. They are written where
        they were found: at the top level, as documented, or in ``configuration``, as public clients have seen
        them. A change takes effect when the device checks in next.

        :param device_id: ID of the device.
        :param reactions: Reactions to change, by ``type``; those of other types are not changed.
        :param quiet_hours: Times in the home's time zone; ``None`` does not change them.
        :raises MinutConfigurationError: if a reaction or the quiet hours are invalid.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        changes = list(reactions)
        check_thresholds(changes, quiet_hours)
        device = self.get_device(device_id)
        if changes and not reactions_of(device):
            log.warning(
                "Minut returned no reactions for device %s; only the given ones are written.", device_id
            )
        body = merged_thresholds(device, changes, quiet_hours)
        returned = self._write("PUT", f"/devices/{device_id}", body)
        if isinstance(returned, dict) and (reactions_of(returned) or quiet_hours_of(returned)):
            missing = threshold_changes(returned, changes, quiet_hours)
            if missing:
                text = "Minut accepted the change of device %s, but did not return it as changed: %s"
                log.warning(text, device_id, "; ".join(missing))
