"""Descriptions of network errors. The texts of urllib3 are not used: they may contain URLs and headers."""

from __future__ import annotations

import http.client
import ssl
from typing import Any

import requests
import urllib3.exceptions

_DESCRIPTIONS: tuple[tuple[type[BaseException], str], ...] = (
    (urllib3.exceptions.NameResolutionError, "the host name could not be resolved"),
    (requests.ConnectTimeout, "no connection within {connect:g} s"),
    (requests.exceptions.ProxyError, "the proxy is unreachable or rejected the request"),
    (urllib3.exceptions.ReadTimeoutError, "no complete response within {read:g} s"),
    (requests.ReadTimeout, "no complete response within {read:g} s"),
    (ConnectionRefusedError, "connection refused"),
    (urllib3.exceptions.DecodeError, "the response has invalid compression"),
    (urllib3.exceptions.IncompleteRead, "the connection was closed before the end of the response"),
    (http.client.RemoteDisconnected, "the server closed the connection"),
    (http.client.HTTPException, "the response is not HTTP"),
)


def is_missing_ca_bundle(error: BaseException) -> bool:
    """Return whether the CA bundle is missing, which is permanent."""
    return type(error) is OSError and error.errno is None  # how requests reports a missing bundle


def describe(error: BaseException, timeouts: tuple[float, float]) -> tuple[str, bool]:
    """Return a description, and whether it is certain that the server did not receive the request.

    :param error: Exception of requests or urllib3.
    :param timeouts: Timeouts of the attempt in seconds, for connecting and for the response.
    """
    chain = _chain(error)
    unsent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    certain = any(isinstance(e, unsent) for e in chain)
    if isinstance(error, requests.exceptions.SSLError):
        reasons = [getattr(e, "verify_message", "") or e.reason for e in chain if isinstance(e, ssl.SSLError)]
        detail = next(filter(None, reasons), "handshake")
        detail = detail.lower().replace("_", " ") if detail.isupper() else detail
        return f"TLS failed ({detail}); see the setting 'verify'", True
    if is_missing_ca_bundle(error):
        return "the CA bundle does not exist; see the setting 'verify' and REQUESTS_CA_BUNDLE", True
    for kind, text in _DESCRIPTIONS:
        if any(isinstance(e, kind) for e in chain):
            return text.format(connect=timeouts[0], read=timeouts[1]), certain
    reasons = [e.strerror for e in chain if isinstance(e, OSError) and e.strerror]
    return (reasons[-1].lower() if reasons else "the server closed the connection"), certain


def _chain(error: BaseException) -> list[Any]:
    """Return ``error`` and the exceptions that it wraps, outermost first."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        e = todo.pop(0)
        if isinstance(e, BaseException) and e not in chain:
            chain.append(e)
            todo += [getattr(e, "reason", None), e.__cause__, e.__context__, *e.args]
    return chain
