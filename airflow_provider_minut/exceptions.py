"""What can go wrong between a caller and the Minut API.

::

    MinutError
    ├── MinutConfigurationError     a setting or an argument is wrong; nothing was sent
    ├── MinutConnectionError        no answer: DNS, refused, reset, TLS, timeout
    ├── MinutResponseError          an answer that is not what the API promises
    └── MinutStatusError            an answer with an error status
        ├── MinutAuthenticationError    401, or the token endpoint refused the client
        ├── MinutPermissionError        403
        ├── MinutNotFoundError          404
        ├── MinutRateLimitError         429
        ├── MinutServerError            5xx
        └── MinutRequestError           every other 4xx

No message holds a secret, a token, a header or more than a line of what the server said.
"""

from __future__ import annotations

from typing import ClassVar


class MinutError(Exception):
    """Base of every error this package raises on purpose.

    ``cause`` and ``remedy`` are for the user: the texts end with the remedy, and the documentation's table of
    errors is made of both.
    """

    cause: ClassVar[str] = "What was asked for could not be done; the text says why."
    remedy: ClassVar[str] = "Do what the text says."


class MinutConfigurationError(MinutError, ValueError):
    """A setting or an argument is wrong. Nothing was sent to Minut.

    :param field: the setting or argument, as its user knows it.
    :param reason: what is wrong with it and what is accepted, never its value if that may be secret.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    cause = "A field of the connection, an option or an argument is wrong. Nothing was sent."
    remedy = "Correct the field that the text begins with."


class MinutConnectionError(MinutError):
    """No usable answer arrived: name resolution, connection, TLS or timeout."""

    cause = "No answer came, or not all of it: name resolution, connection, TLS, timeout."
    remedy = "Check the network, the proxy and the API base URL of the connection."


class MinutResponseError(MinutError):
    """An answer arrived, but it is not what the API promises (a redirect, HTML, broken JSON)."""

    cause = "Something answered, but not as Minut's API does: HTML, a redirect, broken JSON, a field missing."
    remedy = "Is the base URL right, and no login page or proxy in between?"


class MinutStatusError(MinutError):
    """The API answered with an error status.

    :param message: what happened, to which request, and what to do about it.
    :param status: HTTP status code; ``None`` when the request was never sent.
    :param code: the API's own error code (RFC 6749 ``error``, Minut's ``error_key``), if it gave one.
    :param retry_after: seconds after which another try makes sense; ``None`` when unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    cause = "The API answered with an error status; one of the classes below says which."


class MinutAuthenticationError(MinutStatusError):
    """Minut does not accept the client credentials, or not the token it issued for them."""

    cause = "Minut refused the client ID and secret, or the token that it had just issued for them (401)."
    # Where a user finds what the credentials consist of (developer.minut.com, Authentication).
    remedy = (
        "Compare the client ID and the client secret of the connection with those under 'Developer tools' "
        "in Minut's web app, and check that the account has API access."
    )


class MinutPermissionError(MinutStatusError):
    """The account is known but may not do this (403)."""

    cause = "The account is known, but may not do this (403)."
    remedy = "The account that owns the credentials may not do this; use one that may."


class MinutNotFoundError(MinutStatusError):
    """There is no such thing, or this account cannot see it (404)."""

    cause = "There is no such thing, or it belongs to another account (404)."
    remedy = "It does not exist, or this account cannot see it: check the id and the path."


class MinutRateLimitError(MinutStatusError):
    """Too many requests (429). ``retry_after`` says when the API wants to hear from us again."""

    cause = "Minut answered 429 again and again; or the request's turn in the budget would come too late."
    remedy = "Minut allows 120 requests a minute; something else may use the same client."


class MinutServerError(MinutStatusError):
    """Minut failed to answer (5xx). The same request may work later."""

    cause = "Minut failed (5xx), also when asked again."
    remedy = "The fault is Minut's (see status.minut.com); try again later."


class MinutRequestError(MinutStatusError):
    """The API refused the request as it stands (any other 4xx)."""

    cause = "The API refused the request as it stands (any other 4xx); the text has Minut's own reason."
    remedy = "The request itself has to change."
