"""``/users/me`` and ``/events``: the user and the user events."""

from __future__ import annotations

from functools import partial
from typing import Literal

from fastapi import APIRouter, Response

from airflow_provider_minut.sandbox.server.json_response import AsciiJsonResponse
from airflow_provider_minut.sandbox.server.validation import Limit, Offset
from airflow_provider_minut.sandbox.simulation.catalog import USER
from airflow_provider_minut.sandbox.simulation.world import World


def user_routes(world: World) -> APIRouter:
    """Return the endpoints of the user."""
    router = APIRouter(redirect_slashes=False)

    @router.get("/users/me")
    async def current_user() -> Response:
        return AsciiJsonResponse(USER)

    @router.get("/events")  # not a coroutine, because it may compute for long
    def events(limit: Limit = 30, offset: Offset = 0, order: Literal["asc", "desc"] = "desc") -> Response:
        page = partial(world.user_events, newest_first=order == "desc")
        return AsciiJsonResponse({"events": world.shape.items(page, offset, limit)})

    return router
