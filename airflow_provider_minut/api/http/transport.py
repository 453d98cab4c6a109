"""The one way a request reaches Minut: time limits, retries, size limits and typed errors."""

from __future__ import annotations

import logging
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import requests
import urllib3.exceptions

from airflow_provider_minut.api.clock import RANDOM_JITTER, SYSTEM_CLOCK, Clock, Jitter
from airflow_provider_minut.api.http.adapter import TimedAdapter
from airflow_provider_minut.api.http.network_errors import (
    CONNECT_TIMEOUT_SECONDS,
    describe,
    is_missing_ca_bundle,
)
from airflow_provider_minut.api.http.response import Response, error_from_response, parse_json
from airflow_provider_minut.api.http.retry import (
    IDEMPOTENT_METHODS,
    REFUSED_STATUSES,
    TRANSIENT_STATUSES,
    TransientError,
    retrying,
)
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

METHODS = IDEMPOTENT_METHODS | {"POST", "PATCH"}

# Bounds the memory that an answer can take, compressed or not.
MAX_BODY_BYTES = 32 * 1024 * 1024
# What nothing at all takes on the wire at most, if it is compressed.
MAX_EMPTY_BYTES = 20
# Called with the name of what happened, how often or how many seconds, and what kind of it.
Observer = Callable[[str, float, dict[str, str]], None]

USER_AGENT = f"airflow-provider-minut/{version('airflow-provider-minut')} requests/{requests.__version__}"


class Auth(ABC):
    """Credentials of one call, for each of its attempts."""

    @abstractmethod
    def header(self) -> str:
        """Return the value of the ``Authorization`` header; this may request a token."""

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must not be repeated if the server echoes them."""
        return ()

    def rejected(self) -> bool:
        """Take note of a 401; return whether other credentials are worth one more try."""
        return False


@dataclass(frozen=True, slots=True)
class _Call:
    """What stays the same over all attempts of one request."""

    method: str
    path: str
    params: Any
    json: Any
    form: Any
    auth: Auth
    repeatable: bool
    queued: bool
    deadline: float  # on the monotonic clock

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """Sends requests to one API over one kept-alive ``requests.Session``; threads may share it.

    :param settings: where to and how long.
    :param rate_limiter: grants each attempt its turn.
    :param observe: told of each request, see :class:`~airflow_provider_minut.api.client.MinutClient`.
    :param clock: the time, and the way to wait.
    :param jitter: returns a random number between its two arguments; it spreads retries over time.
    """

    def __init__(
        self,
        settings: ClientSettings,
        rate_limiter: RateLimiter,
        *,
        observe: Observer | None = None,
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
        queued: bool = True,
        max_attempts: int | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Send one request, again if that is safe and may help, and return the parsed JSON.

        :param method: HTTP method.
        :param path: path below the base URL, like ``/users/me``.
        :param auth: credentials, attached to each attempt after its wait.
        :param params: the query, as requests takes it.
        :param json: body to send as JSON.
        :param form: body to send form-encoded.
        :param repeatable: whether repeating is safe; by default what RFC 9110 says of the method.
        :param queued: whether to wait for a turn in the budget. Not the token request: all wait for it.
        :param max_attempts: fewer attempts than the settings allow.
        :param deadline: fewer seconds in all than the settings allow.
        :return: the parsed JSON; ``None`` for an empty body.
        :raises MinutError: the child that fits, see :mod:`airflow_provider_minut.exceptions`.
        """
        if method not in METHODS:
            raise MinutConfigurationError("method", f"must be one of {', '.join(sorted(METHODS))}")
        check_path(path)
        if repeatable is None:
            repeatable = method in IDEMPOTENT_METHODS
        give_up = self.clock.monotonic() + (deadline or self.settings.deadline)
        call = _Call(method, path, params, json, form, auth, repeatable, queued, give_up)
        most = max_attempts or self.settings.max_attempts

        def announce(error: MinutError, seconds: float, number: int) -> None:
            text = "%s Trying again in %.1f s (attempt %d of %d)."
            log.warning(text, error, seconds, number, most)
            self._report("retries", 1)
            if isinstance(error, MinutRateLimitError):
                self._rate_limiter.pause(seconds)  # for all, not for this process alone

        attempts = retrying(most, deadline=give_up, clock=self.clock, jitter=self.jitter, announce=announce)
        try:
            return attempts(self._attempt, call)
        except MinutNotFoundError:
            if method == "DELETE" and attempts.statistics["attempt_number"] > 1:
                return None  # an earlier attempt did it and its answer was lost
            raise
        except TransientError as transient:
            error, tried = transient.error, attempts.statistics["attempt_number"]
            if isinstance(error, MinutRateLimitError) and error.retry_after:
                self._rate_limiter.pause(error.retry_after)
            if tried > 1:
                error.message += f" Gave up after {tried} attempts."
            raise error from None

    def close(self) -> None:
        """Close the kept-alive connections. The next request opens new ones."""
        if self._session is not None and self._pid == os.getpid():
            self._session.close()
        self._session = None

    def _attempt(self, call: _Call) -> Any:
        reply = self._exchange(call)
        while reply.status == 401 and call.auth.rejected():  # at most one replay
            reply = self._exchange(call)
        if 200 <= reply.status < 300:
            return self._parsed(call, reply)
        error = error_from_response(str(call), reply, secrets=call.auth.secrets())
        transient = reply.status in TRANSIENT_STATUSES
        if transient and (call.repeatable or reply.status in REFUSED_STATUSES):
            raise TransientError(error)
        raise error

    def _parsed(self, call: _Call, reply: Response) -> Any:
        try:
            return parse_json(str(call), reply, secrets=call.auth.secrets())
        except MinutResponseError as error:
            # JSON that begins well and does not end was cut on its way, which another try may mend.
            if call.repeatable and reply.body.lstrip()[:1] in {b"{", b"["}:
                raise TransientError(error) from None
            raise

    def _report(self, what: str, value: float, **kind: str) -> None:
        """Tell the observer, whose troubles are not the caller's."""
        if self._observe:
            try:
                self._observe(what, value, kind)
            except Exception:
                log.debug("The observer of %s failed.", what, exc_info=True)

    def _exchange(self, call: _Call) -> Response:
        """Send one attempt and read its answer; every network error becomes one of ours."""
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
        if call.queued:
            # The server counts the request on arrival, so nothing slow may come between the reservation and
            # the request: a missing token is requested first, and kept for the header.
            call.auth.header()
            if waited := self._rate_limiter.acquire(str(call), deadline=call.deadline):
                self._report("rate_limit_wait", waited)
            self.request_count += 1
        # Attached after the wait, during which a token may expire. It replaces credentials of the URL.
        request.headers["Authorization"] = call.auth.header()
        now = self.clock.monotonic()
        seconds = min(self.settings.timeout, max(call.deadline - now, 0.001))
        timeouts = (min(CONNECT_TIMEOUT_SECONDS, seconds), seconds)
        problem: Exception | None = None
        status = "none"
        try:
            # Not Session.send: it follows redirects, or at least reads their bodies without a limit.
            adapter = session.get_adapter(self.settings.base_url)
            response = adapter.send(request, timeout=timeouts, **self._environment)
            try:
                body = self._read(response, until=now + seconds)
            finally:
                # Not read to its end, a connection cannot be kept; read to its end, this is free.
                response.close()
            status = str(response.status_code)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = _network_error(
                call, f"{call} got no answer from {self.settings.base_url}", error, seconds
            )
        self._report("requests" if call.queued else "token_requests", 1, method=call.method, status=status)
        if status == "429":
            self._report("rate_limited", 1)
        if problem:  # raised out here, so that what the error came from, with URLs and headers, is let go
            raise problem
        if body is None:
            limit = f"{MAX_BODY_BYTES // 2**20} MiB"
            remedy = "Request less data at a time."
            raise MinutResponseError(f"{call} was answered with more than {limit}.", remedy=remedy)
        return Response(response.status_code, response.headers, body)

    def _read(self, response: requests.Response, *, until: float) -> bytes | None:
        """Return the decoded body, or ``None`` if it is too large.

        Each piece is read as it comes, because a server that drips bytes never runs into the
        read timeout, which starts again with every byte.
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
            raise urllib3.exceptions.DecodeError  # cut before the first piece could be unpacked
        return b"".join(pieces)

    def _own_session(self) -> requests.Session:
        """Return this process' session: connections must not cross a fork."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()  # the parent's may be held by a thread that is not here
            self._session, self._pid = None, os.getpid()
        with self._lock:  # threads that begin together get the same one
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
        # What is on this machine is not reached through a proxy.
        session.trust_env = not (self.settings.is_loopback and self.settings.proxies is None)
        proxies = dict(self.settings.proxies or {})
        verify = self.settings.verify
        # Read once: proxy and CA variables do not change in a process, and looking them up costs
        # a fifth of a call on loopback.
        self._environment = dict(
            session.merge_environment_settings(self.settings.base_url, proxies, True, verify, None)
        )
        return session


def check_path(path: str) -> None:
    """Check that ``path`` names something below the base URL and nothing else.

    :raises MinutConfigurationError: for URLs, dot segments, queries, blanks and control characters.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise MinutConfigurationError(
            "endpoint", "must be a path below the base URL that begins with one slash, like /users/me"
        )
    if re.search(r"[\s\x00-\x1f\x7f?#\\]", path) or re.search(r"(^|/)(\.|%2e){1,2}(/|$)", path, re.I):
        raise MinutConfigurationError(
            "endpoint", "must be a plain path like /homes; the query goes into its own argument"
        )


def _uncertainty(call: _Call, certain: bool) -> str:
    if call.method in IDEMPOTENT_METHODS or call.repeatable or certain:
        return ""
    return " It may have been carried out all the same; look before you repeat it."


def _network_error(call: _Call, where: str, error: Exception, seconds: float) -> Exception:
    """Return what a network error is for the caller, or for another attempt."""
    reason, certain = describe(error, seconds)
    text = f"{where}: {reason}.{_uncertainty(call, certain)}"
    lasting = isinstance(error, requests.exceptions.SSLError) or is_missing_ca_bundle(error)
    # What lasts names the setting that mends it.
    problem = MinutConnectionError(text, remedy="" if lasting else None)
    return problem if lasting or not (call.repeatable or certain) else TransientError(problem)
