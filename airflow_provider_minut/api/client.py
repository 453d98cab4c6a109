"""The client of the Minut API, one method per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.auth.provider import BearerAuth, TokenProvider
from airflow_provider_minut.api.auth.token import TokenState
from airflow_provider_minut.api.clock import RANDOM_JITTER, SYSTEM_CLOCK, Clock, Jitter
from airflow_provider_minut.api.http.response import check_no_error
from airflow_provider_minut.api.http.transport import Observer, Transport
from airflow_provider_minut.api.models import User
from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT, checked_max_in_flight
from airflow_provider_minut.api.rate_limiter import RateLimiter, RateLimitStatus
from airflow_provider_minut.api.resources.devices import DevicesResource
from airflow_provider_minut.api.resources.events import EventsResource
from airflow_provider_minut.api.resources.homes import HomesResource
from airflow_provider_minut.api.resources.readings import ReadingsResource
from airflow_provider_minut.api.resources.users import UsersResource
from airflow_provider_minut.api.resources.webhooks import WebhooksResource
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.encrypted import EncryptedEntry
from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE
from airflow_provider_minut.exceptions import MinutAuthenticationError

# A token issued within this time proves that the credentials are valid; an older one only proves itself.
PROOF_MAX_AGE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientStatus:
    """The shared state of a client, without any secret.

    :param base_url: Base URL of the API.
    :param shared_state: Description of the backend that stores the token and the reservations.
    :param token_state: State of the access token; ``None`` without a token.
    :param token_expires_at: Seconds since the epoch; 0 without a token.
    :param rejection: Why Minut rejected the credentials recently; empty if it did not.
    :param rate_limit: Current use of the rate limit.
    """

    base_url: str
    shared_state: str
    token_state: TokenState | None
    token_expires_at: float
    rejection: str
    rate_limit: RateLimitStatus


class MinutClient(
    UsersResource, HomesResource, DevicesResource, EventsResource, ReadingsResource, WebhooksResource
):
    """A client of the Minut API. Thread-safe; usable as a context manager, which closes it.

    :param credentials: Client ID and secret.
    :param settings: Base URL, timeouts, retries and rate limit. Default: the defaults of
        :class:`~airflow_provider_minut.api.settings.ClientSettings`.
    :param state: Backend that shares the access token and the rate limit with other clients.
    :param on_secret: Called with each value that must not appear in a log, before it is first used.
    :param observe: Called with ``requests`` or ``token_requests`` after each attempt, ``retries`` before
        each retry, ``rate_limited`` after each 429, and ``rate_limit_wait`` after each delay by the rate
        limiter; with 1, or the seconds of the delay; and with the ``method`` and ``status`` of an attempt
        (``none`` without a response). Exceptions that it raises are ignored.
    :param max_in_flight: Maximum number of requests that are in flight or have a reservation, whatever the
        number of threads; token requests are not counted. The client uses threads to request the pages of a
        list ahead; with 1 it starts none. ``None``: no maximum, and no threads.
    :param clock: Returns the time, and sleeps.
    :param jitter: Returns a random number between its two arguments; it spreads retries and token refreshes
        of different clients over time.
    :raises MinutConfigurationError: if ``max_in_flight`` is not a whole number of at least 1.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        settings: ClientSettings | None = None,
        *,
        state: SharedState = PROCESS_STATE,
        on_secret: Callable[[str], None] = lambda _: None,
        observe: Observer | None = None,
        max_in_flight: int | None = DEFAULT_MAX_IN_FLIGHT,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Jitter = RANDOM_JITTER,
    ) -> None:
        settings = settings or ClientSettings()
        if max_in_flight is not None:
            checked_max_in_flight(max_in_flight)
        super().__init__(settings, max_in_flight=max_in_flight or 1)
        self._clock, self._state, self._credentials = clock, state, credentials
        self._rate_limiter = RateLimiter(
            state,
            settings.base_url,
            credentials.client_id,
            per_second=settings.requests_per_second,
            per_minute=settings.requests_per_minute,
            clock=clock,
        )
        self._transport = Transport(
            settings,
            self._rate_limiter,
            observe=observe,
            max_in_flight=max_in_flight,
            clock=clock,
            jitter=jitter,
        )
        self._tokens = TokenProvider(credentials, self._transport, state=state, on_secret=on_secret)

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request to any endpoint and return the parsed JSON.

        :param method: HTTP method, ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
        :param path: Path below the base URL, like ``/homes``.
        :param params: Query parameters: text, numbers, booleans, aware datetimes and lists of these, which
            are joined by commas as in the documented ``event_type``; ``None`` omits a parameter.
        :param json: Request body, sent as JSON; an aware datetime becomes text.
        :return: The parsed JSON; ``None`` for an empty body. Text has no NUL and no lone surrogates; NaN and
            Infinity are ``None``.
        :raises MinutConfigurationError: if a value cannot be sent; the error names the field.
        :raises MinutResponseError: if the response is no JSON, or an error body with a status of success.
        :raises MinutError: if the request fails; for the subclasses see
            :mod:`airflow_provider_minut.exceptions`.
        """
        auth = BearerAuth(self._tokens)
        data = self._transport.request(method, path, params=params, json=json, auth=auth)
        check_no_error(f"{method} {path}", data, secrets=auth.secrets())
        return data

    def get_access_token(self) -> str:
        """Return an access token that is valid for a request now. It is a secret.

        :raises MinutAuthenticationError: if Minut rejected the credentials.
        :raises MinutError: if the token endpoint is unreachable, or its response is invalid.
        """
        return self._tokens.get().value

    def validate_credentials(self) -> User:
        """Check that the credentials are valid now; return the user who owns them.

        A token may outlive the credentials with which it was requested. So a token older than a minute is
        replaced first.

        :raises MinutAuthenticationError: if Minut rejects the credentials.
        :raises MinutError: as :meth:`request`.
        """
        self._tokens.get(max_age=PROOF_MAX_AGE_SECONDS)
        return self.get_current_user()

    @property
    def request_count(self) -> int:
        """Number of requests that this client has sent, including retries, without token requests."""
        return self._transport.request_count

    @property
    def token_request_count(self) -> int:
        """Number of times that this client has requested a token."""
        return self._tokens.request_count

    def encrypted_entry(self, purpose: str) -> EncryptedEntry:
        """Return a shared-state entry that only a client with these credentials can decrypt.

        :param purpose: Name that distinguishes it from other entries.
        """
        base_url = f"{purpose} of {self.settings.base_url}"
        return EncryptedEntry(
            self._state, base_url, self._credentials.client_id, self._credentials.client_secret
        )

    def status(self) -> ClientStatus:
        """Return the shared state of this client. This sends no request."""
        entry = self._tokens.shared_entry()
        return ClientStatus(
            base_url=self.settings.base_url,
            shared_state=str(self._state),
            token_state=entry.token.state(self._clock) if entry.token else None,
            token_expires_at=entry.token.expires_at if entry.token else 0.0,
            rejection=str(MinutAuthenticationError(entry.rejection)) if entry.rejection else "",
            rate_limit=self._rate_limiter.status(),
        )

    def close(self) -> None:
        """Close the open connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
