"""The plugin: webhook receiver and status page in the API server. Every Airflow component imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class _LazyApp:
    """The ASGI application, created at the first request, because only the API server needs it."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from airflow_provider_minut.status_page.page import StatusPage
            from airflow_provider_minut.webhooks.receiver import Receiver, create_app

            receiver = Receiver()
            app = create_app(receiver)
            StatusPage(receiver.registry, receiver.delivery_log).add_to(app)
            self._app = app
        await self._app(scope, receive, send)


class MinutPlugin(AirflowPlugin):
    """``POST /minut/webhooks/{name}`` in the API server, and the page *Minut* in its UI.

    .. seealso:: ``docs/webhooks.md`` and ``docs/page.md``
    """

    name = "minut_webhooks"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - AirflowPlugin declares it as list[Any], not as ClassVar
        {"app": _LazyApp(), "url_prefix": "/minut", "name": "Minut webhooks"}
    ]
    external_views: list[Any] = [  # noqa: RUF012 - AirflowPlugin declares it as list[Any], not as ClassVar
        {
            "name": "Minut",
            "href": "minut/status",  # relative to the path of the UI
            "url_route": "minut",
            "destination": "nav",
            "category": "browse",
        }
    ]
