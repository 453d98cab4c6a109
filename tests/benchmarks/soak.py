"""An hour of a whole Airflow cluster with this provider, against an API that fails, and rotates its secret.

Scheduler, API server, DAG processor, triggerer, two Celery workers, Redis, PostgreSQL; the built wheel in an
environment of its own. The table at the end replaces the one in docs/soak.md.

Run it with:  uvx nox -s bench -- soak [minutes]            (an hour)
"""

from __future__ import annotations

import platform
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psutil
from redis import Redis

from airflow_provider_minut.events import events_in
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.benchmarks.footprint import Footprints
from tests.benchmarks.soak_dags import (
    BUSY_HOME,
    DELIVERED,
    HOMES,
    NEW_SECRET,
    QUIET_HOME,
    VERSIONS,
    WATCHED,
    dags,
)
from tests.conftest import ROOT
from tests.servers import PostgresServer, RedisServer
from tests.system.components import COMMANDS, Components, wait_for
from tests.system.conftest import (
    add_connection,
    ask_database,
    build_wheel,
    make_airflow,
    make_complete_venv,
)

PAGE = ROOT / "docs" / "soak.md"
TICK = 5  # seconds; everything happens at one
CONNECTION_LAG = 45  # seconds between a rotation and the new secret in Airflow's connection


class Soak:
    """The cluster, the load on it, and what is known of both.

    :param minutes: how long the load lasts.
    """

    def __init__(self, folder, minutes, minut, redis, postgres):
        self._folder = folder
        self._minutes = minutes
        self._minut = minut
        self._redis = redis
        self._shared_state = Redis(port=redis.port, db=1)
        self._postgres = postgres
        self._happened = {"watched": {}, "delivered": {}}  # event ids, and when
        self._rotations = []
        self._shared = []  # minute, used memory, keys, their bytes, state files
        self._loads = []

    def ask(self, sql, *values):
        return ask_database(self._postgres, sql, *values)

    def deploy(self):
        venv = make_complete_venv(build_wheel(self._folder), self._folder)
        self.airflow = make_airflow(
            venv,
            self._folder,
            {},
            self._postgres,
            AIRFLOW__CELERY__BROKER_URL=f"redis://127.0.0.1:{self._redis.port}/0",
            AIRFLOW__CELERY__RESULT_BACKEND=f"db+postgresql+psycopg2://{self._postgres.address}",
            AIRFLOW__CELERY__WORKER_CONCURRENCY="4",
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
            AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
            AIRFLOW__MINUT__EVENT_POLL_INTERVAL="20",
            AIRFLOW__MINUT__SHARED_STATE=f"redis://127.0.0.1:{self._redis.port}/1",
        )
        url = self.airflow.environment["AIRFLOW__API__BASE_URL"] + "/minut/webhooks/main"
        (self._folder / "dags" / "soak.py").write_text(dags(self._folder, url))
        (self._folder / "exported").mkdir()
        add_connection(self.airflow, self._minut)
        done = self.airflow.airflow("dags", "reserialize")
        assert done.returncode == 0, done.stdout
        self.versions = self.airflow.python(VERSIONS).strip()
        self.running = Components(self.airflow, self._folder)
        self.running.start(*COMMANDS)
        wait_for(lambda: self._minut._state.deliveries.hooks(), 300, self._log)
        wait_for(lambda: self.ask("select count(*) from asset_state_store")[0][0], 300, self._log)

    def _log(self):
        return "\n".join(f"{name}: {self.running.log(name)[-2000:]}" for name in COMMANDS)

    def load(self):
        """Let things happen until the time is over."""
        self.began_at, began = datetime.now(UTC), time.monotonic()
        self.footprints = Footprints()
        ticks = int(self._minutes * 60 / TICK)
        rotations = {ticks // 5, ticks * 2 // 5}
        for tick in range(ticks):
            time.sleep(max(began + tick * TICK - time.monotonic(), 0))
            self._let_happen(tick)
            if tick in rotations:
                self._minut.rotate_secret()
                self._minut.revoke_tokens()
                self._rotations.append([datetime.now(UTC)])
            if tick - CONNECTION_LAG // TICK in rotations:
                self.airflow.python(NEW_SECRET, NEW_SECRET=self._minut.client_secret)
                self._rotations[-1].append(datetime.now(UTC))
            if tick % 6 == 3:
                self._sample()
            if tick % 12 == 11:
                self._tell()
            if tick % 24 == 23:
                self.write_page()

    def _let_happen(self, tick):
        self._happen("watched", self._minut.emit(WATCHED, BUSY_HOME))
        if tick % 12 == 8:
            self._happen("watched", self._minut.emit(WATCHED, QUIET_HOME))
        if tick % 4 == 0:
            for number in range(3):
                self._happen("delivered", self._minut.emit(DELIVERED, BUSY_HOME, copies=1 + number % 2))

    def _happen(self, kind, event_id):
        self._happened[kind][event_id] = time.time()

    def _processes(self):
        servers = {"redis": self._redis.process.pid, "postgres": self._postgres.process.pid}
        return {name: self.running.process_id(name) for name in COMMANDS} | servers

    def minute(self):
        return (datetime.now(UTC) - self.began_at).total_seconds() / 60

    def _sample(self):
        for name in COMMANDS:
            assert self.running.is_running(name), self.running.log(name)[-5000:]
        self.footprints.sample(self._processes())
        keys = list(self._shared_state.scan_iter("minut:*"))
        size = sum(self._shared_state.memory_usage(key) or 0 for key in keys)
        files = len(list(self._folder.glob("*/airflow-provider-minut-*/*")))
        used = self._shared_state.info("memory")["used_memory"]
        self._shared.append((self.minute(), used / 2**20, len(keys), size, files))
        self._loads.append(psutil.getloadavg()[0])

    def _tell(self):
        runs = dict(self.ask("select state, count(*) from dag_run group by state"))
        processed = {kind: len(self.processed(kind)) for kind in self._happened}
        happened = {kind: len(events) for kind, events in self._happened.items()}
        load, stats = psutil.getloadavg()[0], self._minut.stats()
        print(
            f"{self.minute():.0f} min: runs {runs}, happened {happened}, processed {processed}, "
            f"statuses {stats['statuses']}, shared {self._shared[-1][1:]}, "
            f"MB {self.footprints.lasting()}, load {load:.1f}",
            flush=True,
        )

    def processed(self, kind):
        path = self._folder / f"{kind}.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], float(line.split()[1])) for line in lines]

    def recorded(self, kind):
        uri = f"minut://events/{WATCHED if kind == 'watched' else DELIVERED}"
        query = "select e.extra from asset_event e join asset a on a.id = e.asset_id where a.uri = %s"
        return Counter(event["event_id"] for (extra,) in self.ask(query, uri) for event in events_in(extra))

    def drain(self):
        """Wait until everything that happened is recorded and processed."""
        expected = {kind: set(events) for kind, events in self._happened.items()}

        def missing():
            return {kind: len(expected[kind] - set(self.recorded(kind))) for kind in expected}

        def untold():
            return {kind: len(expected[kind] - {i for i, _ in self.processed(kind)}) for kind in expected}

        wait_until_none(missing, 400)
        # Airflow leaves the last of several asset events to the next run; so there has to be one more.
        self._minut.emit(WATCHED, BUSY_HOME)
        self._minut.emit(DELIVERED, BUSY_HOME)
        wait_until_none(untold, 240)

    def failures(self):
        """Yield minute, DAG, task and error of each failed task of a failed run."""
        rows = self.ask(
            "select t.dag_id, t.task_id, t.run_id, t.try_number, t.end_date from task_instance t "
            "join dag_run d on d.dag_id = t.dag_id and d.run_id = t.run_id "
            "where t.state = 'failed' and d.state = 'failed' order by t.end_date"
        )
        logs = Path(self.airflow.environment["AIRFLOW_HOME"], "logs")
        for dag_id, task_id, run_id, number, ended_at in rows:
            folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
            texts = [path.read_text() for path in folder.glob(f"attempt={number}.log*")]
            errors = re.findall(r'"exc_type":"(\w+)","exc_value":"((?:[^"\\]|\\.)*)"', "\n".join(texts))
            error = ": ".join(errors[-1]) if errors else "no error in its log"
            yield (ended_at - self.began_at).total_seconds() / 60, dag_id, task_id, error

    def write_page(self):
        text = PAGE.read_text()
        head, _, rest = text.partition("<!-- measured -->\n")
        tail = rest.partition("<!-- end -->")[2]
        PAGE.write_text(f"{head}<!-- measured -->\n{self.report()}<!-- end -->{tail}")

    def report(self):
        minutes = self._shared[-1][0]
        warm = max(1, min(10, minutes / 4))
        return (
            "\n\n".join(
                [
                    self._circumstances(minutes),
                    self._what_happened(),
                    self._who_failed(),
                    self._what_it_took(warm),
                ]
            )
            + "\n"
        )

    def _circumstances(self, minutes):
        end = "" if minutes > self._minutes - 1 else f" (of {self._minutes:g}; this is how far it came)"
        load = f"median load {statistics.median(self._loads):.1f}, highest {max(self._loads):.1f}"
        return (
            f"`uvx nox -s bench -- soak {self._minutes:g}`, started {self.began_at:%Y-%m-%d %H:%M} "
            f"UTC, {minutes:.0f} minutes{end}, on {psutil.cpu_count()} cores, "
            f"{psutil.virtual_memory().total / 2**30:.0f} GB, {platform.system()} ({load}); Python "
            f"{platform.python_version()}, {self.versions}."
        )

    def _what_happened(self):
        runs = self.ask("select dag_id, state, count(*) from dag_run group by 1, 2 order by 1, 2")
        tasks = dict(self.ask("select coalesce(state, 'none'), count(*) from task_instance group by 1"))
        ((retries,),) = self.ask("select sum(greatest(try_number - 1, 0)) from task_instance")
        stats = self._minut.stats()
        by_fault, statuses = stats["faults"], stats["statuses"]
        lags = ", ".join(
            f"minute {(rotated - self.began_at).total_seconds() / 60:.0f} ({(mended[0] - rotated).seconds} s)"
            for rotated, *mended in self._rotations
            if mended
        )
        rows = [
            ("Runs", ", ".join(f"{dag_id} {count} x {state}" for dag_id, state, count in runs)),
            ("Tasks", f"{as_text(tasks)}; retries: {retries}"),
            ("Requests", f"{sum(stats['requests'].values())}, returned {as_text(statuses)}"),
            ("Faults injected", f"{sum(by_fault.values())}: {as_text(by_fault)}"),
            ("429s for exceeding the limits", statuses.get("429", 0) - by_fault.get("429", 0)),
            ("Peak request rate", f"{stats['max_in_1s']} in a second, {stats['max_in_60s']} in a minute"),
            ("Token requests", f"{stats['token_requests']}, tokens issued {stats['tokens_issued']}"),
            ("Secret rotated at (until updated in Airflow's connection)", lags or "not yet"),
            ("Deliveries to the receiver", as_text(stats["deliveries"])),
            *(self._event_row(kind) for kind in self._happened),
            self._shared_row(),
        ]
        return table(("Metric", "Value"), rows)

    def _event_row(self, kind):
        happened = self._happened[kind]
        recorded = self.recorded(kind)
        processed = [(event_id, at) for event_id, at in self.processed(kind) if event_id in happened]
        times = Counter(event_id for event_id, _ in processed)
        waits = sorted(at - happened[event_id] for event_id, at in processed)
        text = (
            f"{len(happened)} occurred, {sum(recorded[i] > 0 for i in happened)} recorded "
            f"({sum(recorded[i] > 1 for i in happened)} more than once), processed by a task: "
            f"{sum(n == 1 for n in times.values())} once, {sum(n > 1 for n in times.values())} more often"
        )
        if waits:
            text += f"; after {statistics.median(waits):.0f} s (median), {waits[-1]:.0f} s (maximum)"
        return f"Events, {kind}", text

    def _shared_row(self):
        third = max(len(self._shared) // 6, 1)
        first, last = self._shared[third : 2 * third] or self._shared, self._shared[-third:]

        def middle(samples, column):
            return statistics.median(sample[column] for sample in samples)

        keys = (
            f"{middle(first, 2):.0f} → {middle(last, 2):.0f} keys, maximum {max(s[2] for s in self._shared)}"
        )
        sizes = f"{middle(first, 3):.0f} → {middle(last, 3):.0f} bytes"
        files = f"state files: maximum {max(s[4] for s in self._shared)}"
        used = f"Redis in total: {middle(first, 1):.1f} → {middle(last, 1):.1f} MB"
        return "Shared state", f"`minut:*` {keys}, {sizes}; {used}; {files}"

    def _who_failed(self):
        rows = [(f"{minute:.1f}", dag, name, error) for minute, dag, name, error in self.failures()]
        return table(("Minute", "DAG", "Failed task", "Error"), rows) if rows else "No run failed."

    def _what_it_took(self, warm):
        (first, last), rows = self.footprints.windows(warm * 60), []
        for name, number, before, after in self.footprints.rows(warm * 60):
            grown = [100 * (after[field] / before[field] - 1) for field in ("rss", "uss")]
            rows.append(
                (
                    f"{name} ({number})",
                    *(
                        f"{before[f]:.1f} → {after[f]:.1f} | {g:+.1f} %"
                        for f, g in zip(("rss", "uss"), grown, strict=True)
                    ),
                    *(f"{before[field]:.0f} → {after[field]:.0f}" for field in ("fds", "threads", "all")),
                )
            )
        text = f"Medians of minutes {first[0] / 60:.0f} to {first[1] / 60:.0f} → {last[0] / 60:.0f} to {last[1] / 60:.0f}:"
        columns = ("Component (long-lived processes)", "RSS, MB | Growth", "USS, MB | Growth")
        return f"{text}\n\n{table((*columns, 'Descriptors', 'Threads', 'All processes'), rows)}"


def wait_until_none(count, seconds):
    """Wait until all counts are zero; what is still there then will be in the table."""
    give_up = time.monotonic() + seconds
    while any(left := count().values()) and time.monotonic() < give_up:
        print(f"still to come: {list(left)}", flush=True)
        time.sleep(10)


def as_text(counts):
    return ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))


def table(head, rows):
    lines = [" | ".join(map(str, line)) for line in (head, *rows)]
    lines.insert(1, " | ".join(["---"] * (lines[0].count(" | ") + 1)))
    return "\n".join(f"| {line} |" for line in lines)


def main(minutes):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside"))  # and ends what it started
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        config = SandboxConfig(homes=HOMES, devices=HOMES, noisy_periods_per_day=0, fault_rate=0.05)
        redis, postgres = RedisServer(folder), PostgresServer()
        try:
            with Sandbox(config) as minut:
                soak = Soak(folder, minutes, minut, redis, postgres)
                soak.deploy()
                try:
                    print("Load begins", flush=True)
                    soak.load()
                    soak.drain()
                    soak.write_page()
                    print(soak.report())
                finally:
                    soak.running.stop()
        finally:
            redis.stop()
            postgres.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
