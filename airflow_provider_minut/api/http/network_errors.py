"""What a network error means, in words of our own: the texts of urllib3 may hold URLs and headers."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any

import requests
import urllib3.exceptions

# Seconds, at most, until a connection is there.
CONNECT_TIMEOUT_SECONDS = 5.0

_DESCRIPTIONS: tuple[tuple[type[BaseException], Callable[[float], str]], ...] = (
    (urllib3.exceptions.NameResolutionError, lambda _: "the host name could not be resolved"),
    (requests.ConnectTimeout, lambda s: f"no connection within {min(s, CONNECT_TIMEOUT_SECONDS):g} s"),
    (requests.exceptions.ProxyError, lambda _: "the proxy refused, or cannot be reached"),
    (urllib3.exceptions.ReadTimeoutError, lambda s: f"nothing, or not all of it, came within {s:g} s"),
    (requests.ReadTimeout, lambda s: f"nothing, or not all of it, came within {s:g} s"),
    (ConnectionRefusedError, lambda _: "connection refused"),
    (urllib3.exceptions.DecodeError, lambda _: "its compression is broken"),
    (urllib3.exceptions.IncompleteRead, lambda _: "the connection ended in the middle of it"),
    (http.client.RemoteDisconnected, lambda _: "the connection was closed by the other side"),
    (http.client.HTTPException, lambda _: "what came is not HTTP"),
)


def is_missing_ca_bundle(error: BaseException) -> bool:
    """Return whether the CA bundle is missing, which no second attempt mends."""
    return type(error) is OSError and error.errno is None  # all that requests says if it is not there


def describe(error: BaseException, seconds: float) -> tuple[str, bool]:
    """Return what happened, and whether it is certain that the server never saw the request.

    :param error: what requests or urllib3 raised.
    :param seconds: that the attempt had.
    """
    chain = _chain(error)
    unsent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    certain = any(isinstance(e, unsent) for e in chain)
    if isinstance(error, requests.exceptions.SSLError):
        said = [getattr(e, "verify_message", "") or e.reason for e in chain if isinstance(e, ssl.SSLError)]
        detail = next(filter(None, said), "handshake")
        detail = detail.lower().replace("_", " ") if detail.isupper() else detail
        return f"TLS failed ({detail}); see the setting 'verify'", True
    if is_missing_ca_bundle(error):
        return "the CA bundle is not there; see the setting 'verify' and REQUESTS_CA_BUNDLE", True
    for kind, text in _DESCRIPTIONS:
        if any(isinstance(e, kind) for e in chain):
            return text(seconds), certain
    said = [e.strerror for e in chain if isinstance(e, OSError) and e.strerror]
    return (said[-1].lower() if said else "the connection was closed by the other side"), certain


def _chain(error: BaseException) -> list[Any]:
    """Return ``error`` and what it wraps, outermost first."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        e = todo.pop(0)
        if isinstance(e, BaseException) and e not in chain:
            chain.append(e)
            todo += [getattr(e, "reason", None), e.__cause__, e.__context__, *e.args]
    return chain
