"""The endpoints that the check requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_minut.api.resources.base import DOCUMENTED_PAGE_SIZE, PAGE_SIZE
from airflow_provider_minut.api.resources.devices import read_device
from airflow_provider_minut.api.resources.events import read_home_event, read_user_event
from airflow_provider_minut.api.resources.homes import read_home
from airflow_provider_minut.api.resources.readings import SENSORS, read_reading
from airflow_provider_minut.api.resources.replies import ItemReader, Reader
from airflow_provider_minut.api.resources.users import read_user
from airflow_provider_minut.api.resources.webhooks import read_webhook
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.api_check.beliefs import (
    DEVICE,
    HISTORY,
    HOME,
    HOME_EVENT,
    MOTION,
    ORGANIZATION,
    PAGING,
    PERHAPS_PAGING,
    READING,
    USER,
    USER_EVENT,
    WEBHOOK,
    Belief,
)
from airflow_provider_minut.extraction.extractor import DEFAULT_SENSORS, DEFAULT_TIME_RESOLUTION

RANGE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """An endpoint that answers ``GET``, and what the provider expects of its reply.

    :param path: Path below the base URL, with ``{home_id}`` or ``{device_id}`` for an ID.
    :param item: Fields of an item; the first one is its ID or its time.
    :param read: Reads an item; returns ``None`` if it cannot.
    :param list_key: Key of the list of items; empty if the reply is one item.
    :param around: Fields next to the list.
    :param use: When the provider sends the request; empty if it does so by default. Other endpoints are
        optional.
    :param params: Query parameters.
    :param item_type: Name of the JSON type of an item.
    :param ranged: Whether the request has a time range.
    :param is_history: Whether the reply is a history, whose items may be objects, pairs or ``null``.
    """

    path: str
    item: tuple[Belief, ...]
    read: Reader
    list_key: str = ""
    around: tuple[Belief, ...] = ()
    use: str = ""
    params: tuple[tuple[str, Any], ...] = ()
    item_type: str = "object"
    ranged: bool = False
    is_history: bool = False

    @property
    def name(self) -> str:
        """The request as text, without IDs."""
        return f"GET {self.path}"

    def query(self, now: datetime) -> dict[str, Any]:
        """Return the query parameters.

        :param now: End of the time range.
        """
        times = {"start_at": to_text(now - RANGE), "end_at": to_text(now)} if self.ranged else {}
        return times | dict(self.params)


def _history(sensor: str) -> Endpoint:
    # The other parameters are documented for sound_level only.
    is_motion = sensor == "motion_events"
    documented = (("include_min_max", True), ("null_fill", True)) if sensor == "sound_level" else ()
    return Endpoint(
        path=f"/devices/{{device_id}}/{sensor}",
        item=MOTION if is_motion else READING,
        read=read_reading,
        list_key="values",
        around=HISTORY,
        use="" if sensor in DEFAULT_SENSORS else "only if a DAG selects the sensor",
        params=(("time_resolution", DEFAULT_TIME_RESOLUTION), *documented),
        item_type="list" if is_motion else "object",
        ranged=True,
        is_history=True,
    )


USER_ENDPOINT = Endpoint(path="/users/me", item=USER, read=read_user)
HOMES = Endpoint(
    path="/homes",
    item=HOME,
    read=read_home,
    list_key="homes",
    around=PERHAPS_PAGING,
    params=(("limit", DOCUMENTED_PAGE_SIZE),),
)
DEVICES = Endpoint(path="/devices", item=DEVICE, read=read_device, list_key="devices", around=PERHAPS_PAGING)
ONE_HOME = Endpoint(path="/homes/{home_id}", item=HOME, read=read_home)
HOME_EVENTS = Endpoint(
    path="/homes/{home_id}/events",
    item=HOME_EVENT,
    read=read_home_event,
    list_key="home_events",
    around=PAGING,
    params=(("limit", PAGE_SIZE), ("offset", 0)),
    ranged=True,
)
ONE_DEVICE = Endpoint(path="/devices/{device_id}", item=DEVICE, read=read_device)
HISTORIES = {sensor: _history(sensor) for sensor in SENSORS}
USER_EVENTS = Endpoint(
    path="/events",
    item=USER_EVENT,
    read=read_user_event,
    list_key="events",
    around=PERHAPS_PAGING,
    params=(("order", "desc"), ("limit", PAGE_SIZE), ("offset", 0)),
)
WEBHOOKS = Endpoint(
    path="/webhooks", item=WEBHOOK, read=read_webhook, list_key="hooks", around=PERHAPS_PAGING
)
# Of the endpoints of organizations, which only the web application is known to use, it is the one that needs
# neither an ID nor a role.
ORGANIZATIONS = Endpoint(
    path="/organizations",
    item=ORGANIZATION,
    read=ItemReader("id"),
    list_key="organizations",
    around=PERHAPS_PAGING,
    use="never",
    params=(("limit", DOCUMENTED_PAGE_SIZE),),
)

# In the order of the requests: the lists come first, because they contain the IDs.
ENDPOINTS = (
    USER_ENDPOINT,
    HOMES,
    DEVICES,
    ONE_HOME,
    HOME_EVENTS,
    ONE_DEVICE,
    *HISTORIES.values(),
    USER_EVENTS,
    WEBHOOKS,
    ORGANIZATIONS,
)
