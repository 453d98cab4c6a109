r"""Every day: homes, devices, events and readings of the whole account, in tables of a database.

Needs the connections `minut_default` and `minut_warehouse`, which is the database: any that Airflow has a
provider for. Missing tables are created. Each run reads the day before the last one again, because devices
upload late; a row that is there already is replaced.

A year at once:
```bash
airflow dags trigger minut_to_warehouse \\
    --conf '{"start_at": "2025-06-01T00:00:00Z", "end_at": "2026-06-01T00:00:00Z"}'
```

Try it, with the sandbox too; this is the last 24 hours (`pip install apache-airflow-providers-sqlite`):
```bash
export AIRFLOW_CONN_MINUT_WAREHOUSE='{"conn_type": "sqlite", "host": "minut.db"}'
airflow dags test minut_to_warehouse
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator

# A run that is triggered by hand may have no data interval; then it is the last 24 hours.
START = "data_interval_start | default(dag_run.run_after - macros.timedelta(days=1))"
END = "data_interval_end | default(dag_run.run_after)"

with DAG(
    dag_id="minut_to_warehouse",
    description="Every day: homes, devices, events and readings of the account, in a database.",
    doc_md=__doc__,
    # A plain "@daily" would have no data interval in Airflow 3.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "start_at": Param(
            None,
            title="From",
            description="To read another range at once, give both. Default: the start of the last day.",
            type=["null", "string"],
            format="date-time",
        ),
        "end_at": Param(
            None,
            title="Until",
            description="The end of that range; not included. Default: the end of the last day.",
            type=["null", "string"],
            format="date-time",
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
) as dag:
    for dataset in ("homes", "devices", "events", "readings"):
        MinutToSqlOperator(
            task_id=f"load_{dataset}",
            dataset=dataset,
            conn_id="minut_warehouse",
            table=f"minut_{dataset}",
            create_table=True,
            start_at=f"{{{{ params.start_at or {START} }}}}",
            end_at=f"{{{{ params.end_at or {END} }}}}",
            lookback=timedelta(days=1),
            minut_conn_id="minut_default",
        )
