"""A row of the table, and how it is tested: setup, call and expected result."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import time
import traceback
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.memory import MemoryState
from tests.conftest import CLIENT_ID, CLIENT_SECRET
from tests.integration.faults.server import GOOD_TOKEN, OK, TOKEN_MARK, Server

fork = multiprocessing.get_context("fork")
CREDENTIALS = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
# Passwords of proxies and of Redis.
PASSWORD = "Pa55SECRET"
SECRETS = (CLIENT_SECRET, CREDENTIALS.basic, TOKEN_MARK, PASSWORD)


class QuickClock(Clock):
    """Real time without sleeping: delays of the package are skipped and recorded."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.step = 0.0  # of the wall clock alone
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def time(self) -> float:
        return time.time() + self.skipped + self.step

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.skipped += seconds
        self.on_sleep()


def get(bench):
    return bench.client.request("GET", "/homes")


def post(bench):
    return bench.client.request("POST", "/webhooks", json={"url": "https://x.example", "events": ["*"]})


def put(bench):
    return bench.client.request("PUT", "/devices/d", json={"quiet_hours": {}})


def delete(bench):
    return bench.client.request("DELETE", "/webhooks/w")


def get_user(bench):
    return bench.client.get_current_user()


def token(bench):
    return bench.client.get_access_token().replace(TOKEN_MARK, "token")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault and its expected result.

    ``error`` is the name of the error's class, ``message`` a part of its text; without ``error`` the call
    succeeds with ``value``, and ``log`` is a part of the log. ``sent`` and ``tokens`` are the numbers of requests
    that the server receives (exact unless a range). ``waits`` are the minimum and the maximum total delay of the
    client in seconds.
    """

    name: str
    call: Callable[[Any], Any] = get
    api: tuple = (OK,)
    token: tuple = (GOOD_TOKEN,)
    arrivals: tuple = ((),)
    prepare: Callable[[Any], None] | None = None
    settings: dict = field(default_factory=dict)
    error: str = ""
    message: str = ""
    log: str = ""
    value: Any = field(default_factory=lambda: {"ok": True})
    sent: int | range = 1
    tokens: int = 1
    waits: tuple[float, float] = (0.0, 300.0)
    seconds: float = 5.0
    mebibytes: float | None = None
    never: str = ""
    check: Callable[[Any, Any], None] | None = None
    needs_root: bool = False

    @property
    def result(self):
        """The result for the user, for the page."""
        if self.error:
            return f"`{self.error}`" + f": “…{self.message}…”" * bool(self.message)
        return f"success; logged: “…{self.log}…”" if self.log else "success"

    @property
    def sent_range(self):
        """The allowed numbers of API requests."""
        return self.sent if isinstance(self.sent, range) else range(self.sent, self.sent + 1)

    @property
    def never_happens(self):
        """The results that are ruled out, for the page."""
        most = self.sent_range[-1]
        counts = [
            "a request to the API" if most == 0 else f"more than {_requests(most, 'API')}",
            "a token request" if self.tokens == 0 else f"more than {_requests(self.tokens, 'token')}",
        ]
        if self.mebibytes:
            counts.append(f"more than {self.mebibytes:g} MiB of memory")
        return "; ".join([self.never] * bool(self.never) + counts)


def _requests(count, kind):
    return f"{count} {kind} request{'s' * (count > 1)}"


@dataclass
class Outcome:
    """The result of a call; picklable, so that a child process can send it."""

    error: str
    text: str
    evidence: str  # everything that could contain a secret: text, chain, traceback, logs
    logs: str
    value: Any
    seconds: float
    peak: float  # MiB


class Bench:
    """The environment in which a row is tested."""

    def __init__(self, folder, monkeypatch, redis_server=None):
        self.folder, self.monkeypatch, self.redis = folder, monkeypatch, redis_server
        self.clock = QuickClock()
        self.state = MemoryState()
        self.credentials = CREDENTIALS
        self.settings = {"timeout": 5.0, "max_attempts": 3}
        self.settings |= {"requests_per_second": 10**6, "requests_per_minute": 10**6}
        self.server = None
        self.cleanup = contextlib.ExitStack()
        self._client = None

    def serve(self, **options):
        """Replace the server by one with other options and the same responses."""
        if self.server:
            self.server.stop()
        self.server = Server(self.fault.token, self.fault.api, arrivals=self.fault.arrivals, **options)
        self.settings["base_url"] = self.server.base_url

    @property
    def client(self):
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def new_client(self, **changed):
        settings = ClientSettings(**{**self.settings, **changed})
        client = MinutClient(self.credentials, settings, state=self.state, clock=self.clock)
        self.cleanup.callback(client.close)
        return client

    def run(self, fault) -> Outcome:
        self.fault = fault
        self.serve()
        self.settings |= fault.settings
        with self.cleanup:
            self.cleanup.callback(lambda: self.server.stop())
            if fault.prepare:
                fault.prepare(self)
            outcome = observe(lambda: fault.call(self), memory=fault.mebibytes is not None)
            if isinstance(outcome.value, Outcome):  # of a child process
                outcome = replace(outcome.value, evidence=outcome.evidence + outcome.value.evidence)
        return outcome

    def in_child(self, call, before=lambda: None) -> Outcome:
        """Return the result of a call in a forked process."""
        ours, theirs = fork.Pipe()

        def child():
            before()
            theirs.send(observe(call))

        process = fork.Process(target=child)
        process.start()
        theirs.close()
        try:
            return ours.recv()
        finally:
            process.join(10)


class _Memory(logging.Handler):
    """Keeps every record as text."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []
        self.warnings = []

    def emit(self, record):
        line = self.format(record)
        self.lines.append(line)
        if record.name.startswith("airflow_provider_minut") and record.levelno >= logging.INFO:
            self.warnings.append(line)


def observe(call, *, memory=False) -> Outcome:
    """Make a call; record its result, its error with all attached exceptions, and the log."""
    root, handler = logging.getLogger(), _Memory()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    if memory:
        tracemalloc.start()
    started, value, error = time.monotonic(), None, None
    try:
        value = call()
    except BaseException as caught:
        error = caught
    finally:
        seconds = time.monotonic() - started
        peak = tracemalloc.get_traced_memory()[1] / 2**20 if memory else 0.0
        if memory:
            tracemalloc.stop()
        root.removeHandler(handler)
        root.setLevel(level)
    evidence = "\n".join([*handler.lines, *_evidence(error)])
    logs = "\n".join(handler.warnings)
    return Outcome(
        type(error).__name__ if error else "", str(error or ""), evidence, logs, value, seconds, peak
    )


def _evidence(error):
    """Yield all texts of an error and of the errors attached to it, including those hidden by ``from None``."""
    todo, seen = [error], []
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            yield "".join(traceback.format_exception(one))
            yield f"{one} {one!r} {one.args!r} {vars(one)!r}"
            yield repr(getattr(one, "doc", ""))  # JSONDecodeError: an attribute outside vars()
            todo += [one.__cause__, one.__context__]


def kill_at_end(bench, process):
    """Ensure that a process does not outlive its row."""

    def end():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, 9)
        process.join(10)

    bench.cleanup.callback(end)
