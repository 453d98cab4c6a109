"""Requests an access token with client credentials, refreshes it, and attaches it to requests.

A token has three states::

    issued ─────────── fresh ───────────┬────── due ─────┬─── spent ──┤ expires
                       use it           │ use it; one    │ wait until │
                                        │ process        │ a process  │
                                        │ refreshes it   │ refreshed it

*Due* begins ``min(8 % of the lifetime, 5 min)`` before the token expires, minus a jitter so that processes
do not all refresh at once; *spent* begins ``min(3 %, 30 s)`` before it expires, because servers reject
tokens shortly before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.auth.token import Token, TokenEntry, TokenState, token_from_response
from airflow_provider_minut.api.http.transport import Auth, Transport
from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.encrypted import EncryptedEntry
from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE
from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutError,
    MinutStatusError,
)

log = logging.getLogger(__name__)

TOKEN_PATH = "/oauth/token"  # noqa: S105 - the path of the endpoint, not a password
# Exactly as on developer.minut.com, including response_type; the same for every refresh.
TOKEN_FORM = {"grant_type": "client_credentials", "response_type": "token"}
# RFC 6749, 5.2 and 4.1.2.1: the server rejects the client, with any status.
OAUTH_REJECTIONS = frozenset({"invalid_client", "unauthorized_client", "invalid_grant", "access_denied"})

# Maximum duration of a token request for which a call waits, and of one in the background.
TOKEN_DEADLINE_SECONDS, BACKGROUND_DEADLINE_SECONDS = 30.0, 5.0
# Interval at which a process that waits for another one's refresh polls for the result.
REFRESH_POLL_SECONDS = 0.25
# Duration for which a rejection is cached, so that retries in a loop do not lock the account.
REJECTION_CACHE_SECONDS = (30.0, 60.0)
# Delay between attempts to refresh a token that is still valid.
BACKGROUND_RETRY_SECONDS = (20.0, 40.0)
# If the API rejects a refreshed token too, the 401 has another reason; for this long the token is not
# refreshed again.
FUTILE_REFRESH_SECONDS = 60.0


class BasicAuth(Auth):
    """Attaches the client credentials; for the token request only."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials

    def header(self) -> str:
        """Return the value of the ``Authorization`` header."""
        return f"Basic {self._credentials.basic}"

    def secrets(self) -> tuple[str, ...]:
        """Return the values that a server might echo."""
        return self._credentials.client_secret, self._credentials.basic


class BearerAuth(Auth):
    """Attaches the current access token to the attempts of one call; replaces it once after a 401."""

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens
        self._token: Token | None = None
        self._replayed = False

    def header(self) -> str:
        """Return the value of the ``Authorization`` header; this may wait for a token."""
        self._token = self._tokens.get()
        return f"Bearer {self._token.value}"

    def secrets(self) -> tuple[str, ...]:
        """Return the values that a server might echo."""
        return (self._token.value,) if self._token else ()

    def rejected(self) -> bool:
        """Drop the rejected token; return whether to replay the request with a new one."""
        if self._token is None:
            return False
        if self._replayed:
            self._tokens.note_futile_refresh(self._token)
            return False
        self._replayed = True
        return self._tokens.invalidate(self._token)


class TokenProvider:
    """Provides a valid access token with as few token requests as possible.

    All clients with the same ``state``, credentials and base URL share the token: one refreshes it, the
    others get the result. While the old token is valid, no call waits.

    :param credentials: Client ID and secret.
    :param transport: Sends the token request; its clock and jitter are used here too.
    :param state: Backend that shares the token.
    :param on_secret: Called with each value that must not appear in a log, before it is first used.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        transport: Transport,
        *,
        state: SharedState = PROCESS_STATE,
        on_secret: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._auth = BasicAuth(credentials)
        self._transport = transport
        self._clock = transport.clock
        self._jitter = transport.jitter
        base_url = transport.settings.base_url
        self._shared = EncryptedEntry(state, base_url, credentials.client_id, credentials.client_secret)
        self._on_secret = on_secret
        self._token: Token | None = None
        self._masked: Token | None = None
        self._dropped = ""  # the value that was rejected last
        self._futile = ("", 0.0)
        self._refresh_thread: threading.Thread | None = None
        self._next_refresh_at = 0.0
        self.request_count = 0
        on_secret(credentials.basic)

    def get(self, *, max_age: float | None = None) -> Token:
        """Return a token that is valid for a request now.

        :param max_age: Maximum age of the token in seconds. A recent token proves that the credentials are
            valid; an older one only proves itself.
        :raises MinutAuthenticationError: if Minut rejected the credentials, now or recently.
        :raises MinutError: if the token endpoint is unreachable, or its response is invalid.
        """
        token = self._token
        if token is None or max_age is not None:
            token = self._refreshed(max_age)
        else:
            state = token.state(self._clock)
            if state is TokenState.DUE:
                self._refresh_in_background()
            elif state is TokenState.SPENT:
                token = self._refreshed(None)
        if token is not self._masked:
            self._on_secret(token.value)
            self._masked = token
        return token

    def shared_entry(self) -> TokenEntry:
        """Return the shared entry. This sends no request."""
        return TokenEntry.load(self._shared.read(), self._clock, self._jitter)

    def invalidate(self, token: Token) -> bool:
        """Drop a token that the API rejected; return whether a new one may help.

        It is dropped only if it is still the current one: of several calls that were rejected at the same
        time, the first replaces it, and the others use its successor.
        """
        value, until = self._futile
        if token.value == value and self._clock.monotonic() < until:
            return False
        self._dropped = token.value
        if self._token is token:
            self._token = None
        return True

    def note_futile_refresh(self, token: Token) -> None:
        """Note that the API rejected the token of a replay too: the 401 has another reason."""
        self._futile = (token.value, self._clock.monotonic() + FUTILE_REFRESH_SECONDS)

    def _refreshed(self, max_age: float | None) -> Token:
        """Return a usable token; one process requests it, the others wait."""
        oldest = 0.0 if max_age is None else self._clock.time() - max_age
        deadline = min(TOKEN_DEADLINE_SECONDS, self._transport.settings.deadline)
        end = self._clock.monotonic() + deadline
        while True:
            late = self._clock.monotonic() >= end
            if token := self._cached(oldest):
                return token
            with self._shared.lock(timeout=REFRESH_POLL_SECONDS) as held:
                if token := self._cached(oldest):  # requested by the previous holder of the lock
                    return token
                if held or late:  # late: the process that refreshes hangs, so one request for this call only
                    return self._request_token(deadline, None if held else 1, share=held)

    def _cached(self, oldest: float) -> Token | None:
        """Return a usable token of this process or the shared state."""
        entry = self.shared_entry()
        for token in (self._token, entry.token):
            if token and self._is_usable(token) and token.issued_at >= oldest:
                self._token = token
                return token
        if entry.rejection:
            raise MinutAuthenticationError(entry.rejection, status=401)
        return None

    def _share(self, entry: TokenEntry) -> None:
        self._shared.write(entry.dump(), lifetime=max(entry.ends_at - self._clock.time(), 1.0))

    def _is_usable(self, token: Token) -> bool:
        return token.value != self._dropped and token.state(self._clock) is not TokenState.SPENT

    def _refresh_in_background(self) -> None:
        """Start a refresh unless one is running. A daemon thread does not keep the process alive."""
        alive = self._refresh_thread is not None and self._refresh_thread.is_alive()
        if not alive and self._clock.monotonic() >= self._next_refresh_at:
            self._refresh_thread = threading.Thread(target=self._refresh, name="minut-token", daemon=True)
            self._refresh_thread.start()

    def _refresh(self) -> None:
        with self._shared.lock(timeout=0) as held:
            entry = self.shared_entry()
            token = entry.token
            if token and self._is_usable(token) and token.state(self._clock) is TokenState.FRESH:
                self._token = token
            elif not held or self._clock.time() < entry.retry_at:
                # Another process refreshes, or just failed to. Try again after a fraction of the lifetime.
                self._next_refresh_at = self._clock.monotonic() + (token.lifetime / 100 if token else 1.0)
            else:
                try:
                    self._request_token(BACKGROUND_DEADLINE_SECONDS, 1, share=True)
                except MinutError as error:
                    delay = self._jitter(*BACKGROUND_RETRY_SECONDS)
                    self._next_refresh_at = self._clock.monotonic() + delay
                    entry.retry_at = self._clock.time() + delay
                    self._share(entry)
                    text = "Failed to refresh the access token; continuing with the current one. %s"
                    log.warning(text, error)

    def _request_token(self, deadline: float, max_attempts: int | None, *, share: bool) -> Token:
        before = self._clock.time(), self._clock.monotonic()
        self.request_count += 1
        try:
            response = self._transport.request(
                "POST",
                TOKEN_PATH,
                auth=self._auth,
                form=TOKEN_FORM,
                repeatable=True,
                rate_limited=False,
                max_attempts=max_attempts,
                deadline=deadline,
            )
            token = token_from_response(response, before, self._jitter)
        except MinutStatusError as error:
            if error.status not in {401, 403} and error.code not in OAUTH_REJECTIONS:
                raise
            message = f"Minut rejected the client credentials. {error.message}"
            rejection = MinutAuthenticationError(message, status=error.status)
            if share:
                entry = TokenEntry(self._token, rejection=message)
                entry.retry_at = self._clock.time() + self._jitter(*REJECTION_CACHE_SECONDS)
                self._share(entry)
            raise rejection from None
        self._token = token
        if share:
            self._share(TokenEntry(token))
        log.info("Received an access token, valid for %.0f s.", token.lifetime)
        return token
