r"""Export homes, devices, events and readings of the whole account to files every hour.

Needs the connection `minut_default`. Set the destination in the Airflow variable `minut_export_path`: a
folder (default `/tmp/minut-export`), or a bucket such as `s3://aws_default@bucket/minut`.
There is one file per day and dataset. Each run replaces the files of the current day. Events and readings
start two hours before the day, because devices upload late: a row may be in two files, once in each.

Export a year at once, to separate files:
```bash
airflow dags trigger minut_export \
    --conf '{"start_at": "2025-06-01T00:00:00Z", "end_at": "2026-06-01T00:00:00Z"}'
```

Try it, also against the sandbox; this exports the current day:
```bash
export AIRFLOW_VAR_MINUT_EXPORT_PATH=$PWD/minut-export
airflow dags test minut_export
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator

FOLDER = "{{ var.value.get('minut_export_path', '/tmp/minut-export') }}"
# A manually triggered run may have no data interval; it then exports the current day.
END = "data_interval_end | default(dag_run.run_after)"
DAY = "(data_interval_start | default(dag_run.run_after)).strftime('%Y-%m-%d')"
NAME = f"{{{{ params.start_at[:10] ~ '_' ~ params.end_at[:10] if params.start_at else {DAY} }}}}"

with DAG(
    dag_id="minut_export",
    description="Export homes, devices, events and readings of the account to files every hour.",
    doc_md=__doc__,
    # In Airflow 3, a plain "@hourly" has no data interval.
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "start_at": Param(
            None,
            title="From",
            description="Start of another range, inclusive; set both. Default: the start of the day.",
            type=["null", "string"],
            format="date-time",
        ),
        "end_at": Param(
            None,
            title="Until",
            description="End of that range, exclusive. Default: the end of the hour.",
            type=["null", "string"],
            format="date-time",
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
) as dag:
    for dataset in ("homes", "devices", "events", "readings"):
        MinutToObjectStorageOperator(
            task_id=f"export_{dataset}",
            dataset=dataset,
            path=f"{FOLDER}/{dataset}/{NAME}.jsonl.gz",
            start_at=f"{{{{ params.start_at or {DAY} ~ 'T00:00:00Z' }}}}",
            end_at=f"{{{{ params.end_at or {END} }}}}",
            lookback=timedelta(hours=2),
            asset_alias=f"minut_{dataset}",
            minut_conn_id="minut_default",
        )
