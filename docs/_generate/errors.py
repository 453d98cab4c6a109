"""Every class of error as a user meets it: provoked over real sockets, with the text that comes of it."""

from __future__ import annotations

import json
import re
import socket
import tempfile
from pathlib import Path

import pytest

from airflow_provider_minut import exceptions
from airflow_provider_minut.connection import read_connection
from airflow_provider_minut.exceptions import MinutError
from tests.integration.faults.fault import Bench, Fault, get, post
from tests.integration.faults.server import Do, reply
from tests.integration.faults.tls import serving

PAGE = Path(__file__).parents[1] / "errors.md"
INTRODUCTION = """\
# Errors

Written by `nox -s generate`. Causes and remedies are attributes of the classes in
`airflow_provider_minut.exceptions`; each text is what came when the fault was made, over a real socket. A test compares this
page with both. What stands between a status and the first full stop
is the server's own reason, invented here. More faults, and what becomes of each:
[faults.md](faults.md).

All errors descend from `MinutError`. No text holds a secret, a token or a header.

`MinutConfigurationError` and `MinutAuthenticationError` fail the task of an operator, sensor or transfer at once, without
Airflow's retries, since trying again cannot help. All others go through the task's `retries`. For TaskFlow tasks there is
[`MinutRetryPolicy`](observability.md#retries).
"""


def connection(**fields):
    """Return a call that uses a connection with these fields."""
    given = dict.fromkeys(("login", "password", "host", "port", "schema", "extra")) | fields
    return lambda _: read_connection("minut_default", **given, overrides={})


def nowhere(bench):
    bench.serve()
    bench.server.stop()


def unknown_host(bench):
    bench.monkeypatch.setattr(socket, "getaddrinfo", no_such_name)


def no_such_name(*_args, **_options):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def crowded(bench):
    """Ask when others have taken all turns of the next minute."""
    bench.settings |= {"requests_per_minute": 120, "deadline": 30.0}
    for _ in range(120):
        get(bench)
    return get(bench)


def answered(what, status, message):
    return Fault(what=what, api=(reply(json.dumps({"message": message}), status),))


FAULTS = (
    Fault(what="The connection has no client secret", call=connection(login="0123456789abcdef")),
    Fault(what="Its extra `timeout` is a word", call=connection(login="0", password="0", extra='{"timeout": "long"}')),
    Fault(what="Nothing listens at the address", prepare=nowhere),
    Fault(what="The host name is wrong", prepare=unknown_host),
    Fault(what="A POST is not answered", call=post, api=((Do.HANG,),), settings={"timeout": 0.3}),
    Fault(what="The certificate is self-signed", prepare=serving("localhost", trusted=False)),
    Fault(what="A login page answers", api=(reply("<html><title>Sign in</title></html>", Content_Type="text/html"),)),
    Fault(what="A redirect to another host", api=(reply("", "302 Found", Location="https://login.example.com/"),)),
    Fault(what="The client secret is wrong", token=(reply('{"error": "invalid_client"}', "401 Unauthorized"),)),
    answered("A new token is refused as well", "401 Unauthorized", "Unauthorized"),
    answered("The account may not do it", "403 Forbidden", "Not your home"),
    answered("The id is wrong", "404 Not Found", "No such home"),
    answered("429, again and again", "429 Too Many Requests", "Slow down"),
    Fault(what="Too many tasks at once share the budget", call=crowded),
    answered("Minut fails", "500 Internal Server Error", "Oops"),
    answered("Minut finds a parameter wrong", "400 Bad Request", "limit must be at most 100"),
)  # fmt: skip


def classes():
    """Return every public error class, a parent before its children."""
    return [c for c in vars(exceptions).values() if isinstance(c, type) and issubclass(c, MinutError)]


def texts():
    """Return what a user reads of each fault, by the name of the error's class."""
    found = {}
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
            outcome = Bench(Path(folder), monkeypatch).run(fault)
        text = re.sub(r"https?://(localhost|127\.0\.0\.1):\d+/v8", "https://api.minut.com/v8", outcome.text)
        found.setdefault(outcome.error, []).append((fault.what, text))
    return found


def page():
    """Return the page as Markdown."""
    found = texts()
    parts = [INTRODUCTION]
    for kind in classes():
        parts.append(f"## {kind.__name__}\n\n**Cause.** {kind.cause}\n\n**Remedy.** {kind.remedy}\n")
        rows = [f"| {what} | {text} |\n" for what, text in found.get(kind.__name__, ())]
        if rows:
            parts.append(f"| When | Text |\n|---|---|\n{''.join(rows)}")
    return "\n".join(parts)
