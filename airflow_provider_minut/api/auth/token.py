"""An access token: validation of the token response, lifetime, and the shared entry."""

from __future__ import annotations

import enum
import json
import logging
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from airflow_provider_minut.api.clock import Clock, Jitter
from airflow_provider_minut.exceptions import (
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
    MinutStatusError,
)

log = logging.getLogger(__name__)

# Used if the response has no usable expires_in, which is only RECOMMENDED (RFC 6749, 5.1).
DEFAULT_LIFETIME_SECONDS = 600.0
MAX_LIFETIME_SECONDS = 86_400.0
MAX_TOKEN_CHARACTERS = 16_384

# RFC 6749, 4.1.2.1: errors of the server, not of the client.
OAUTH_SERVER_ERRORS = frozenset({"server_error", "temporarily_unavailable"})

ENTRY_VERSION = 1
# Maximum difference between the clocks of two processes. A token issued further in the future was stored
# before the clock was set back, so its age is unknown.
CLOCK_TOLERANCE_SECONDS = 60.0


class TokenState(enum.Enum):
    """State of a token, see ``api.auth.provider``."""

    FRESH = "fresh"
    DUE = "due"
    SPENT = "spent"


class Token:
    """An access token. It is opaque: its value is never parsed.

    :param value: Value that follows ``Bearer`` in the header.
    :param issued_at: Seconds since the epoch, just before the token request.
    :param lifetime: Seconds from ``issued_at`` until the token expires.
    :param received_at: The same point in time as ``issued_at``, on the monotonic clock of this process.
    :param jitter: Returns a random number between its two arguments; it spreads refreshes over time.
    """

    __slots__ = ("_due", "_ends_at", "_spent", "issued_at", "lifetime", "value")

    def __init__(
        self, value: str, issued_at: float, lifetime: float, received_at: float, *, jitter: Jitter
    ) -> None:
        self.value = value
        self.issued_at = issued_at
        self.lifetime = lifetime
        self._ends_at = received_at + lifetime
        # Short-lived tokens are refreshed late, so that ten lifetimes need at most eleven token requests.
        # Jitter: the first process for which the token is due refreshes it before it is due for the others.
        self._due = min(0.08 * lifetime, 300.0) * jitter(0.8, 1.0)
        self._spent = min(0.03 * lifetime, 30.0)

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch."""
        return self.issued_at + self.lifetime

    def state(self, clock: Clock) -> TokenState:
        """Return the state, by whichever clock leaves less time."""
        left = min(self.expires_at - clock.time(), self._ends_at - clock.monotonic())
        if left > self._due:
            return TokenState.FRESH
        return TokenState.DUE if left > self._spent else TokenState.SPENT

    def __repr__(self) -> str:
        return f"Token(lifetime={self.lifetime:.0f} s)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are not serializable; pass the connection ID")


def token_from_response(data: Any, before: tuple[float, float], jitter: Jitter) -> Token:
    """Return the token in a response of the token endpoint (RFC 6749, 5.1).

    :param data: Parsed JSON of the response.
    :param before: Wall and monotonic time just before the request, so that a slow response does not make the
        token appear younger than it is.
    :param jitter: See :class:`Token`.
    :raises MinutResponseError: if the response contains no usable token.
    :raises MinutServerError: if a successful response reports an error of the server.
    :raises MinutRequestError: if it reports any other OAuth error.
    """
    if not isinstance(data, Mapping):
        found = "null or an empty body" if data is None else f"a value of type {type(data).__name__}"
        raise MinutResponseError(f"The token endpoint returned {found}, not a JSON object.")
    if isinstance(data.get("error"), str):
        raise _error_in_success(data["error"])
    value = data.get("access_token")
    if not isinstance(value, str) or not value:
        raise MinutResponseError("The token endpoint's response has no usable access_token.")
    if not _is_sendable(value):
        raise MinutResponseError(
            "The access_token contains characters that are not allowed in a token, or is too long."
        )
    kind = data.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":  # RFC 6749, 7.1
        raise MinutResponseError("The token_type is not Bearer, so the token cannot be used.")
    return Token(value, before[0], _lifetime(data.get("expires_in")), before[1], jitter=jitter)


def _is_sendable(value: str) -> bool:
    """Return whether it is a token by RFC 6750, 2.1. In particular, it must not contain a line break."""
    return len(value) <= MAX_TOKEN_CHARACTERS and bool(re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", value))


def _error_in_success(code: str) -> MinutStatusError:
    shown = code if re.fullmatch(r"[a-z_]{1,40}", code) else "unknown"
    kind = MinutServerError if code in OAUTH_SERVER_ERRORS else MinutRequestError
    return kind(f"The token endpoint returned 200 with the OAuth error {shown}.", status=200, code=code)


def _lifetime(expires_in: Any) -> float:
    """Return a lifetime in seconds for any value of ``expires_in``."""
    seconds = math.nan
    if isinstance(expires_in, int | float | str) and not isinstance(expires_in, bool):
        try:
            seconds = float(expires_in)
        except (ValueError, OverflowError):
            seconds = math.inf if isinstance(expires_in, int) and expires_in > 0 else math.nan
    if seconds > MAX_LIFETIME_SECONDS and not math.isinf(seconds):
        return MAX_LIFETIME_SECONDS
    if seconds > 0 and not math.isinf(seconds):
        return seconds
    log.warning(
        "The token response has no usable expires_in; using the token for %.0f s.", DEFAULT_LIFETIME_SECONDS
    )
    return DEFAULT_LIFETIME_SECONDS


class TokenEntry:
    """The shared entry of a token.

    :param token: The token, if there is one.
    :param rejection: Message for the user if Minut rejected the credentials.
    :param retry_at: Seconds since the epoch before which no token is requested.
    """

    __slots__ = ("rejection", "retry_at", "token")

    def __init__(self, token: Token | None = None, *, rejection: str = "", retry_at: float = 0.0) -> None:
        self.token = token
        self.rejection = rejection
        self.retry_at = retry_at

    @property
    def ends_at(self) -> float:
        """Seconds since the epoch after which the entry is obsolete."""
        return max(self.retry_at, self.token.expires_at if self.token else 0.0)

    def dump(self) -> bytes:
        """Return the entry as bytes."""
        data: dict[str, Any] = {"v": ENTRY_VERSION, "rejection": self.rejection, "retry_at": self.retry_at}
        if self.token:
            data |= {
                "access_token": self.token.value,
                "issued_at": self.token.issued_at,
                "lifetime": self.token.lifetime,
            }
        return json.dumps(data).encode()

    @classmethod
    def load(cls, entry: bytes | None, clock: Clock, jitter: Jitter) -> TokenEntry:
        """Return the usable part of an entry; an empty entry if it is invalid or from the future."""
        if entry is None:
            return cls()
        now = clock.time()
        try:
            data = json.loads(entry)
            if data["v"] != ENTRY_VERSION:
                return cls()
            retry_at = float(data["retry_at"])
            waiting = now < retry_at <= now + CLOCK_TOLERANCE_SECONDS
            loaded = cls(rejection=str(data["rejection"]), retry_at=retry_at) if waiting else cls()
            if "access_token" in data:
                loaded.token = _shared_token(
                    data["access_token"], data["issued_at"], data["lifetime"], clock, jitter
                )
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            log.debug("The shared token entry is invalid; it is replaced.")
            return cls()
        return loaded


def _shared_token(
    value: str, issued_at: float, lifetime: float, clock: Clock, jitter: Jitter
) -> Token | None:
    """Return the token of another process; ``None`` if it is invalid or from the future."""
    age = clock.time() - issued_at
    if not (
        -CLOCK_TOLERANCE_SECONDS <= age < MAX_LIFETIME_SECONDS
        and 0 < lifetime <= MAX_LIFETIME_SECONDS
        and _is_sendable(value)
    ):
        return None
    # Processes share only the wall clock.
    return Token(value, issued_at, lifetime, clock.monotonic() - max(age, 0.0), jitter=jitter)
