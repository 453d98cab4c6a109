"""The receiver of Minut's webhooks: open to the Internet, and for Minut alone."""

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
BODY_TIMEOUT_SECONDS = 10.0  # seconds that a body may take to arrive
MAX_FAILURES_PER_MINUTE = 60  # a minute; beyond, failures are answered 429

# What is told of a delivery that was not refused for its own sake.
RECORDED = "recorded"
NOT_NEW = "left out: recorded before, or no DAG waits for it"
TOO_OLD = f"left out: older than {MAX_EVENT_AGE.days} days"
NO_DATABASE = "the database could not be used; Minut sends it again"

# An unknown name costs as much as a wrong signature.
_NOBODY = RegisteredWebhook(hook_id="-", url="-", events=(), hook_secret=secrets.token_hex(20))


class FailureCounter:
    """Counts refused deliveries, and tells of them once a minute.

    Each delivery is checked all the same: whoever blocked an address would block Minut too as soon as a
    forger comes through the same proxy. A check costs microseconds.

    :param clock: monotonic seconds; another in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = -60.0
        self._counts: Counter[str] = Counter()

    def add(self, reason: str) -> bool:
        """Count one; return whether there are more than permitted."""
        now = self._clock()
        if now - self._since >= 60:
            if self._counts.total() > 1:  # the first of each minute was told at once
                counts = ", ".join(f"{number} {reason}" for reason, number in self._counts.items())
                log.warning("Refused deliveries of webhooks in a minute: %s.", counts)
            self._since, self._counts = now, Counter()
            log.warning("Refused a delivery of a webhook: %s. More are counted.", reason)
        self._counts[reason] += 1
        return self._counts.total() > MAX_FAILURES_PER_MINUTE


class Rejection(Enum):
    """Why a delivery is not taken."""

    TOO_SLOW = auto()
    TOO_LARGE = auto()
    UNKNOWN_NAME = auto()
    WRONG_SIGNATURE = auto()
    FOREIGN_TOKEN = auto()  # signed with this webhook's secret, but with another hook_id or token
    NO_EVENT = auto()  # signed as well


STATUSES = {Rejection.TOO_SLOW: 408, Rejection.TOO_LARGE: 413, Rejection.NO_EVENT: 400}  # all others: 401


class _DeliveryRejectedError(Exception):
    """A delivery that is not taken. Nothing of its body is in here.

    :param name: of the webhook, once it is certain that there is one.
    :param problem: what is wrong with the event.
    """

    def __init__(self, rejection: Rejection, name: str = "", problem: str = "") -> None:
        super().__init__(rejection, name, problem)
        self.status = STATUSES.get(rejection, 401)
        kind, problem = rejection.name.lower().replace("_", " "), problem and f": {problem}"
        self.reason = f"{kind}{name and ' '}{name}{problem}"
        self.log_reason = f"{kind}{problem}"


class Receiver:
    """Takes deliveries.

    :param registry: of the webhooks; of this Airflow's variables by default.
    :param recorder: of the events; into this Airflow's database by default.
    :param delivery_log: of what became of them; in this Airflow's shared state by default.
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
        """Answer a delivery to the webhook of this name; never with a body.

        201: recorded. 204: it was there before, or no DAG uses it. 401: unknown name, wrong signature.
        400, 408, 413: no event. 429: too many were refused. 503: to be sent again. 404: no webhook is
        registered at all.
        """
        webhook = None
        try:
            webhook, any_registered = await self.registry.get(name)
            if not any_registered:
                return Response(status_code=404)
            event = await _genuine_event(name, webhook, request)
            what, status = await self._record(name, event)
        except _DeliveryRejectedError as refused:
            too_many = self._failures.add(refused.reason)
            if webhook:
                self.delivery_log.rejected(webhook, refused.log_reason)
            return Response(status_code=429 if too_many else refused.status)
        except Exception:
            log.exception("The database could not be used; Minut has to send this delivery again.")
            if webhook:
                self.delivery_log.rejected(webhook, NO_DATABASE)
            return Response(status_code=503)
        if webhook:
            self.delivery_log.accepted(webhook, event, what)
        return Response(status_code=status)

    async def _record(self, name: str, event: EventPayload) -> tuple[str, int]:
        """Return what became of an event, and the status that says so."""
        if datetime.fromisoformat(event["event_time"]) < datetime.now(UTC) - MAX_EVENT_AGE:
            log.info(
                "An event of webhook %s is older than %d days and is left out.", name, MAX_EVENT_AGE.days
            )
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


async def _genuine_event(name: str, webhook: RegisteredWebhook | None, request: Request) -> EventPayload:
    """Return the event of a delivery that only Minut can have sent.

    :raises _DeliveryRejectedError: it is not, or not certainly.
    """
    try:
        body = await asyncio.wait_for(_body(request), BODY_TIMEOUT_SECONDS)
    except TimeoutError:
        raise _DeliveryRejectedError(Rejection.TOO_SLOW) from None
    if body is None:
        raise _DeliveryRejectedError(Rejection.TOO_LARGE)
    checked = webhook or _NOBODY
    is_signed = checked.is_signed(body, request.headers.get(checked.header))
    if webhook is None:
        raise _DeliveryRejectedError(Rejection.UNKNOWN_NAME)
    if not is_signed:
        raise _DeliveryRejectedError(Rejection.WRONG_SIGNATURE, name)
    try:
        return read_delivery(webhook, body)
    except ForeignDeliveryError:
        raise _DeliveryRejectedError(Rejection.FOREIGN_TOKEN, name) from None
    except ValueError as error:
        raise _DeliveryRejectedError(Rejection.NO_EVENT, name, str(error)) from None


async def _body(request: Request) -> bytes | None:
    """Return the body; ``None`` if it is too large, without reading on."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
