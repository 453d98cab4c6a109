"""Webhooks: list, create, delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_minut.api.models import Webhook
from airflow_provider_minut.api.resources.base import Resource, checked_id, checked_object
from airflow_provider_minut.api.resources.pagination import parse_page
from airflow_provider_minut.api.times import parse_fields


class WebhooksResource(Resource):
    """The webhooks of an account."""

    def iter_webhooks(self) -> Iterator[Webhook]:
        """Yield the webhooks (``GET /webhooks``; seen in public clients).

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        page = parse_page("GET /webhooks", self.request("GET", "/webhooks"), "hooks", None)
        for hook in page.items:
            parse_fields(hook, ("created_at",))
            yield hook  # type: ignore[misc]  # a TypedDict is not checked at run time

    def create_webhook(self, url: str, events: Iterable[str], *, token: str | None = None) -> Webhook:
        """Create a webhook and return it (``POST /webhooks``; developer.minut.com, Webhooks).

        :param url: Publicly reachable HTTPS URL.
        :param events: Names of *user* events, or only ``["*"]`` for all.
        :param token: Token that Minut includes in every delivery.
        :return: The webhook; its ``hook_secret`` is returned only now, and it is a secret.
        :raises MinutError: as :meth:`MinutClient.request`. If no response arrived, verify whether the webhook
            exists.
        """
        body = {"url": url, "events": list(events)} | ({"token": token} if token else {})
        data = self.request("POST", "/webhooks", json=body)
        webhook: Webhook = checked_object("POST /webhooks", data, "hook_id", ("created_at",))
        return webhook

    def delete_webhook(self, hook_id: str) -> None:
        """Delete a webhook (``DELETE /webhooks/{hook_id}``; seen in public clients).

        :param hook_id: ID of the webhook.
        :raises MinutNotFoundError: if the webhook does not exist.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        self.request("DELETE", f"/webhooks/{checked_id('hook_id', hook_id)}")
