"""Sends all requests to Minut: timeouts, retries, size limits and typed errors."""

from __future__ import annotations

import logging
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import requests
import urllib3.exceptions

from airflow_provider_minut.api.clock import RANDOM_JITTER, SYSTEM_CLOCK, Clock, Jitter
from airflow_provider_minut.api.http.adapter import TimedAdapter
from airflow_provider_minut.api.http.encoding import encode_body, encode_query
from airflow_provider_minut.api.http.network_errors import describe, is_missing_ca_bundle
from airflow_provider_minut.api.http.response import Response, error_from_response, parse_json
from airflow_provider_minut.api.http.retry import (
    IDEMPOTENT_METHODS,
    TRANSIENT_STATUSES,
    UNPROCESSED_STATUSES,
    TransientError,
    retrying,
)
from airflow_provider_minut.api.overlap import check_not_cancelled
from airflow_provider_minut.api.rate_limiter import RateLimiter
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.exceptions import (
    MinutConfigurationError,
    MinutConnectionError,
    MinutError,
    MinutNotFoundError,
    MinutRateLimitError,
    MinutResponseError,
)

log = logging.getLogger(__name__)

# Connecting gets at most this much of the timeout.
CONNECT_TIMEOUT_SECONDS = 5.0

METHODS = IDEMPOTENT_METHODS | {"POST", "PATCH"}

# Limits the memory for a response, compressed or not.
MAX_BODY_BYTES = 32 * 1024 * 1024
# The maximum size of an empty body that is compressed.
MAX_EMPTY_BYTES = 20
# Called with the name of a metric, its value (a count or seconds) and its tags.
Observer = Callable[[str, float, dict[str, str]], None]

USER_AGENT = f"airflow-provider-minut/{version('airflow-provider-minut')} requests/{requests.__version__}"


class Auth(ABC):
    """Credentials for the attempts of one call."""

    @abstractmethod
    def header(self) -> str:
        """Return the value of the ``Authorization`` header; this may request a token."""

    def secrets(self) -> tuple[str, ...]:
        """Return the values to redact if the server echoes them."""
        return ()

    def rejected(self) -> bool:
        """Handle a 401; return whether a retry with other credentials makes sense."""
        return False


@dataclass(frozen=True, slots=True)
class _Call:
    """The properties that all attempts of a request share."""

    method: str
    path: str
    params: Any
    json: Any
    form: Any
    auth: Auth
    repeatable: bool
    rate_limited: bool
    deadline: float  # on the monotonic clock

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """Sends requests to one API over one ``requests.Session``. Thread-safe.

    :param settings: Base URL, timeouts and retries.
    :param rate_limiter: Delays each attempt.
    :param observe: Called for each request, see :class:`~airflow_provider_minut.api.client.MinutClient`.
    :param max_in_flight: Maximum number of requests that are in flight or have a reservation; ``None``: no
        maximum. Requests that are not rate limited are not counted.
    :param clock: Returns the time, and sleeps.
    :param jitter: Returns a random number between its two arguments; it spreads retries over time.
    """

    def __init__(
        self,
        settings: ClientSettings,
        rate_limiter: RateLimiter,
        *,
        observe: Observer | None = None,
        max_in_flight: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Jitter = RANDOM_JITTER,
    ) -> None:
        self.settings = settings
        self._rate_limiter = rate_limiter
        self._observe = observe
        self.clock = clock
        self.jitter = jitter
        self.request_count = 0
        self._session: requests.Session | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._max_in_flight = max_in_flight
        self._in_flight = threading.Semaphore(max_in_flight or 1)
        self._environment: dict[str, Any] = {}

    def request(
        self,
        method: str,
        path: str,
        *,
        auth: Auth,
        params: Any = None,
        json: Any = None,
        form: dict[str, str] | None = None,
        repeatable: bool | None = None,
        rate_limited: bool = True,
        max_attempts: int | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Send one request, retry it if that is safe and may help, and return the parsed JSON.

        :param method: HTTP method.
        :param path: Path below the base URL, like ``/users/me``.
        :param auth: Credentials, attached to each attempt after its delay.
        :param params: Query parameters, as :func:`encode_query` accepts them.
        :param json: Request body, sent as JSON.
        :param form: Request body, sent form-encoded.
        :param repeatable: Whether a retry is safe. Default: if the method is idempotent (RFC 9110).
        :param rate_limited: Whether the rate limiter applies. Not to token requests, for which others wait.
        :param max_attempts: Maximum number of attempts. Default: from the settings.
        :param deadline: Maximum duration in seconds. Default: from the settings.
        :return: The parsed JSON; ``None`` for an empty body.
        :raises MinutConfigurationError: if a parameter or a part of the body cannot be sent.
        :raises MinutError: if the request fails; for the subclasses see
            :mod:`airflow_provider_minut.exceptions`.
        """
        if method not in METHODS:
            raise MinutConfigurationError("method", f"must be one of {', '.join(sorted(METHODS))}")
        check_path(path)
        if repeatable is None:
            repeatable = method in IDEMPOTENT_METHODS
        end = self.clock.monotonic() + (deadline or self.settings.deadline)
        params, json = encode_query(params), encode_body(json)
        call = _Call(method, path, params, json, form, auth, repeatable, rate_limited, end)
        limit = max_attempts or self.settings.max_attempts

        def announce(error: MinutError, seconds: float, number: int) -> None:
            log.warning("%s Retrying in %.1f s (attempt %d of %d).", error, seconds, number, limit)
            self._report("retries", 1)
            if isinstance(error, MinutRateLimitError):
                self._rate_limiter.pause(seconds)  # for all processes that share the rate limit

        attempts = retrying(limit, deadline=end, clock=self.clock, jitter=self.jitter, announce=announce)
        try:
            return attempts(self._attempt, call)
        except MinutNotFoundError:
            if method == "DELETE" and attempts.statistics["attempt_number"] > 1:
                return None  # an earlier attempt succeeded, and its response was lost
            raise
        except TransientError as transient:
            error, number = transient.error, attempts.statistics["attempt_number"]
            if isinstance(error, MinutRateLimitError) and error.retry_after:
                self._rate_limiter.pause(error.retry_after)
            if number > 1:
                error.message += f" Failed after {number} attempts."
            raise error from None

    def close(self) -> None:
        """Close the open connections. The next request opens new ones."""
        if self._session is not None and self._pid == os.getpid():
            self._session.close()
        self._session = None

    def _attempt(self, call: _Call) -> Any:
        response = self._send(call)
        while response.status == 401 and call.auth.rejected():  # at most one replay
            response = self._send(call)
        if 200 <= response.status < 300:
            return self._parsed(call, response)
        error = error_from_response(str(call), response, secrets=call.auth.secrets())
        transient = response.status in TRANSIENT_STATUSES
        if transient and (call.repeatable or response.status in UNPROCESSED_STATUSES):
            raise TransientError(error)
        raise error

    def _parsed(self, call: _Call, response: Response) -> Any:
        try:
            return parse_json(str(call), response, secrets=call.auth.secrets())
        except MinutResponseError as error:
            # JSON that begins correctly and is invalid was truncated in transit; a retry may succeed.
            if call.repeatable and response.body.lstrip()[:1] in {b"{", b"["}:
                raise TransientError(error) from None
            raise

    def _report(self, metric: str, value: float, **tags: str) -> None:
        """Call the observer and ignore its exceptions."""
        if self._observe:
            try:
                self._observe(metric, value, tags)
            except Exception:
                log.debug("The observer of %s failed.", metric, exc_info=True)

    def _send(self, call: _Call) -> Response:
        """Send one attempt as soon as fewer than the maximum are in flight."""
        if not call.rate_limited:
            return self._exchange(call)
        with self._permit(call):
            return self._exchange(call)

    @contextmanager
    def _permit(self, call: _Call) -> Iterator[None]:
        """Count an attempt as in flight.

        :raises MinutRateLimitError: if other requests were in flight until the deadline.
        :raises ReadCancelledError: if the result is no longer needed.
        """
        check_not_cancelled()
        if self._max_in_flight is None:
            yield
            return
        self._own_session()  # a fork must not share permits either
        in_flight = self._in_flight
        if not in_flight.acquire(timeout=max(call.deadline - self.clock.monotonic(), 0.001)):
            count = self._max_in_flight
            others = "1 other request of this client was" if count == 1 else f"{count} other requests were"
            raise MinutRateLimitError(
                f"{call} was not sent: {others} in flight until its deadline.",
                remedy="Use fewer threads, or a greater max_in_flight.",
            )
        try:
            yield
        finally:
            in_flight.release()

    def _exchange(self, call: _Call) -> Response:
        """Send one attempt and read its response; convert network errors to errors of this package."""
        session = self._own_session()
        request = requests.PreparedRequest()
        request.prepare(
            method=call.method,
            url=self.settings.base_url + call.path,
            headers=session.headers,
            params=call.params,
            data=call.form,
            json=call.json,
        )
        if call.rate_limited:
            # The server counts the request on arrival, so nothing slow may happen between the reservation and
            # the request: a missing token is requested first and used for the header.
            call.auth.header()
            if waited := self._rate_limiter.acquire(str(call), deadline=call.deadline):
                self._report("rate_limit_wait", waited)
            check_not_cancelled()
            with self._lock:
                self.request_count += 1
        reserved = self.clock.monotonic()
        # Attached after the delay, during which a token may expire. It replaces credentials in the URL.
        request.headers["Authorization"] = call.auth.header()
        now = self.clock.monotonic()
        seconds = min(self.settings.timeout, max(call.deadline - now, 0.001))
        timeouts = (min(CONNECT_TIMEOUT_SECONDS, seconds), seconds)
        problem: Exception | None = None
        status = "none"
        try:
            # Not Session.send: it follows redirects, or at least reads their bodies without a size limit.
            adapter = session.get_adapter(self.settings.base_url)
            response = adapter.send(request, timeout=timeouts, **self._environment)
            if call.rate_limited:
                self._rate_limiter.note_response(self.clock.monotonic() - reserved)
            try:
                body = self._read(response, until=now + seconds)
            finally:
                # Closes the connection only if the body was not read to its end.
                response.close()
            status = str(response.status_code)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = _network_error(
                call, f"{call} got no response from {self.settings.base_url}", error, timeouts
            )
        self._report(
            "requests" if call.rate_limited else "token_requests", 1, method=call.method, status=status
        )
        if status == "429":
            self._report("rate_limited", 1)
        if problem:  # raised here, so that the original error, with URLs and headers, is not attached
            raise problem
        if body is None:
            limit = f"{MAX_BODY_BYTES // 2**20} MiB"
            remedy = "Request less data at a time."
            raise MinutResponseError(f"{call} returned more than {limit}.", remedy=remedy)
        return Response(response.status_code, response.headers, body)

    def _read(self, response: requests.Response, *, until: float) -> bytes | None:
        """Return the decoded body, or ``None`` if it is too large.

        It is read in pieces as they arrive, because the read timeout starts anew with every byte, so that a
        server that sends single bytes never exceeds it.
        """
        pieces: list[bytes] = []
        size = 0
        while piece := response.raw.read1(65536, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                return None
            if self.clock.monotonic() > until:
                raise requests.ReadTimeout
        if not pieces and response.raw.tell() > MAX_EMPTY_BYTES:
            raise urllib3.exceptions.DecodeError  # truncated before the first piece could be decompressed
        return b"".join(pieces)

    def _own_session(self) -> requests.Session:
        """Return the session of this process: a fork must not share connections."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()  # the parent's may be held by a thread that the child does not have
            self._in_flight = threading.Semaphore(self._max_in_flight or 1)
            self._session, self._pid = None, os.getpid()
        with self._lock:  # threads that start at the same time get the same session
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.headers["User-Agent"] = USER_AGENT
        session.headers["Accept"] = "application/json"
        adapter = TimedAdapter(pool_maxsize=32)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        # A server on this machine is not accessed through a proxy.
        session.trust_env = not (self.settings.is_loopback and self.settings.proxies is None)
        proxies = dict(self.settings.proxies or {})
        verify = self.settings.verify
        # Read once: proxy and CA variables do not change in a process, and reading them takes a fifth of the
        # time of a call on loopback.
        self._environment = dict(
            session.merge_environment_settings(self.settings.base_url, proxies, True, verify, None)
        )
        return session


def check_path(path: str) -> None:
    """Check that ``path`` is below the base URL.

    :raises MinutConfigurationError: for URLs, dot segments, queries, spaces and control characters.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise MinutConfigurationError(
            "endpoint", "must be a path below the base URL that starts with one slash, like /users/me"
        )
    if re.search(r"[\s\x00-\x1f\x7f?#\\]", path) or re.search(r"(^|/)(\.|%2e){1,2}(/|$)", path, re.I):
        raise MinutConfigurationError(
            "endpoint", "must be a plain path like /homes; pass the query as 'params'"
        )


def _uncertainty(call: _Call, certain: bool) -> str:
    if call.method in IDEMPOTENT_METHODS or call.repeatable or certain:
        return ""
    return " The request may still have been processed; verify before retrying."


def _network_error(call: _Call, summary: str, error: Exception, timeouts: tuple[float, float]) -> Exception:
    """Return the error of this package for a network error; a transient one if a retry may help."""
    reason, certain = describe(error, timeouts)
    text = f"{summary}: {reason}.{_uncertainty(call, certain)}"
    permanent = isinstance(error, requests.exceptions.SSLError) or is_missing_ca_bundle(error)
    # The reason of a permanent error names the setting to correct.
    problem = MinutConnectionError(text, remedy="" if permanent else None)
    return problem if permanent or not (call.repeatable or certain) else TransientError(problem)
