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


class MinutError(Exception):
    """Base of every error this package raises on purpose."""


class MinutConfigurationError(MinutError, ValueError):
    """A setting or an argument is wrong. Nothing was sent to Minut.

    :param field: the setting or argument, as its user knows it.
    :param reason: what is wrong with it and what is accepted, never its value if that may be secret.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class MinutConnectionError(MinutError):
    """No usable answer arrived: name resolution, connection, TLS or timeout."""


class MinutResponseError(MinutError):
    """An answer arrived, but it is not what the API promises (a redirect, HTML, broken JSON)."""


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


class MinutAuthenticationError(MinutStatusError):
    """Minut does not accept the client credentials, or not the token it issued for them."""


class MinutPermissionError(MinutStatusError):
    """The account is known but may not do this (403)."""


class MinutNotFoundError(MinutStatusError):
    """There is no such thing, or this account cannot see it (404)."""


class MinutRateLimitError(MinutStatusError):
    """Too many requests (429). ``retry_after`` says when the API wants to hear from us again."""


class MinutServerError(MinutStatusError):
    """Minut failed to answer (5xx). The same request may work later."""


class MinutRequestError(MinutStatusError):
    """The API refused the request as it stands (any other 4xx)."""
