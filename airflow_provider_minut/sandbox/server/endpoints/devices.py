"""``/devices``: devices, their settings and their sensor history."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import Field

from airflow_provider_minut.sandbox.server.json_response import AsciiJsonResponse
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


class NewSettings(JsonObject):
    """The settings of a device that can be changed."""

    reactions: list[NewReaction] = OPTIONAL
    quiet_hours: NewQuietHours = OPTIONAL


class NewConfiguration(NewSettings):
    """The settings of a device, as clients of earlier versions found them; the other fields are ignored."""

    version: Any = None
    installed_on_device_at: Any = None
    updated_at: Any = None
    room_type: Any = None


class DeviceChanges(NewSettings):
    """The body of ``PUT /devices/{id}``."""

    description: Text = OPTIONAL
    configuration: NewConfiguration = OPTIONAL

    def by_name(self) -> dict[str, Any]:
        """Return what to change; a setting at the top level overrides the one under ``configuration``."""
        changes = self.model_dump(exclude_unset=True)
        nested = changes.pop("configuration", {})
        changes = {name: nested[name] for name in NewSettings.model_fields if name in nested} | changes
        for reaction in changes.get("reactions", []):
            reaction.setdefault("notifications", [])
        return changes


def device_routes(world: World) -> APIRouter:
    """Return the endpoints of devices."""
    router = APIRouter(prefix="/devices", redirect_slashes=False)

    # Endpoints that may compute for long are not coroutines, so that they do not block the event loop.
    @router.get("")
    def devices(limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE, offset: Offset = 0) -> Response:
        return AsciiJsonResponse(_listed(world, limit, offset))

    @router.get("/{device_id}")
    async def device(device_id: str) -> Response:
        return AsciiJsonResponse(world.device(world.fleet.device_number(device_id)))

    @router.put("/{device_id}")
    async def change_device(device_id: str, request: Request) -> Response:
        number = world.fleet.device_number(device_id)
        changes = await DeviceChanges.read(request)
        return AsciiJsonResponse(world.change_device(number, changes.by_name()))

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
        readings, uploaded = world.readings(number)
        query = HistoryQuery(
            start, end, time_resolution * SECOND, null_fill=null_fill, min_max=include_min_max
        )
        buckets = readings.history(sensor, number, query, uploaded)
        return AsciiJsonResponse(world.shape.history(number, sensor, query.resolution, buckets))

    return router


def _listed(world: World, limit: int, offset: int) -> dict[str, Any]:
    count = world.fleet.devices

    def page(offset: int, limit: int) -> list[dict[str, Any]]:
        return [world.device(number) for number in range(1, count + 1)[offset : offset + limit]]

    if count > PAGE and world.shape.has_paging:
        return world.shape.paged("devices", page, count, offset, limit)
    return {"devices": world.shape.items(page, 0, count + 1)}
