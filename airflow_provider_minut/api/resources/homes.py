"""Homes: list, read, update, arm and disarm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_minut.api.models import Home
from airflow_provider_minut.api.resources.alarm import check_alarm
from airflow_provider_minut.api.resources.base import Resource
from airflow_provider_minut.api.resources.replies import ItemReader
from airflow_provider_minut.api.values import checked_id

read_home = ItemReader("home_id", times=("created_at", "grace_period_expires_at", "earliest_alarm_time"))


class HomesResource(Resource):
    """The homes of an account."""

    def iter_homes(self) -> Iterator[Home]:
        """Yield all homes of the account (``GET /homes``), page by page.

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        return self._list("/homes", "homes", read_home)

    def get_home(self, home_id: str) -> Home:
        """Return one home (``GET /homes/{home_id}``; seen in public clients).

        :param home_id: ID of the home.
        :raises MinutNotFoundError: if the home does not exist, or belongs to another account.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        home: Home = self._read_object("GET", path, read_home)
        return home

    def update_home(self, home_id: str, changes: Mapping[str, Any]) -> Home:
        """Change fields of a home (``PUT /homes/{home_id}``; seen in public clients); return the home.

        :param home_id: ID of the home.
        :param changes: Fields to change, like ``{"alarm_status": "on"}``.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/homes/{checked_id('home_id', home_id)}"
        home: Home = self._read_object("PUT", path, read_home, json=dict(changes))
        return home

    def set_alarm(
        self,
        home_id: str,
        alarm_status: str | None = None,
        *,
        alarm_mode: str | None = None,
        silent_alarm: bool | None = None,
        scheduled_alarm_active: bool | None = None,
    ) -> None:
        """Arm or disarm a home, or change its alarm (``PATCH /homes/{home_id}/alarm``).

        Only what is given is sent. After arming there may be a grace period, in which the home's
        ``alarm_status``, or only its ``detailed_alarm_status``, is ``on_grace_period`` (all seen in public
        clients).

        :param home_id: ID of the home.
        :param alarm_status: ``on`` or ``off``.
        :param alarm_mode: Mode; only ``manual`` has been seen.
        :param silent_alarm: Whether the device stays silent.
        :param scheduled_alarm_active: Whether the schedule arms the home too.
        :raises MinutConfigurationError: if a setting is invalid.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        settings = {
            "alarm_status": alarm_status,
            "alarm_mode": alarm_mode,
            "silent_alarm": silent_alarm,
            "scheduled_alarm_active": scheduled_alarm_active,
        }
        changes = {name: value for name, value in settings.items() if value is not None}
        check_alarm(changes)
        self._write("PATCH", f"/homes/{checked_id('home_id', home_id)}/alarm", changes)
