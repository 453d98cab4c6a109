"""Errors of the Minut client.

::

    MinutError
    ├── MinutConfigurationError     a setting or an argument is invalid; no request was sent
    ├── MinutConnectionError        no response: name resolution, connection, TLS or timeout
    ├── MinutResponseError          a response that does not match the API
    ├── MinutCoverageError          fewer readings than min_coverage asks for
    └── MinutStatusError            a response with an error status
        ├── MinutAuthenticationError    401, or the token endpoint rejected the client
        ├── MinutPermissionError        403
        ├── MinutNotFoundError          404
        ├── MinutRateLimitError         429
        ├── MinutServerError            5xx
        └── MinutRequestError           any other 4xx

An error contains no secret, no token, no header, and at most one line of the response body.
"""

from __future__ import annotations

from typing import ClassVar


class MinutError(Exception):
    """Base class of all errors that this package raises.

    Its text is the message followed by the remedy. ``docs/errors.md`` is generated from ``cause`` and
    ``remedy`` of each class.

    :param message: What happened, and to which request.
    :param remedy: What to do about it. Default: the remedy of the class.
    """

    cause: ClassVar[str] = "An operation failed; the message contains the reason."
    remedy: str = ""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if remedy is not None:
            self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class MinutConfigurationError(MinutError, ValueError):
    """A setting or an argument is invalid. No request was sent.

    :param field: The setting or argument, by the name that the user knows.
    :param reason: What is wrong with it and what is accepted; never a value that may be secret.
    """

    cause = "A connection field, an option or an argument is invalid. No request was sent."
    remedy = "Correct the field at the beginning of the message."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return self.message  # the reason says what is accepted


class MinutConnectionError(MinutError):
    """No usable response arrived: name resolution, connection, TLS or timeout."""

    cause = "No response arrived, or only a part of it: name resolution, connection, TLS or timeout."
    remedy = "Check the network, the proxy and the API base URL of the connection."


class MinutResponseError(MinutError):
    """A response arrived that does not match the API: a redirect, HTML or invalid JSON."""

    cause = "The response does not come from Minut's API: HTML, a redirect, invalid JSON or a missing field."
    remedy = "Check the API base URL, and whether a login page or a proxy responds instead of Minut."


class MinutCoverageError(MinutError):
    """A transfer delivered its data, but fewer readings than ``min_coverage`` asks for."""

    cause = (
        "Readings are missing: devices were offline, or have not uploaded yet. What there is was delivered."
    )
    remedy = "Retry later, because devices upload late; or check the devices that the task log names."


class MinutStatusError(MinutError):
    """The API returned an error status.

    :param message: What happened, and to which request.
    :param remedy: What to do about it. Default: the remedy of the class.
    :param status: HTTP status code; ``None`` if the request was not sent.
    :param code: The error code of the response (RFC 6749 ``error`` or Minut's ``error_key``), if it has one.
    :param retry_after: Seconds after which a retry makes sense; ``None`` if unknown.
    """

    cause = "The API returned an error status; see the subclasses below."

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class MinutAuthenticationError(MinutStatusError):
    """Minut rejected the client credentials, or the token that it issued for them (401)."""

    cause = "Minut rejected the client ID and secret, or the access token that it had just issued (401)."
    # Where the credentials are found: developer.minut.com, Authentication.
    remedy = (
        "Compare the client ID and the client secret of the connection with those under 'Developer tools' "
        "in Minut's web app, and check that the account has API access."
    )


class MinutPermissionError(MinutStatusError):
    """The account lacks a permission (403)."""

    cause = "The credentials are valid, but the account lacks a permission (403)."
    remedy = "The account lacks permission for this operation. Use credentials with the required access."


class MinutNotFoundError(MinutStatusError):
    """The resource does not exist, or the account cannot access it (404)."""

    cause = "The resource does not exist, or it belongs to another account (404)."
    remedy = "Check the ID and the path, and that the account can access the resource."


class MinutRateLimitError(MinutStatusError):
    """Too many requests (429), or a delay by the rate limiter beyond the request deadline."""

    cause = "Minut returned 429 for each attempt, or the rate limiter would delay a request too long."
    remedy = "Minut allows 120 requests/min; check whether another application uses the same client ID."


class MinutServerError(MinutStatusError):
    """Minut failed to respond (5xx). A retry may succeed."""

    cause = "Minut returned 5xx for each attempt."
    remedy = "The failure is on Minut's side (see status.minut.com). Retry later."


class MinutRequestError(MinutStatusError):
    """The API rejected the request (any other 4xx)."""

    cause = "The API rejected the request (any other 4xx); the message contains Minut's reason."
    remedy = "Correct the request."


# A retry cannot succeed until the connection, the account or the DAG is changed.
PERMANENT_ERRORS = (MinutAuthenticationError, MinutConfigurationError, MinutPermissionError)
