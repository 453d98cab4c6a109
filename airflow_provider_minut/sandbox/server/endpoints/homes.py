"""``/homes``: homes, their alarm and their events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.server.errors import invalid, not_found
from airflow_provider_minut.sandbox.server.validation import (
    Limit,
    Offset,
    checked_flag,
    checked_text,
    json_object,
    parse_time,
)
from airflow_provider_minut.sandbox.simulation.events import BOTH
from airflow_provider_minut.sandbox.simulation.timestamps import DAY
from airflow_provider_minut.sandbox.simulation.world import ALARM, HOME_EVENT_TYPES, World

DEFAULT_DAYS = 7  # an assumption


def home_routes(world: World) -> APIRouter:
    """Return the endpoints of homes."""
    router = APIRouter(prefix="/homes", redirect_slashes=False)

    def numbered(home_id: str) -> int:
        if (number := world.fleet.home_number(home_id)) is None:
            raise not_found()
        return number

    @router.get("")
    async def homes(limit: Limit = 30, offset: Offset = 0) -> Response:
        count = world.fleet.homes
        numbers = range(1, count + 1)[offset : offset + limit]
        return _page(world, "homes", [world.home(number) for number in numbers], count, limit, offset)

    @router.get("/{home_id}")
    async def home(home_id: str) -> Response:
        return JSONResponse(world.home(numbered(home_id)))

    @router.put("/{home_id}")
    async def change_home(home_id: str, request: Request) -> Response:
        number = numbered(home_id)
        world.change_home(number, await _checked(request, "alarm_status", "name"))
        return JSONResponse(world.home(number))

    @router.patch("/{home_id}/alarm")
    async def change_alarm(home_id: str, request: Request) -> Response:
        number = numbered(home_id)
        world.change_home(number, await _checked(request, *ALARM))
        home = world.home(number)
        return JSONResponse({name: home[name] for name in ALARM if name in home})

    @router.get("/{home_id}/events")
    async def home_events(
        home_id: str,
        limit: Limit = 30,
        offset: Offset = 0,
        event_type: str | None = None,
        start_at: str | None = None,
        end_at: str | None = None,
        guest_ids: str | None = None,
    ) -> Response:
        number = numbered(home_id)
        now = world.now()
        end = parse_time("end_at", end_at, now + 1)
        start = parse_time("start_at", start_at, now - DEFAULT_DAYS * DAY)
        kinds = () if guest_ids else _kinds(event_type)  # no home has guests
        events = world.events(number, start, end, kinds)
        page = [world.home_event(event) for event in events.page(offset, limit)]
        return _page(world, "home_events", page, len(events), limit, offset)

    return router


def _page(
    world: World, name: str, page: list[dict[str, Any]], count: int, limit: int, offset: int
) -> Response:
    paging = {"paging": {"total_count": count, "limit": limit, "offset": offset}}
    return JSONResponse({name: page} | ({} if world.sparse else paging))


def _kinds(event_type: str | None) -> Sequence[int]:
    if event_type is None:
        return BOTH
    names = event_type.split(",")
    if not set(names) <= set(HOME_EVENT_TYPES):
        raise invalid("event_type", f"one or both of {','.join(HOME_EVENT_TYPES)}")
    return [kind for kind in BOTH if HOME_EVENT_TYPES[kind] in names]


async def _checked(request: Request, *fields: str) -> dict[str, Any]:
    checks: dict[str, Callable[[str, object], object]] = {
        "name": checked_text,
        "alarm_status": _alarm_status,
        "alarm_mode": checked_text,
        "silent_alarm": checked_flag,
        "scheduled_alarm_active": checked_flag,
    }
    content = await json_object(request, *fields)
    return {name: checks[name](name, value) for name, value in content.items()}


def _alarm_status(field: str, value: object) -> object:
    if value not in ("on", "off"):
        raise invalid(field, "on or off")
    return value
