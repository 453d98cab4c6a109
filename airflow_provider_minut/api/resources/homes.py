"""Homes: list, read, update, arm and disarm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_minut.api.models import Home
from airflow_provider_minut.api.resources.base import Resource, checked_id, checked_object
from airflow_provider_minut.exceptions import MinutConfigurationError

HOME_TIMES = ("created_at",)


class HomesResource(Resource):
    """The homes of an account."""

    def iter_homes(self) -> Iterator[Home]:
        """Yield all homes of the account (``GET /homes``), page by page.

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        return self._list("/homes", "homes", "home_id", HOME_TIMES)

    def get_home(self, home_id: str) -> Home:
        """Return one home (``GET /homes/{home_id}``; seen in public clients).

        :param home_id: ID of the home.
        :raises MinutNotFoundError: if the home does not exist, or belongs to another account.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        home: Home = self._get_object(path, "home_id", HOME_TIMES)
        return home

    def update_home(self, home_id: str, changes: Mapping[str, Any]) -> Home:
        """Change fields of a home (``PUT /homes/{home_id}``; seen in public clients); return the home.

        :param home_id: ID of the home.
        :param changes: Fields to change, like ``{"alarm_status": "on"}``.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        data = self.request("PUT", path, json=dict(changes))
        home: Home = checked_object(f"PUT {path}", data, "home_id", HOME_TIMES)
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

        After arming there may be a grace period, in which the home's ``alarm_status`` is
        ``on_grace_period``.

        :param home_id: ID of the home.
        :param alarm_status: ``on`` or ``off``.
        :param alarm_mode: Mode; only ``manual`` is known.
        :param silent_alarm: Whether the device stays silent.
        :param scheduled_alarm_active: Whether the schedule arms the home too.
        :raises MinutConfigurationError: if ``alarm_status`` is invalid.
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
