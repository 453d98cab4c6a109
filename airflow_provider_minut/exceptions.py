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
        ├── MinutRateLimitError         429, or the budget has no slot in time
        ├── MinutServerError            5xx
        └── MinutRequestError           every other 4xx

No message holds a secret, a token, a header or more than a line of what the server said.
"""

from __future__ import annotations


class MinutError(Exception):
    """Base of every error this package raises on purpose."""


class MinutConfigurationError(MinutError, ValueError):
    """A setting or an argument is wrong. Nothing was sent to Minut."""


class MinutConnectionError(MinutError):
    """No usable answer arrived: name resolution, connection, TLS or timeout."""


class MinutResponseError(MinutError):
    """An answer arrived, but it is not what the API promises (a redirect, HTML, broken JSON)."""


class MinutStatusError(MinutError):
    """The API answered with an error status.

    :param message: what happened, to which request, and what to do about it.
    :param status: HTTP status code; ``None`` when the request was never sent.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MinutAuthenticationError(MinutStatusError):
    """Minut does not accept the client credentials, or not the token it issued for them."""


class MinutPermissionError(MinutStatusError):
    """The account is known but may not do this (403)."""


class MinutNotFoundError(MinutStatusError):
    """There is no such thing, or this account cannot see it (404)."""


class MinutRateLimitError(MinutStatusError):
    """Too many requests (429), or no free slot in the request budget before the deadline.

    :param retry_after: seconds after which another try makes sense; ``None`` when unknown.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class MinutServerError(MinutStatusError):
    """Minut failed to answer (5xx). The same request may work later."""


class MinutRequestError(MinutStatusError):
    """The API refused the request as it stands (any other 4xx)."""
