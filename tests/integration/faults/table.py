"""The complete table, in the order of the page."""

from __future__ import annotations

from tests.integration.faults import (
    bodies,
    connections,
    life,
    machine,
    processes,
    statuses,
    tls,
    token_replies,
)

GROUPS = {
    "Connections": connections.FAULTS,
    "TLS, proxies, environment": tls.FAULTS,
    "Response bodies": bodies.FAULTS,
    "Token responses": token_replies.FAULTS,
    "Lifetime of a token": life.FAULTS,
    "Status codes, Retry-After, redirects": statuses.FAULTS,
    "Machine and shared state": machine.FAULTS,
    "Processes": processes.FAULTS,
}
