"""Processes that end, stop or fork during an operation. All share one directory."""

from __future__ import annotations

import os
import signal
import threading
import time

from airflow_provider_minut.api.auth import provider
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE, MemoryState
from tests.integration.faults.fault import Fault, fork, get, kill_at_end, post
from tests.integration.faults.server import GOOD_TOKEN, OK, Do


def use(bench):
    bench.state = FileState(bench.folder / "state", fallback=MemoryState())


def started(bench, call=get, *, on_term=None):
    """Start a process that makes a call."""

    def child():
        if on_term:
            signal.signal(signal.SIGTERM, on_term)
        call(bench)

    process = fork.Process(target=child)
    process.start()
    kill_at_end(bench, process)
    return process


def wait_until(condition):
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def leave(_number, _frame):
    raise SystemExit(7)


def signalled(number, *, call=get, during="api", on_term=None):
    """Signal a process during a request or a token request; then make the call here."""

    def make_call(bench):
        use(bench)
        process = started(bench, call, on_term=on_term)
        received = bench.server.token_requests if during == "token" else bench.server.requests
        wait_until(lambda: received)
        os.kill(process.pid, number)
        if number != signal.SIGSTOP:
            process.join(5)
            assert process.exitcode == (7 if on_term else -number)
        return get(bench)

    return make_call


def short_deadline(bench):
    """Wait one second for other processes instead of thirty."""
    bench.monkeypatch.setattr(provider, "TOKEN_DEADLINE_SECONDS", 1.0)


def in_rate_limit_wait(number, on_term=None):
    """Signal a process that the rate limiter delays; then make a call with a higher limit and the same log."""

    def make_call(bench):
        use(bench)
        bench.settings |= {"requests_per_minute": 1}
        get(bench)
        bench.clock.sleep = lambda seconds: time.sleep(min(seconds, 30))
        process = started(bench, post, on_term=on_term)
        wait_until(lambda: bench.client.status().rate_limit.waiting)
        os.kill(process.pid, number)
        process.join(5)
        assert process.exitcode == (7 if on_term else -number)
        return bench.new_client(requests_per_minute=10**6, requests_per_second=10**6).get_access_token() and {
            "ok": True
        }

    return make_call


def interrupted(bench):
    """Interrupt a request, as with Ctrl-C."""
    bench.client.get_access_token()

    def interrupt():
        bench.server.wait_for(1)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what runs in its background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        return get(bench)
    finally:
        signal.signal(signal.SIGINT, before)


def timed_out(bench):
    """Raise an exception in a signal handler, like Airflow's task timeout, during a request."""

    class TaskTimeout(BaseException):
        pass

    def ring(_number, _frame):
        raise TaskTimeout

    bench.client.get_access_token()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        return get(bench)
    except TaskTimeout as error:
        text = "as it was raised"
        raise RuntimeError(text) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def forked(bench):
    """Fork with an open connection; send a request from both processes; return both responses."""
    bench.client.request("GET", "/users/me")
    done = [None]
    thread = threading.Thread(target=lambda: done.__setitem__(0, bench.in_child(lambda: get(bench)).value))
    thread.start()
    mine = get(bench)
    thread.join(10)
    return [mine, done[0]]


def forked_with_lock(bench):
    """Fork while another thread holds the locks of the transport and of the state."""
    bench.client.get_access_token()
    bench.clock.skipped += 3600  # so that the child needs the lock of the state as well
    transport, name = bench.client._transport, bench.client._tokens._shared.name
    with transport._lock, bench.state.lock(name, timeout=1):
        return bench.in_child(lambda: get(bench)).value


def in_memory(bench):
    bench.state = PROCESS_STATE


def many_threads(bench):
    """Send requests from 64 threads with one client."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(64) as threads:
        found = list(threads.map(lambda _: get(bench), range(128)))
    return found[0] if found == [found[0]] * 128 else found


HANG = (Do.HANG,)

FAULTS = [
    Fault(name="SIGTERM during a GET; then another task", call=signalled(signal.SIGTERM, on_term=leave), api=(HANG, OK), sent=2,
          never="the ended task retries"),
    Fault(name="SIGTERM during a POST; then another task", call=signalled(signal.SIGTERM, call=post, on_term=leave), api=(HANG, OK), sent=2,
          never="the ended task retries"),
    Fault(name="SIGTERM during a token request, while holding the lock; then another task",
          call=signalled(signal.SIGTERM, during="token", on_term=leave), token=(HANG, GOOD_TOKEN), tokens=2, never="the lock remains held"),
    Fault(name="SIGKILL during a GET; then another task", call=signalled(signal.SIGKILL), api=(HANG, OK), sent=2),
    Fault(name="SIGKILL during a POST; then another task", call=signalled(signal.SIGKILL, call=post), api=(HANG, OK), sent=2),
    Fault(name="SIGKILL during a token request, while holding the lock; then another task",
          call=signalled(signal.SIGKILL, during="token"), token=(HANG, GOOD_TOKEN), tokens=2, never="the lock remains held"),
    Fault(name="SIGSTOP during a token request, while holding the lock; then another task", prepare=short_deadline,
          call=signalled(signal.SIGSTOP, during="token"), token=(HANG, GOOD_TOKEN), tokens=2, never="other processes wait endlessly for the stopped one"),
    Fault(name="SIGTERM while the rate limiter delays a request", call=in_rate_limit_wait(signal.SIGTERM, on_term=leave), never="the delayed request is sent"),
    Fault(name="SIGKILL while the rate limiter delays a request", call=in_rate_limit_wait(signal.SIGKILL), never="the delayed request is sent"),
    Fault(name="Ctrl-C during a GET", call=interrupted, api=(HANG,), error="KeyboardInterrupt", never="the request is retried"),
    Fault(name="An exception of a signal handler, like Airflow's task timeout, during a GET", call=timed_out, api=(HANG,),
          error="RuntimeError", message="as it was raised", never="it is treated as a network error and retried"),
    Fault(name="A fork with an open connection; both processes send a request", call=forked, value=[{"ok": True}] * 2, sent=3,
          never="one process reads the response of the other"),
    Fault(name="A fork while another thread holds locks", prepare=in_memory,
          call=forked_with_lock, tokens=2, never="the child waits for a thread that does not exist in it"),
    Fault(name="64 threads use one client", call=many_threads, sent=128, seconds=15),
]  # fmt: skip
