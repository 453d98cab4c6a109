"""Webhooks: list, create, delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_minut.api.models import Webhook
from airflow_provider_minut.api.resources.base import Resource
from airflow_provider_minut.api.resources.replies import ItemReader
from airflow_provider_minut.api.values import checked_id

read_webhook = ItemReader("hook_id", times=("created_at",))


class WebhooksResource(Resource):
    """The webhooks of an account."""

    def iter_webhooks(self) -> Iterator[Webhook]:
        """Yield the webhooks (``GET /webhooks``; seen in public clients).

        :raises MinutError: as :meth:`MinutClient.request`.
        """
        return self._whole_list("/webhooks", "hooks", read_webhook)

    def create_webhook(self, url: str, events: Iterable[str], *, token: str | None = None) -> Webhook:
        """Create a webhook and return it (``POST /webhooks``; developer.minut.com, Webhooks).

        :param url: Publicly reachable HTTPS URL.
        :param events: Names of *user* events, or only ``["*"]`` for all.
        :param token: Token that Minut sends back with every delivery (documented; where is not. A client of
            v1 found it as the value of the header ``Authorization``).
        :return: The webhook; its ``hook_secret`` is returned only now, and it is a secret.
        :raises MinutError: as :meth:`MinutClient.request`. If no response arrived, verify whether the webhook
            exists.
        """
        body = {"url": url, "events": list(events)} | ({"token": token} if token else {})
        webhook: Webhook = self._read_object("POST", "/webhooks", read_webhook, json=body)
        return webhook

    def delete_webhook(self, hook_id: str) -> None:
        """Delete a webhook (``DELETE /webhooks/{hook_id}``; seen in public clients).

        :param hook_id: ID of the webhook.
        :raises MinutNotFoundError: if the webhook does not exist.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        self.request("DELETE", f"/webhooks/{checked_id('hook_id', hook_id)}")
