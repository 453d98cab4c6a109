"""The plugin that lets Airflow's API server receive Minut's webhooks. Every component imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class _Receiver:
    """The receiver as an ASGI application, built at the first request: only the API server needs it."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from airflow_provider_minut.plugins.receiver import create_app

            self._app = create_app()
        await self._app(scope, receive, send)


class MinutWebhooksPlugin(AirflowPlugin):
    """``POST /minut/webhooks/{name}`` of the API server, for webhooks that are registered.

    .. seealso:: ``docs/webhooks.md``
    """

    name = "minut_webhooks"
    fastapi_apps: list[Any] = [  # noqa: RUF012  # as Airflow declares it
        {"app": _Receiver(), "url_prefix": "/minut", "name": "Minut webhooks"}
    ]
