"""The whole table, in the order of the page."""

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
    "Answers": bodies.FAULTS,
    "Token replies": token_replies.FAULTS,
    "The life of a token": life.FAULTS,
    "Statuses, Retry-After, redirects": statuses.FAULTS,
    "The machine": machine.FAULTS,
    "Processes": processes.FAULTS,
}
