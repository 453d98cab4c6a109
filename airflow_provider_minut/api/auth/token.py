"""One access token: what is believed of the reply it came in, how long it lives, how it is shared."""

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

# Seconds that a token is used if the reply does not say usefully (RFC 6749, 5.1: only RECOMMENDED).
DEFAULT_LIFETIME_SECONDS = 600.0
MAX_LIFETIME_SECONDS = 86_400.0
MAX_TOKEN_CHARACTERS = 16_384

# RFC 6749, 4.1.2.1: the client is not to blame.
OAUTH_SERVER_ERRORS = frozenset({"server_error", "temporarily_unavailable"})

ENTRY_VERSION = 1
# Seconds by which the clocks of two processes may differ. What was issued later than that from now
# on comes from a clock that has since been set back, and says nothing.
CLOCK_TOLERANCE_SECONDS = 60.0


class TokenState(enum.Enum):
    """Which part of its life a token is in."""

    FRESH = "fresh"
    DUE = "due"
    SPENT = "spent"


class Token:
    """An access token. Opaque: it is never parsed.

    :param value: what follows ``Bearer`` in the header.
    :param issued_at: seconds since the epoch, from just before it was asked for.
    :param lifetime: seconds from then on.
    :param received_at: the same moment as ``issued_at`` on the monotonic clock of this process.
    :param jitter: returns a random number between its two arguments; it spreads refreshes over time.
    """

    __slots__ = ("_due", "_ends_at", "_spent", "issued_at", "lifetime", "value")

    def __init__(
        self, value: str, issued_at: float, lifetime: float, received_at: float, *, jitter: Jitter
    ) -> None:
        self.value = value
        self.issued_at = issued_at
        self.lifetime = lifetime
        self._ends_at = received_at + lifetime
        # Short tokens are renewed late, so that ten lifetimes cost at most eleven requests.
        # Jitter: the first to find the token due renews it before the others look.
        self._due = min(0.08 * lifetime, 300.0) * jitter(0.8, 1.0)
        self._spent = min(0.03 * lifetime, 30.0)

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch."""
        return self.issued_at + self.lifetime

    def state(self, clock: Clock) -> TokenState:
        """Return the part of its life; the clock that makes it older is believed."""
        left = min(self.expires_at - clock.time(), self._ends_at - clock.monotonic())
        if left > self._due:
            return TokenState.FRESH
        return TokenState.DUE if left > self._spent else TokenState.SPENT

    def __repr__(self) -> str:
        return f"Token(lifetime={self.lifetime:.0f} s)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are not serialised: pass the connection id")


def token_from_response(reply: Any, before: tuple[float, float], jitter: Jitter) -> Token:
    """Return the token in a reply of the token endpoint (RFC 6749, 5.1).

    :param reply: the parsed JSON.
    :param before: wall and monotonic time just before the request; a slow reply thus never makes the
        token look younger than it is.
    :param jitter: see :class:`Token`.
    :raises MinutResponseError: if there is no usable token in it.
    :raises MinutServerError: if it says that the server failed, although its status said success.
    :raises MinutRequestError: if it names any other OAuth error.
    """
    where = f"The token endpoint answered {type(reply).__name__ if reply is not None else 'nothing'}"
    if not isinstance(reply, Mapping):
        raise MinutResponseError(f"{where}, not a JSON object.")
    if isinstance(reply.get("error"), str):
        raise _error_in_success(reply["error"])
    value = reply.get("access_token")
    if not isinstance(value, str) or not value:
        raise MinutResponseError("The token endpoint's response has no usable access_token.")
    if not _is_sendable(value):
        raise MinutResponseError("The access_token has characters that a token cannot have, or is too long.")
    kind = reply.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":  # RFC 6749, 7.1
        raise MinutResponseError("The token_type is not Bearer, so the token cannot be used.")
    return Token(value, before[0], _lifetime(reply.get("expires_in")), before[1], jitter=jitter)


def _is_sendable(value: str) -> bool:
    """Return whether it is a token by RFC 6750, 2.1. A line break above all must never reach a header."""
    return len(value) <= MAX_TOKEN_CHARACTERS and bool(re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", value))


def _error_in_success(code: str) -> MinutStatusError:
    shown = code if re.fullmatch(r"[a-z_]{1,40}", code) else "unknown"
    kind = MinutServerError if code in OAUTH_SERVER_ERRORS else MinutRequestError
    return kind(f"The token endpoint answered 200 with the OAuth error {shown}.", status=200, code=code)


def _lifetime(expires_in: Any) -> float:
    """Return a safe lifetime in seconds for whatever ``expires_in`` holds."""
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
        "The token reply has no usable expires_in; the token is used for %.0f s.", DEFAULT_LIFETIME_SECONDS
    )
    return DEFAULT_LIFETIME_SECONDS


class TokenEntry:
    """What those who share a token tell each other.

    :param token: the token, if there is one.
    :param rejection: what to tell the user, if the credentials were refused.
    :param retry_at: seconds since the epoch before which the token endpoint is left in peace.
    """

    __slots__ = ("rejection", "retry_at", "token")

    def __init__(self, token: Token | None = None, *, rejection: str = "", retry_at: float = 0.0) -> None:
        self.token = token
        self.rejection = rejection
        self.retry_at = retry_at

    @property
    def ends_at(self) -> float:
        """Seconds since the epoch after which nothing in it is of use."""
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
        """Return what is usable of an entry: nothing, if it is broken, foreign or from the future."""
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
            log.debug("A shared token entry cannot be read; it is replaced.")
            return cls()
        return loaded


def _shared_token(
    value: str, issued_at: float, lifetime: float, clock: Clock, jitter: Jitter
) -> Token | None:
    """Return the token that another process got, unless it is none, or from the future."""
    age = clock.time() - issued_at
    if not (
        -CLOCK_TOLERANCE_SECONDS <= age < MAX_LIFETIME_SECONDS
        and 0 < lifetime <= MAX_LIFETIME_SECONDS
        and _is_sendable(value)
    ):
        return None
    # The age by the wall clock is all that processes share.
    return Token(value, issued_at, lifetime, clock.monotonic() - max(age, 0.0), jitter=jitter)
