"""Operators that register and delete webhooks, and recover the events that a webhook missed."""

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
    """Base class of the operators of a registered webhook, which is stored in an Airflow variable."""

    name: str
    minut_conn_id: str

    def _stored(self) -> RegisteredWebhook | None:
        """Return the webhook that the receiver uses; ``None`` if the variable is missing or invalid."""
        from airflow.sdk import Variable
        from airflow.sdk.log import mask_secret

        text = Variable.get(variable_name(self.name), default=None)
        if text is None:
            return None
        try:
            webhook = RegisteredWebhook.from_json(text)
        except MinutConfigurationError as error:
            self.log.warning("Ignoring variable %s: not a valid webhook: %s", variable_name(self.name), error)
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
    """Register a webhook; idempotent (``POST /webhooks``).

    Creates the webhook if it is missing, replaces it if its URL or its events changed or its secret was
    lost, and deletes other webhooks with the same URL. Minut returns the secret only when a webhook is
    created: it is stored only in the Airflow variable ``minut_webhook_secret_{name}``, encrypted and
    masked, from which the receiver reads it.

    .. seealso:: ``docs/webhooks.md``, ``dags/minut_webhooks.py``

    :param name: Last part of the receiver's path: letters, digits, ``_`` and ``-`` (templated).
    :param url: HTTPS URL at which Minut can reach ``/minut/webhooks/{name}`` of the API server (templated).
    :param events: Names of *user* events, or ``["*"]`` for all (templated).
    :param header: Name of the header that contains the signature. Not documented, like the next two
        arguments; the defaults are what several public integrations assume.
    :param algorithm: Algorithm of the signature, ``sha256`` or ``sha1``.
    :param encoding: Encoding of the signature, ``hex`` or ``base64``.
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
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
        """Return the ``hook_id`` of the webhook.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            stored = self._stored()
            ours = {hook["hook_id"] for hook in client.iter_webhooks() if hook.get("url") == self.url}
            if stored and stored.hook_id in ours and set(stored.events) == set(self.events):
                webhook = self._webhook(stored.hook_id, stored.hook_secret, stored.token)
                self.log.info("Webhook %s is already registered.", stored.hook_id)
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

        self._webhook("-", "-", None)  # reject invalid arguments before anything is created
        token = secrets.token_urlsafe(24)
        mask_secret(token)
        created = client.create_webhook(self.url, self.events, token=token)
        secret = created.get("hook_secret")
        if not isinstance(secret, str) or not secret:
            self._delete(client, created["hook_id"])
            raise MinutError(
                "POST /webhooks returned no hook_secret, without which deliveries cannot be verified.",
                remedy="The new webhook was deleted. Retry later.",
            )
        mask_secret(secret)
        return self._webhook(created["hook_id"], secret, token)

    def _webhook(self, hook_id: str, secret: str, token: str | None) -> RegisteredWebhook:
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

        description = "A Minut webhook with its secret. Managed by MinutCreateWebhookOperator."
        Variable.set(variable_name(self.name), webhook.to_json(), description=description)


class MinutDeleteWebhookOperator(_WebhookOperator):
    """Delete a registered webhook and its Airflow variable (``DELETE /webhooks/{hook_id}``).

    Succeeds if they do not exist. The receiver rejects deliveries a few seconds later.

    :param name: Name of the registered webhook (templated).
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("name", "minut_conn_id")

    def __init__(self, *, name: str, minut_conn_id: str = MinutHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> None:
        """Delete the webhook and its variable.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        from airflow.sdk import Variable

        with minut_client(self.minut_conn_id) as client:
            stored = self._stored()
            if stored is None:
                self.log.info("Webhook %s is not registered; nothing to delete.", self.name)
                return
            self._delete(client, stored.hook_id)
            Variable.delete(variable_name(self.name))


class MinutReconcileEventsOperator(_WebhookOperator):
    """Recover the events that a webhook missed, for example while its receiver was down.

    Reads the events of the lookback period (``GET /events``, not documented: its path was seen in public
    clients of v8, its response in v7), signs each like a delivery, and posts it to the receiver. The receiver
    ignores events that it has already recorded, and events older than seven days.

    :param name: Name of the registered webhook (templated).
    :param lookback: Length of the period to read; must be longer than the interval between runs.
    :param receiver_url: URL of the receiver, if workers cannot reach the webhook's URL (templated).
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
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
        """Return the number of ``events``, and how many of them were ``missed``.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, or if the receiver did not accept an event.
        """
        with minut_client(self.minut_conn_id) as client:
            webhook = self._stored()
            if webhook is None:
                raise MinutConfigurationError("name", f"there is no webhook {self.name}; register it first")
            events = client.user_events_since(datetime.now(UTC) - self.lookback)
        wanted = [e for e in reversed(events) if "*" in webhook.events or e.get("type") in webhook.events]
        missed = sum(self._deliver(webhook, event) for event in wanted)
        self.log.info("Events: %d; missed by the webhook: %d.", len(wanted), missed)
        return {"events": len(wanted), "missed": missed}

    def _deliver(self, webhook: RegisteredWebhook, event: dict[str, Any]) -> bool:
        url = self.receiver_url or webhook.url
        try:
            status = webhook.send(event, url)
        except OSError as error:
            raise MinutError(
                f"POST {url} got no response from the receiver ({type(error).__name__}).",
                remedy="Check that workers can reach this URL, or set receiver_url.",
            ) from None
        if status not in {201, 204}:
            raise MinutError(
                f"POST {url} returned {status} for event {event.get('id')}.",
                remedy="Check the log of the API server.",
            )
        return status == 201
