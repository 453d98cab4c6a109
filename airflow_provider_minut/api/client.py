"""The Minut API, one method for each thing a caller wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.auth.provider import BearerAuth, TokenProvider
from airflow_provider_minut.api.auth.token import TokenState
from airflow_provider_minut.api.clock import RANDOM_JITTER, SYSTEM_CLOCK, Clock, Jitter
from airflow_provider_minut.api.http.transport import Observer, Transport
from airflow_provider_minut.api.models import User
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

# A token that was issued within so many seconds proves the credentials; an older one only itself.
PROOF_MAX_AGE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientStatus:
    """What is shared for a client now, without any secret.

    :param base_url: the API.
    :param shared_state: where token and budget are shared, for people.
    :param token_state: ``None`` if there is no token.
    :param token_expires_at: seconds since the epoch, 0 without a token.
    :param rejection: why the credentials were refused a moment ago; empty if they were not.
    :param rate_limit: what is used of the request budget.
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
    """A connection to the Minut API. Threads may share it; a context manager closes it.

    :param credentials: the OAuth client.
    :param settings: where to, how long, how often.
    :param state: where token and request budget are shared.
    :param on_secret: called with each value that must not appear in a log, before it is first used.
    :param observe: called with ``requests`` or ``token_requests`` after each attempt, ``retries`` before
        each retry, ``rate_limited`` after each 429, and ``rate_limit_wait`` after each delay by the rate
        limiter; with 1, or the seconds of the delay; and with the ``method`` and ``status`` of an attempt
        (``none`` without a response). Exceptions that it raises are ignored.
    :param clock: the time, and the way to wait.
    :param jitter: returns a random number between its two arguments; it spreads retries and token refreshes
        of different clients over time.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        settings: ClientSettings | None = None,
        *,
        state: SharedState = PROCESS_STATE,
        on_secret: Callable[[str], None] = lambda _: None,
        observe: Observer | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Jitter = RANDOM_JITTER,
    ) -> None:
        settings = settings or ClientSettings()
        super().__init__(settings)
        self._clock, self._state, self._credentials = clock, state, credentials
        self._rate_limiter = RateLimiter(
            state,
            settings.base_url,
            credentials.client_id,
            per_second=settings.requests_per_second,
            per_minute=settings.requests_per_minute,
            clock=clock,
        )
        self._transport = Transport(settings, self._rate_limiter, observe=observe, clock=clock, jitter=jitter)
        self._tokens = TokenProvider(credentials, self._transport, state=state, on_secret=on_secret)

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request to any endpoint and return the parsed JSON.

        :param method: HTTP method, ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
        :param path: path below the base URL, like ``/homes``.
        :param params: the query; a list repeats its key, ``None`` leaves it out.
        :param json: the body.
        :return: the parsed JSON; ``None`` for an empty answer.
        :raises MinutError: the child that fits, see :mod:`airflow_provider_minut.exceptions`.
        """
        return self._transport.request(method, path, params=params, json=json, auth=BearerAuth(self._tokens))

    def get_access_token(self) -> str:
        """Return an access token that is good for a request now. It is a secret.

        :raises MinutAuthenticationError: the credentials were refused.
        :raises MinutError: the token endpoint could not be asked, or answered nonsense.
        """
        return self._tokens.get().value

    def validate_credentials(self) -> User:
        """Prove that the credentials hold now, and return who owns them.

        A token may outlive the credentials that bought it, so one older than a minute is no proof
        and is replaced first.

        :raises MinutAuthenticationError: the credentials were refused.
        :raises MinutError: as :meth:`request`.
        """
        self._tokens.get(max_age=PROOF_MAX_AGE_SECONDS)
        return self.get_current_user()

    @property
    def request_count(self) -> int:
        """How many requests this client has sent, repeated ones too; token requests do not count."""
        return self._transport.request_count

    @property
    def token_request_count(self) -> int:
        """How often this client has asked for a token."""
        return self._tokens.request_count

    def encrypted_entry(self, purpose: str) -> EncryptedEntry:
        """Return a place in the shared state for something that only these credentials open.

        :param purpose: tells it from other such places.
        """
        base_url = f"{purpose} of {self.settings.base_url}"
        return EncryptedEntry(
            self._state, base_url, self._credentials.client_id, self._credentials.client_secret
        )

    def status(self) -> ClientStatus:
        """Return what is shared for this client now. This asks Minut nothing."""
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
        """Close the kept-alive connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
