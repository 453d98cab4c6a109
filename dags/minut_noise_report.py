"""Generate an HTML report for each home every day, from the last week's files of `minut_export`.

A report shows sound levels with limits and noise events, temperature and humidity. The reports are
`reports/<home_id>/<day>.html` in the folder of the export. Needs the extra `report` and no connection; set
the variable `minut_export_path` as for `minut_export`.

Try it, also against the sandbox:
```bash
export AIRFLOW_VAR_MINUT_EXPORT_PATH=$PWD/minut-export
airflow dags test minut_export
airflow dags test minut_noise_report
```
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, Variable, get_current_context, task
from airflow.timetables.interval import CronDataIntervalTimetable

DAYS = 7


def exported(dataset: str, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield the rows of all files that may have rows since then, oldest file first."""
    from airflow_provider_minut.extraction.formats import read_jsonl

    for path in sorted((folder() / dataset).iterdir(), key=lambda path: path.name):
        last_day = path.name.removesuffix(".jsonl.gz").split("_")[-1]
        if last_day >= since.date().isoformat():
            with path.open("rb") as file:
                yield from read_jsonl(file)


def folder() -> ObjectStoragePath:
    """Return the folder of `minut_export`."""
    return ObjectStoragePath(Variable.get("minut_export_path", default="/tmp/minut-export"))


with DAG(
    dag_id="minut_noise_report",
    description="Generate an HTML report of the last week for each home every day.",
    doc_md=__doc__,
    # In Airflow 3, a plain "@daily" has no data interval.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["minut"],
):

    def until() -> datetime:
        """Return the end of the data interval, which a manually triggered run may not have."""
        context = get_current_context()
        return context.get("data_interval_end") or context["dag_run"].run_after

    @task
    def list_homes() -> list[str]:
        """Return the IDs of the exported homes."""
        since = until() - timedelta(days=DAYS)
        return sorted({home["home_id"] for home in exported("homes", since)})

    @task(max_active_tis_per_dag=4, map_index_template="{{ task.op_kwargs['home_id'] }}")
    def write_report(home_id: str) -> str:
        """Write the report of a home and return its path."""
        from airflow_provider_minut.report import noise_report

        end = until()
        start = end - timedelta(days=DAYS)
        homes = {row["home_id"]: row for row in exported("homes", start)}
        devices = {row["device_id"]: row for row in exported("devices", start) if row.get("home") == home_id}
        events, readings = {}, {}  # by key: a row may be in two files
        for row in exported("events", start):
            if row["home_id"] == home_id and row["event_time"]:
                events[row["event_id"]] = {**row, "event_time": datetime.fromisoformat(row["event_time"])}
        for row in exported("readings", start):
            if row["device_id"] in devices:
                moment = datetime.fromisoformat(row["time"])
                readings[row["device_id"], row["sensor"], moment] = {**row, "time": moment}
        page = noise_report(
            homes[home_id], devices.values(), readings.values(), events.values(), start_at=start, end_at=end
        )
        path = folder() / "reports" / home_id / f"{end - timedelta(days=1):%Y-%m-%d}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page)
        return str(path)

    write_report.expand(home_id=list_homes())
