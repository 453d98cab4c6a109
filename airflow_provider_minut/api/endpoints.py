"""Who and what there is: homes, devices, webhooks. One method for each thing a caller wants."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_minut.api.configuration import check_configuration, merged_configuration, reactions_of
from airflow_provider_minut.api.models import Device, Home, QuietHours, Reaction, Webhook
from airflow_provider_minut.api.paging import iterate, page_of
from airflow_provider_minut.api.requester import Requester, checked_id, checked_object
from airflow_provider_minut.api.times import parse_fields
from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)

HOME_TIMES = ("created_at",)
DEVICE_TIMES = ("last_heard_from_at", "last_heartbeat_at", "next_heartbeat_at", "first_seen_at")


class Endpoints(Requester):
    """Homes, devices and webhooks."""

    def iter_homes(self) -> Iterator[Home]:
        """Yield all homes of the account (``GET /homes``), page by page.

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        return self._list("/homes", "homes", "home_id", HOME_TIMES)

    def get_home(self, home_id: str) -> Home:
        """Return one home (``GET /homes/{home_id}``; seen in public clients).

        :raises MinutNotFoundError: there is no such home, or it is somebody else's.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        home: Home = self._get_object(path, "home_id", HOME_TIMES)
        return home

    def update_home(self, home_id: str, changes: Mapping[str, Any]) -> Home:
        """Change fields of a home (``PUT /homes/{home_id}``; seen in public clients); return the home.

        :param changes: the fields to change, like ``{"alarm_status": "on"}``.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        answer = self.request("PUT", path, json=dict(changes))
        home: Home = checked_object(f"PUT {path}", answer, "home_id", HOME_TIMES)
        return home

    def set_alarm(
        self,
        home_id: str,
        alarm_status: str,
        *,
        alarm_mode: str = "manual",
        silent_alarm: bool = False,
        scheduled_alarm_active: bool = False,
    ) -> None:
        """Arm or disarm a home (``PATCH /homes/{home_id}/alarm``; seen in public clients).

        Arming may pass through a grace period, in which the home's ``alarm_status`` is
        ``on_grace_period``.

        :param alarm_status: ``on`` or ``off``.
        :param alarm_mode: only ``manual`` has been seen.
        :param silent_alarm: whether the device stays silent.
        :param scheduled_alarm_active: whether the schedule arms the home too.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        if alarm_status not in {"on", "off"}:
            raise MinutConfigurationError("alarm_status", "must be on or off")
        body = {
            "alarm_status": alarm_status,
            "alarm_mode": alarm_mode,
            "silent_alarm": silent_alarm,
            "scheduled_alarm_active": scheduled_alarm_active,
        }
        self.request("PATCH", f"/homes/{checked_id('home_id', home_id)}/alarm", json=body)

    def iter_devices(self) -> Iterator[Device]:
        """Yield all devices of the account (``GET /devices``; seen in public clients).

        They are known to come in one answer without a limit, so none is sent; if they come in pages
        all the same, the rest is asked for.

        :raises MinutError: as :meth:`MinutClient.request`.
        """

        def page(offset: int) -> Any:
            answer = self.request("GET", "/devices", params={"offset": offset} if offset else None)
            return page_of("GET /devices", answer, "devices", None)

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
        check_configuration(wanted, quiet_hours)
        device = self.get_device(device_id)
        if wanted and not reactions_of(device):
            log.warning(
                "Minut does not say which reactions device %s has; only those given are written.", device_id
            )
        self.request("PUT", f"/devices/{device_id}", json=merged_configuration(device, wanted, quiet_hours))

    def iter_webhooks(self) -> Iterator[Webhook]:
        """Yield the webhooks (``GET /webhooks``; seen in public clients).

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        page = page_of("GET /webhooks", self.request("GET", "/webhooks"), "hooks", None)
        for hook in page.items:
            parse_fields(hook, ("created_at",))
            yield hook  # type: ignore[misc]  # a TypedDict is a promise, not a check

    def create_webhook(self, url: str, events: Iterable[str], *, token: str | None = None) -> Webhook:
        """Create a webhook and return it (``POST /webhooks``; developer.minut.com, Webhooks).

        :param url: publicly reachable HTTPS.
        :param events: names of *user* events, or ``["*"]`` alone for all.
        :param token: comes with every delivery.
        :return: the webhook; its ``hook_secret`` is shown this once, and it is a secret.
        :raises MinutError: as :meth:`MinutClient.request`. If no answer arrived, look whether it exists.
        """
        body = {"url": url, "events": list(events)} | ({"token": token} if token else {})
        answer = self.request("POST", "/webhooks", json=body)
        webhook: Webhook = checked_object("POST /webhooks", answer, "hook_id", ("created_at",))
        return webhook

    def delete_webhook(self, hook_id: str) -> None:
        """Delete a webhook (``DELETE /webhooks/{hook_id}``; seen in public clients).

        :raises MinutNotFoundError: there is no such webhook.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        self.request("DELETE", f"/webhooks/{checked_id('hook_id', hook_id)}")


def _parse_device(device: Any) -> None:
    parse_fields(device, DEVICE_TIMES)
    values = device.get("latest_sensor_values")
    for value in values.values() if isinstance(values, dict) else ():
        if isinstance(value, dict):
            parse_fields(value, ("time",))
