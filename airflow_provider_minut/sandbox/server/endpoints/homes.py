"""``/homes``: homes, their alarm and their events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from airflow_provider_minut.sandbox.server.json_response import AsciiJsonResponse
from airflow_provider_minut.sandbox.server.validation import OPTIONAL, JsonObject, Limit, Offset, Text, Time
from airflow_provider_minut.sandbox.simulation.events import ALL, BOTH
from airflow_provider_minut.sandbox.simulation.timestamps import DAY
from airflow_provider_minut.sandbox.simulation.world import ALARM, HOME_EVENT_TYPES, World

DEFAULT_DAYS = 7  # an assumption
_EVENT_TYPE = f"({'|'.join(HOME_EVENT_TYPES)})"


class HomeChanges(JsonObject):
    """The body of ``PUT /homes/{id}``."""

    alarm_status: Literal["on", "off"] = OPTIONAL
    name: Text = OPTIONAL


class AlarmChanges(JsonObject):
    """The body of ``PATCH /homes/{id}/alarm``."""

    alarm_status: Literal["on", "off"] = OPTIONAL
    alarm_mode: Text = OPTIONAL
    silent_alarm: bool = OPTIONAL
    scheduled_alarm_active: bool = OPTIONAL


def home_routes(world: World) -> APIRouter:
    """Return the endpoints of homes."""
    router = APIRouter(prefix="/homes", redirect_slashes=False)

    @router.get("")
    async def homes(limit: Limit = 30, offset: Offset = 0) -> Response:
        count = world.fleet.homes

        def page(offset: int, limit: int) -> list[dict[str, Any]]:
            return [world.home(number) for number in range(1, count + 1)[offset : offset + limit]]

        return AsciiJsonResponse(world.shape.paged("homes", page, count, offset, limit))

    @router.get("/{home_id}")
    async def home(home_id: str) -> Response:
        return AsciiJsonResponse(world.home(world.fleet.home_number(home_id)))

    @router.put("/{home_id}")
    async def change_home(home_id: str, request: Request) -> Response:
        number = world.fleet.home_number(home_id)
        changes = await HomeChanges.read(request)
        return AsciiJsonResponse(world.change_home(number, changes.model_dump(exclude_unset=True)))

    @router.patch("/{home_id}/alarm")
    async def change_alarm(home_id: str, request: Request) -> Response:
        number = world.fleet.home_number(home_id)
        changes = await AlarmChanges.read(request)
        home = world.change_home(number, changes.model_dump(exclude_unset=True))
        return AsciiJsonResponse({name: home[name] for name in ALARM if name in home})

    @router.get("/{home_id}/events")
    async def home_events(
        home_id: str,
        limit: Limit = 30,
        offset: Offset = 0,
        event_type: Annotated[str | None, Query(pattern=f"^{_EVENT_TYPE}(,{_EVENT_TYPE})*$")] = None,
        start_at: Time | None = None,
        end_at: Time | None = None,
        guest_ids: str | None = None,
    ) -> Response:
        number = world.fleet.home_number(home_id)
        end = world.now() + 1 if end_at is None else end_at
        start = world.now() - DEFAULT_DAYS * DAY if start_at is None else start_at
        # No home has guests.
        events = world.events(number, start, end, () if guest_ids else _kinds(event_type))

        def page(offset: int, limit: int) -> list[dict[str, Any]]:
            return [world.home_event(event) for event in events.page(offset, limit)]

        return AsciiJsonResponse(world.shape.paged("home_events", page, len(events), offset, limit))

    return router


def _kinds(event_type: str | None) -> Sequence[int]:
    """Return the kinds of events in a list of event types, all of them without a list."""
    if event_type is None:
        return ALL
    names = event_type.split(",")
    return [kind for kind in BOTH if HOME_EVENT_TYPES[kind] in names]
