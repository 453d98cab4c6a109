"""``/devices``: devices, their settings and their sensor history."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.server.errors import RejectedError, invalid, not_found
from airflow_provider_minut.sandbox.server.validation import (
    Offset,
    checked_flag,
    checked_text,
    json_object,
    parse_time,
)
from airflow_provider_minut.sandbox.simulation.readings import UNITS, HistoryQuery
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, SECOND
from airflow_provider_minut.sandbox.simulation.world import World

PAGE = 1000  # devices; an assumption
MAX_DAYS = 31  # of a history; an assumption
REACTION_TYPES = (
    "sound_level_high",
    "sound_level_high_quiet_hours",
    "temperature_high",
    "temperature_low",
    "humidity_high",
    "humidity_low",
)
DURATIONS = (300, 900)  # seconds
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def device_routes(world: World) -> APIRouter:
    """Return the endpoints of devices."""
    router = APIRouter(prefix="/devices", redirect_slashes=False)

    def numbered(device_id: str) -> int:
        if (number := world.fleet.device_number(device_id)) is None:
            raise not_found()
        return number

    # Endpoints that may compute for long are not coroutines, so that they do not block the event loop.
    @router.get("")
    def devices(limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE, offset: Offset = 0) -> Response:
        return JSONResponse(_listed(world, limit, offset))

    @router.get("/{device_id}")
    async def device(device_id: str) -> Response:
        return JSONResponse(world.device(numbered(device_id)))

    @router.put("/{device_id}")
    async def change_device(device_id: str, request: Request) -> Response:
        number = numbered(device_id)
        content = await json_object(request, "reactions", "quiet_hours", "description")
        world.change_device(number, _checked(content))
        return JSONResponse(world.device(number))

    @router.get("/{device_id}/{sensor}")
    def history(
        device_id: str,
        sensor: str,
        *,
        start_at: str | None = None,
        end_at: str | None = None,
        time_resolution: Annotated[int, Query(ge=60, le=86_400)] = 420,
        null_fill: bool = False,
        include_min_max: bool = False,
    ) -> Response:
        number = numbered(device_id)
        if sensor not in UNITS:
            raise not_found()
        now = world.now()
        end = parse_time("end_at", end_at, now)
        start = parse_time("start_at", start_at, end - DAY)
        if end - start > MAX_DAYS * DAY:
            raise RejectedError(400, f"start_at: must be at most {MAX_DAYS} days before end_at")
        readings, last_check_in = world.readings(number)
        query = HistoryQuery(
            start, end, time_resolution * SECOND, null_fill=null_fill, min_max=include_min_max
        )
        body: dict[str, Any] = {"unit": UNITS[sensor], "time_resolution": time_resolution}
        values = readings.history(sensor, number, query, last_check_in)
        return JSONResponse(body | ({"values": values} if values or not world.sparse else {}))

    return router


def _listed(world: World, limit: int, offset: int) -> dict[str, Any]:
    count = world.fleet.devices
    paged = count > PAGE and not world.sparse
    if not paged:
        limit, offset = count, 0
    numbers = range(1, count + 1)[offset : offset + limit]
    body: dict[str, Any] = {"devices": [world.device(number) for number in numbers]}
    if paged:
        body["paging"] = {"total_count": count, "limit": limit, "offset": offset}
    return body


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in content.items():
        if name == "description":
            changes[name] = checked_text(name, value)
        elif name == "quiet_hours":
            changes[name] = _quiet_hours(value)
        elif isinstance(value, list):
            changes[name] = [_reaction(item) for item in value]
        else:
            raise invalid(name, "a list")
    return changes


def _quiet_hours(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != {"enabled", "start", "end"}:
        raise invalid("quiet_hours", "an object with enabled, start and end")
    for name in ("start", "end"):
        if not isinstance(value[name], str) or not _TIME_OF_DAY.fullmatch(value[name]):
            raise invalid("quiet_hours", f"an object whose {name} is a local time, HH:MM")
    checked_flag("enabled", value["enabled"])
    return value


def _reaction(item: object) -> dict[str, Any]:
    fields = {"type", "notifications", "value", "duration_seconds"}
    if not isinstance(item, dict) or not {"type", "value"} <= item.keys() <= fields:
        raise invalid(
            "reactions", f"objects with type and value, optionally {' and '.join(sorted(fields)[:2])}"
        )
    if item["type"] not in REACTION_TYPES:
        raise invalid("type", f"one of {', '.join(REACTION_TYPES)}")
    if not _is_number(item["value"]):
        raise invalid("value", "a number")
    if not isinstance(item.get("notifications", []), list):
        raise invalid("notifications", "a list")
    seconds = item.get("duration_seconds", DURATIONS[0])
    if not isinstance(seconds, int) or not DURATIONS[0] <= seconds <= DURATIONS[1]:
        raise invalid("duration_seconds", f"a whole number from {DURATIONS[0]} to {DURATIONS[1]}")
    return {"notifications": [], **item}


def _is_number(value: object) -> bool:
    # Python's parser accepts NaN and Infinity, which are not JSON, and a bool is an int.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1000
