"""The receiver of Minut's webhooks: public on the Internet, so it verifies each delivery."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, auto

from fastapi import FastAPI, Request, Response

from airflow_provider_minut.events import EventPayload
from airflow_provider_minut.webhooks.delivery import ForeignDeliveryError, read_delivery
from airflow_provider_minut.webhooks.delivery_log import DeliveryLog
from airflow_provider_minut.webhooks.recorder import MAX_EVENT_AGE, EventRecorder
from airflow_provider_minut.webhooks.registration import RegisteredWebhook
from airflow_provider_minut.webhooks.registry import WebhookRegistry

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_SECONDS = 10.0  # seconds that the body may take to arrive
MAX_FAILURES_PER_MINUTE = 60  # rejected deliveries beyond this are answered 429

# Outcomes of genuine deliveries, as the status page shows them.
RECORDED = "recorded"
NOT_NEW = "ignored: recorded before, or no DAG uses the asset"
TOO_OLD = f"ignored: older than {MAX_EVENT_AGE.days} days"
NO_DATABASE = "database unavailable; returned 503 to request a retry"

# Verified against if the name is unknown, so that this takes as long as a wrong signature.
_UNKNOWN_WEBHOOK = RegisteredWebhook(hook_id="-", url="-", events=(), hook_secret=secrets.token_hex(20))


class FailureCounter:
    """Counts rejected deliveries, and logs the counts once a minute.

    Every delivery is still verified: blocking an address would also block Minut if forged deliveries arrive
    through the same proxy. A verification takes microseconds.

    :param clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = -60.0
        self._counts: Counter[str] = Counter()

    def add(self, reason: str) -> bool:
        """Count a rejected delivery; return whether there are more than allowed in this minute."""
        now = self._clock()
        if now - self._since >= 60:
            if self._counts.total() > 1:  # the first of each minute was logged at once
                counts = ", ".join(f"{reason} ({number})" for reason, number in self._counts.items())
                log.warning("Rejected webhook deliveries within a minute: %s.", counts)
            self._since, self._counts = now, Counter()
            log.warning("Rejected a webhook delivery: %s. Further ones are counted.", reason)
        self._counts[reason] += 1
        return self._counts.total() > MAX_FAILURES_PER_MINUTE


class Rejection(Enum):
    """Reason to reject a delivery."""

    TOO_SLOW = auto()
    TOO_LARGE = auto()
    UNKNOWN_NAME = auto()
    WRONG_SIGNATURE = auto()
    WRONG_TOKEN = auto()  # correctly signed, but with the hook_id or token of another webhook
    INVALID_EVENT = auto()  # correctly signed


# All other rejections: 401.
STATUSES = {Rejection.TOO_SLOW: 408, Rejection.TOO_LARGE: 413, Rejection.INVALID_EVENT: 400}


class _DeliveryRejectedError(Exception):
    """A delivery is rejected. The error contains nothing of its body.

    :param name: Name of the webhook, if it is known to be registered.
    :param problem: What is wrong with the event.
    """

    def __init__(self, rejection: Rejection, name: str = "", problem: str = "") -> None:
        super().__init__(rejection, name, problem)
        self.status = STATUSES.get(rejection, 401)
        kind, problem = rejection.name.lower().replace("_", " "), problem and f": {problem}"
        self.reason = f"{kind}{name and ' '}{name}{problem}"
        self.log_reason = f"{kind}{problem}"


class Receiver:
    """Receives deliveries.

    :param registry: Registry of the webhooks. Default: from Airflow's variables.
    :param recorder: Recorder of the events. Default: into Airflow's database.
    :param delivery_log: Log of the deliveries. Default: in the shared state.
    """

    def __init__(
        self,
        registry: WebhookRegistry | None = None,
        recorder: EventRecorder | None = None,
        delivery_log: DeliveryLog | None = None,
    ) -> None:
        self.registry = registry or WebhookRegistry()
        self.delivery_log = delivery_log or DeliveryLog()
        self._recorder = recorder or EventRecorder()
        self._failures = FailureCounter()

    async def deliver(self, name: str, request: Request) -> Response:
        """Process a delivery to the webhook of this name; the response has no body.

        201: recorded. 204: ignored. 400, 408, 413: not a valid event. 401: unknown name, or wrong signature
        or token. 404: no webhook is registered. 429: too many rejected deliveries. 503: to be sent again.
        """
        webhook = None
        try:
            webhook, any_registered = await self.registry.get(name)
            if not any_registered:
                return Response(status_code=404)
            event = await _verified_event(name, webhook, request)
            outcome, status = await self._record(name, event)
        except _DeliveryRejectedError as rejected:
            too_many = self._failures.add(rejected.reason)
            if webhook:
                self.delivery_log.rejected(webhook, rejected.log_reason)
            return Response(status_code=429 if too_many else rejected.status)
        except Exception:
            log.exception("Failed to record a delivery; returned 503 to request a retry.")
            if webhook:
                self.delivery_log.rejected(webhook, NO_DATABASE)
            return Response(status_code=503)
        if webhook:
            self.delivery_log.accepted(webhook, event, outcome)
        return Response(status_code=status)

    async def _record(self, name: str, event: EventPayload) -> tuple[str, int]:
        """Record an event; return the outcome and the status of the response."""
        if datetime.fromisoformat(event["event_time"]) < datetime.now(UTC) - MAX_EVENT_AGE:
            log.info("Ignoring an event of webhook %s older than %d days.", name, MAX_EVENT_AGE.days)
            return TOO_OLD, 204
        return (RECORDED, 201) if await self._recorder.record(event) else (NOT_NEW, 204)


def create_app(receiver: Receiver | None = None) -> FastAPI:
    """Return the application that receives deliveries at ``/webhooks/{name}``."""
    app = FastAPI(
        title="Minut webhooks", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    deliver = (receiver or Receiver()).deliver
    app.add_api_route("/webhooks/{name}", deliver, methods=["POST"], response_class=Response)
    return app


async def _verified_event(name: str, webhook: RegisteredWebhook | None, request: Request) -> EventPayload:
    """Return the event of a delivery, after verifying that it is genuine.

    :raises _DeliveryRejectedError: if the delivery is rejected.
    """
    try:
        body = await asyncio.wait_for(_body(request), BODY_TIMEOUT_SECONDS)
    except TimeoutError:
        raise _DeliveryRejectedError(Rejection.TOO_SLOW) from None
    if body is None:
        raise _DeliveryRejectedError(Rejection.TOO_LARGE)
    checked = webhook or _UNKNOWN_WEBHOOK
    is_signed = checked.is_signed(body, request.headers.get(checked.header))
    if webhook is None:
        raise _DeliveryRejectedError(Rejection.UNKNOWN_NAME)
    if not is_signed:
        raise _DeliveryRejectedError(Rejection.WRONG_SIGNATURE, name)
    try:
        return read_delivery(webhook, body)
    except ForeignDeliveryError:
        raise _DeliveryRejectedError(Rejection.WRONG_TOKEN, name) from None
    except ValueError as error:
        raise _DeliveryRejectedError(Rejection.INVALID_EVENT, name, str(error)) from None


async def _body(request: Request) -> bytes | None:
    """Return the body; ``None`` if it is too large, without reading the rest."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
