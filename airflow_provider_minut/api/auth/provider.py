"""Client credentials, the token they buy, when it is renewed, and how it is attached.

The life of a token has three parts::

    issued ─────────── fresh ───────────┬────── due ─────┬─── spent ──┤ expires
                       use it           │ use it; one    │ wait for   │
                                        │ renews it      │ the one    │
                                        │ meanwhile      │ that renews│

*Due* begins ``min(8 % of the lifetime, 5 min)`` before the end, less a little jitter so that not
everybody starts at once; *spent* begins ``min(3 %, 30 s)`` before it, because servers reject tokens
shortly before they end.
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

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
# Exactly what developer.minut.com shows, response_type included, at every renewal.
TOKEN_FORM = {"grant_type": "client_credentials", "response_type": "token"}
# RFC 6749, 5.2 and 4.1.2.1: the client is refused, whatever status that comes with.
OAUTH_REJECTIONS = frozenset({"invalid_client", "unauthorized_client", "invalid_grant", "access_denied"})

# Seconds that a token request may take when a call waits for it, and when none does.
TOKEN_DEADLINE_SECONDS, BACKGROUND_DEADLINE_SECONDS = 30.0, 5.0
# How long those who wait for somebody else's renewal sleep before they look for its result.
REFRESH_POLL_SECONDS = 0.25
# Seconds for which a rejection is remembered, so that retries in a loop do not lock the account.
REJECTION_CACHE_SECONDS = (30.0, 60.0)
# Seconds between attempts to renew a token that still lives.
BACKGROUND_RETRY_SECONDS = (20.0, 40.0)
# A renewed token that is refused as well shows that the 401 has another reason; for so many seconds
# it is not renewed again.
FUTILE_REFRESH_SECONDS = 60.0


class BasicAuth(Auth):
    """Attaches client credentials, for the token request only."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials

    def header(self) -> str:
        """Return the value of the ``Authorization`` header."""
        return f"Basic {self._credentials.basic}"

    def secrets(self) -> tuple[str, ...]:
        """Return what a server might repeat."""
        return self._credentials.client_secret, self._credentials.basic


class BearerAuth(Auth):
    """Attaches the current access token to the attempts of one call, and replaces it once if refused."""

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens
        self._token: Token | None = None
        self._replayed = False

    def header(self) -> str:
        """Return the value of the ``Authorization`` header; this may wait for a token."""
        self._token = self._tokens.get()
        return f"Bearer {self._token.value}"

    def secrets(self) -> tuple[str, ...]:
        """Return what a server might repeat."""
        return (self._token.value,) if self._token else ()

    def rejected(self) -> bool:
        """Drop the refused token; return whether the request is worth one replay."""
        if self._token is None:
            return False
        if self._replayed:
            self._tokens.note_futile_refresh(self._token)
            return False
        self._replayed = True
        return self._tokens.invalidate(self._token)


class TokenProvider:
    """Has a valid access token whenever one is asked for, with as few token requests as can be.

    Whoever shares ``state`` and has the same credentials for the same base URL shares the token:
    one renews, the others get its result. While the old token lives nobody waits.

    :param credentials: what the token is asked for with.
    :param transport: sends the token request; its clock and jitter are used here too.
    :param state: where the token is shared.
    :param on_secret: called with each value that must not appear in a log, before it is first used.
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
        self._dropped = ""  # the value that was refused last
        self._futile = ("", 0.0)
        self._refresh_thread: threading.Thread | None = None
        self._next_refresh_at = 0.0
        self.request_count = 0
        on_secret(credentials.basic)

    def get(self, *, max_age: float | None = None) -> Token:
        """Return a token that is good for a request now.

        :param max_age: seconds since it was issued, for those who want proof that the credentials
            hold and not just that a token does.
        :raises MinutAuthenticationError: the credentials were refused, now or a moment ago.
        :raises MinutError: the token endpoint could not be asked, or answered nonsense.
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
        """Return what is shared now, without asking for anything."""
        return TokenEntry.load(self._shared.read(), self._clock, self._jitter)

    def invalidate(self, token: Token) -> bool:
        """Forget a token that the API refused; return whether a new one may help.

        Only if it is still the current one: of many calls that were refused together, the first
        replaces it and the others find its successor.
        """
        value, until = self._futile
        if token.value == value and self._clock.monotonic() < until:
            return False
        self._dropped = token.value
        if self._token is token:
            self._token = None
        return True

    def note_futile_refresh(self, token: Token) -> None:
        """Remember that a token from a replay was refused too: the 401 has another reason."""
        self._futile = (token.value, self._clock.monotonic() + FUTILE_REFRESH_SECONDS)

    def _refreshed(self, max_age: float | None) -> Token:
        """Return a usable token, made by whoever is first; the others wait for it."""
        oldest = 0.0 if max_age is None else self._clock.time() - max_age
        deadline = min(TOKEN_DEADLINE_SECONDS, self._transport.settings.deadline)
        give_up = self._clock.monotonic() + deadline
        while True:
            late = self._clock.monotonic() >= give_up
            if token := self._cached(oldest):
                return token
            with self._shared.lock(timeout=REFRESH_POLL_SECONDS) as mine:
                if token := self._cached(oldest):  # made by the one who held the lock before
                    return token
                if mine or late:  # late: whoever renews hangs, so ask once and for this call alone
                    return self._request_token(deadline, None if mine else 1, share=mine)

    def _cached(self, oldest: float) -> Token | None:
        """Return a usable token that this process or another one has."""
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
        """Start a renewal unless one is under way. A daemon thread: it must not keep a process alive."""
        alive = self._refresh_thread is not None and self._refresh_thread.is_alive()
        if not alive and self._clock.monotonic() >= self._next_refresh_at:
            self._refresh_thread = threading.Thread(target=self._refresh, name="minut-token", daemon=True)
            self._refresh_thread.start()

    def _refresh(self) -> None:
        with self._shared.lock(timeout=0) as mine:
            entry = self.shared_entry()
            token = entry.token
            if token and self._is_usable(token) and token.state(self._clock) is TokenState.FRESH:
                self._token = token
            elif not mine or self._clock.time() < entry.retry_at:
                # Somebody else renews, or just failed to. Look again soon, measured in lifetimes.
                self._next_refresh_at = self._clock.monotonic() + (token.lifetime / 100 if token else 1.0)
            else:
                try:
                    self._request_token(BACKGROUND_DEADLINE_SECONDS, 1, share=True)
                except MinutError as error:
                    pause = self._jitter(*BACKGROUND_RETRY_SECONDS)
                    self._next_refresh_at = self._clock.monotonic() + pause
                    entry.retry_at = self._clock.time() + pause
                    self._share(entry)
                    text = "The access token could not be renewed yet; the present one is used on. %s"
                    log.warning(text, error)

    def _request_token(self, deadline: float, max_attempts: int | None, *, share: bool) -> Token:
        before = self._clock.time(), self._clock.monotonic()
        self.request_count += 1
        try:
            reply = self._transport.request(
                "POST",
                TOKEN_PATH,
                auth=self._auth,
                form=TOKEN_FORM,
                repeatable=True,
                queued=False,
                max_attempts=max_attempts,
                deadline=deadline,
            )
            token = token_from_response(reply, before, self._jitter)
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
        log.info("Got an access token from Minut, valid for %.0f s.", token.lifetime)
        return token
