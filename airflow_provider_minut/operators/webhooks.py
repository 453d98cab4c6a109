"""Operators that keep a webhook registered, and bring in the events that it missed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutError, MinutNotFoundError
from airflow_provider_minut.hooks.minut import MinutHook, minut_client
from airflow_provider_minut.webhooks.registration import RegisteredWebhook, variable_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_minut.api.client import MinutClient


class _WebhookOperator(BaseOperator):
    """What operators of one registered webhook share: it is kept in an Airflow variable."""

    name: str
    minut_conn_id: str

    def _stored(self) -> RegisteredWebhook | None:
        """Return the webhook as the receiver knows it."""
        from airflow.sdk import Variable
        from airflow.sdk.log import mask_secret

        text = Variable.get(variable_name(self.name), default=None)
        if text is None:
            return None
        try:
            webhook = RegisteredWebhook.from_json(text)
        except MinutConfigurationError as error:
            self.log.warning("Variable %s is of no use and is replaced: %s", variable_name(self.name), error)
            return None
        mask_secret(webhook.hook_secret)
        mask_secret(webhook.token)
        return webhook

    def _delete(self, client: MinutClient, hook_id: str) -> None:
        try:
            client.delete_webhook(hook_id)
        except MinutNotFoundError:
            return
        self.log.info("Deleted webhook %s.", hook_id)


class MinutCreateWebhookOperator(_WebhookOperator):
    """Register a webhook, once, however often this runs (``POST /webhooks``).

    It is created if it is missing, and replaced if its URL or its events are others now, or if its secret
    was lost; others with the same URL are deleted. Minut shows the secret only when a webhook is created:
    it goes into the Airflow variable ``minut_webhook_secret_{name}``, encrypted and masked, where the
    receiver finds it, and nowhere else.

    .. seealso:: ``docs/webhooks.md``, ``dags/minut_webhooks.py``

    :param name: last part of the receiver's path: letters, digits, ``_`` and ``-`` (templated).
    :param url: where Minut can reach ``/minut/webhooks/{name}`` of the API server; HTTPS (templated).
    :param events: names of *user* events, or ``["*"]`` for all (templated).
    :param header: which header has the signature; not documented by Minut.
    :param algorithm: ``sha256`` or ``sha1``; not documented by Minut.
    :param encoding: ``hex`` or ``base64``; not documented by Minut.
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("name", "url", "events", "minut_conn_id")

    def __init__(
        self,
        *,
        name: str,
        url: str,
        events: Sequence[str],
        header: str = "X-Minut-Signature",
        algorithm: str = "sha256",
        encoding: str = "hex",
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.url = url
        self.events = events
        self.header = header
        self.algorithm = algorithm
        self.encoding = encoding
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> str:
        """Return the webhook's ``hook_id``.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: the child that fits, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            stored = self._stored()
            ours = {hook["hook_id"] for hook in client.iter_webhooks() if hook.get("url") == self.url}
            if stored and stored.hook_id in ours and set(stored.events) == set(self.events):
                webhook = self._described(stored.hook_id, stored.hook_secret, stored.token)
                self.log.info("Webhook %s is registered already.", stored.hook_id)
            else:
                webhook = self._create(client)
                self.log.info("Registered webhook %s for %s.", webhook.hook_id, ", ".join(webhook.events))
            if webhook != stored:
                self._store(webhook)
            old = {stored.hook_id} if stored else set()
            for hook_id in sorted((ours | old) - {webhook.hook_id}):
                self._delete(client, hook_id)
        return webhook.hook_id

    def _create(self, client: MinutClient) -> RegisteredWebhook:
        from airflow.sdk.log import mask_secret

        self._described("-", "-", None)  # refused before anything is created
        token = secrets.token_urlsafe(24)
        mask_secret(token)
        created = client.create_webhook(self.url, self.events, token=token)
        secret = created.get("hook_secret")
        if not isinstance(secret, str) or not secret:
            self._delete(client, created["hook_id"])
            raise MinutError("POST /webhooks answered without hook_secret; deliveries could not be verified")
        mask_secret(secret)
        return self._described(created["hook_id"], secret, token)

    def _described(self, hook_id: str, secret: str, token: str | None) -> RegisteredWebhook:
        return RegisteredWebhook(
            hook_id=hook_id,
            url=self.url,
            events=tuple(self.events),
            hook_secret=secret,
            token=token,
            header=self.header,
            algorithm=self.algorithm,
            encoding=self.encoding,
        )

    def _store(self, webhook: RegisteredWebhook) -> None:
        from airflow.sdk import Variable

        description = "A webhook of Minut, with its secret. Kept by MinutCreateWebhookOperator."
        Variable.set(variable_name(self.name), webhook.to_json(), description=description)


class MinutDeleteWebhookOperator(_WebhookOperator):
    """Delete a registered webhook, at Minut and in Airflow (``DELETE /webhooks/{hook_id}``).

    What is not there any more is no error. The receiver refuses deliveries a few seconds later.

    :param name: as it was registered (templated).
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("name", "minut_conn_id")

    def __init__(self, *, name: str, minut_conn_id: str = MinutHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> None:
        """Delete it.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: the child that fits, see :mod:`airflow_provider_minut.exceptions`.
        """
        from airflow.sdk import Variable

        with minut_client(self.minut_conn_id) as client:
            stored = self._stored()
            if stored is None:
                self.log.info("There is no webhook %s.", self.name)
                return
            self._delete(client, stored.hook_id)
            Variable.delete(variable_name(self.name))


class MinutReconcileEventsOperator(_WebhookOperator):
    """Bring in the events that a webhook missed, while its receiver was down for example.

    The events of the last time are read (``GET /events``; seen in public clients), and each is delivered
    to the receiver, signed as Minut would. The receiver knows what it has, so each event counts once,
    whoever was first. Events older than seven days it leaves out.

    :param name: of the registered webhook (templated).
    :param lookback: how long ago events may have occurred; longer than the time between two runs.
    :param receiver_url: another way to the receiver, if workers cannot use the webhook's URL (templated).
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("name", "receiver_url", "minut_conn_id")

    def __init__(
        self,
        *,
        name: str,
        lookback: timedelta = timedelta(days=1),
        receiver_url: str | None = None,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.lookback = lookback
        self.receiver_url = receiver_url
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Return how many events there were, and how many of them were missed.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: Minut could not be asked, or the receiver did not take an event.
        """
        with minut_client(self.minut_conn_id) as client:
            webhook = self._stored()
            if webhook is None:
                raise MinutConfigurationError("name", f"there is no webhook {self.name}; register it first")
            events = client.user_events_since(datetime.now(UTC) - self.lookback)
        wanted = [e for e in reversed(events) if "*" in webhook.events or e.get("type") in webhook.events]
        missed = sum(self._deliver(webhook, event) for event in wanted)
        self.log.info("%d events, %d of them had been missed.", len(wanted), missed)
        return {"events": len(wanted), "missed": missed}

    def _deliver(self, webhook: RegisteredWebhook, event: dict[str, Any]) -> bool:
        url = self.receiver_url or webhook.url
        try:
            status = webhook.send(event, url)
        except OSError as error:
            raise MinutError(f"The receiver at {url} cannot be reached ({type(error).__name__})") from None
        if status not in {201, 204}:
            raise MinutError(f"The receiver at {url} answered {status} to event {event.get('id')}")
        return status == 201
