"""``/devices``: devices, their settings and their sensor history."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from airflow_provider_minut.sandbox.server.validation import OPTIONAL, JsonObject, Offset, Text, Time
from airflow_provider_minut.sandbox.simulation.readings import SENSORS, HistoryQuery
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, SECOND
from airflow_provider_minut.sandbox.simulation.world import World

PAGE = 1000  # devices; an assumption
MAX_DAYS = 31  # of a history; an assumption
TimeOfDay = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class NewReaction(JsonObject):
    """A reaction of a device."""

    type: Literal[
        "sound_level_high",
        "sound_level_high_quiet_hours",
        "temperature_high",
        "temperature_low",
        "humidity_high",
        "humidity_low",
    ]
    notifications: list[Any] = Field(default_factory=list)
    value: float = Field(gt=-1000, lt=1000)
    duration_seconds: int = Field(OPTIONAL, ge=300, le=900)


class NewQuietHours(JsonObject):
    """The quiet hours of a device, in local time."""

    enabled: bool
    start: TimeOfDay
    end: TimeOfDay


class DeviceChanges(JsonObject):
    """The body of ``PUT /devices/{id}``."""

    reactions: list[NewReaction] = OPTIONAL
    quiet_hours: NewQuietHours = OPTIONAL
    description: Text = OPTIONAL


def device_routes(world: World) -> APIRouter:
    """Return the endpoints of devices."""
    router = APIRouter(prefix="/devices", redirect_slashes=False)

    # Endpoints that may compute for long are not coroutines, so that they do not block the event loop.
    @router.get("")
    def devices(limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE, offset: Offset = 0) -> Response:
        return JSONResponse(_listed(world, limit, offset))

    @router.get("/{device_id}")
    async def device(device_id: str) -> Response:
        return JSONResponse(world.device(world.fleet.device_number(device_id)))

    @router.put("/{device_id}")
    async def change_device(device_id: str, request: Request) -> Response:
        number = world.fleet.device_number(device_id)
        changes = (await DeviceChanges.read(request)).model_dump(exclude_unset=True)
        for reaction in changes.get("reactions", []):
            reaction.setdefault("notifications", [])
        return JSONResponse(world.change_device(number, changes))

    @router.get("/{device_id}/{sensor}")
    def history(
        device_id: str,
        sensor: str,
        *,
        start_at: Time | None = None,
        end_at: Time | None = None,
        time_resolution: Annotated[int, Query(ge=60, le=86_400)] = 420,
        null_fill: bool = False,
        include_min_max: bool = False,
    ) -> Response:
        number = world.fleet.device_number(device_id)
        if sensor not in SENSORS:
            raise HTTPException(404)
        end = world.now() if end_at is None else end_at
        start = end - DAY if start_at is None else start_at
        if end - start > MAX_DAYS * DAY:
            raise HTTPException(400, f"start_at: must be at most {MAX_DAYS} days before end_at")
        readings, last_check_in = world.readings(number)
        query = HistoryQuery(
            start, end, time_resolution * SECOND, null_fill=null_fill, min_max=include_min_max
        )
        body: dict[str, Any] = {"unit": SENSORS[sensor][0], "time_resolution": time_resolution}
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
