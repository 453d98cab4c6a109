"""Runs the months of dags/minut_backfill.py one after the other, without Airflow's scheduler.

It is started as a process of its own, so that it can be killed. Its arguments are the folder of the state
store of the tasks, or "-" if Airflow has none (then all months are run again from the first, which is what
clearing the DAG run does), the start and the end of the period, and the length of an interval of the readings.
"""

from __future__ import annotations

import json
import runpy
import sys
from datetime import datetime
from pathlib import Path

from airflow_provider_minut.api import overlap
from airflow_provider_minut.loading import sql
from tests.conftest import ROOT


class FileStore:
    """The state store of a task, in a file."""

    def __init__(self, path):
        self._path = path

    def get(self, key):
        return self._read().get(key)

    def set(self, key, value):
        self._write(self._read() | {key: value})

    def delete(self, key):
        self._write({name: value for name, value in self._read().items() if name != key})

    def _read(self):
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def _write(self, values):
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(values))
        written.replace(self._path)


def run(folder, start, end, seconds):
    example = runpy.run_path(str(ROOT / "dags" / "minut_backfill.py"))
    # A longer interval stands for several of the usual ones, so that a transaction, and what is read ahead,
    # are as many requests as usual.
    sql.CHUNK_ROWS = sql.CHUNK_ROWS * 300 // seconds
    overlap.MAX_ROWS_AHEAD = overlap.MAX_ROWS_AHEAD * 300 // seconds
    for number, (since, until) in enumerate(example["months"](start, end)):
        arguments = {"dataset": "readings", "table": "minut_readings", "home_ids": []}
        times = {"start_at": since.isoformat(), "end_at": until.isoformat()}
        operator = example["dag"].get_task("load_month").unmap(arguments | times)
        operator.time_resolution = seconds
        context = {}
        if folder:
            if (succeeded := folder / f"{number}-succeeded").exists():
                continue  # Airflow does not run it again
            context["task_state_store"] = FileStore(folder / f"{number}.json")
        operator.execute(context)
        if folder:
            succeeded.touch()


if __name__ == "__main__":
    folder, start, end, seconds = sys.argv[1:]
    run(
        Path(folder) if folder != "-" else None,
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
        int(seconds),
    )
