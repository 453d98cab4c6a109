r"""Load homes, devices, events and readings of the whole account into database tables every day.

Needs the connections `minut_default` and `minut_warehouse`, a database that Airflow has a provider for.
Missing tables and columns are created; existing rows are updated. Devices upload late: each run also reads
the readings of the last two weeks that are missing, and the events of the day before its data interval.

To load a year, use the DAG `minut_backfill`. Load another range:
```bash
airflow dags trigger minut_to_warehouse \
    --conf '{"start_at": "2026-05-01T00:00:00Z", "end_at": "2026-05-08T00:00:00Z"}'
```

Try it, also against the sandbox; this loads 24 hours (`pip install apache-airflow-providers-sqlite`):
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

# A manually triggered run may have no data interval; it then loads the last 24 hours.
START = "data_interval_start | default(dag_run.run_after - macros.timedelta(days=1))"
END = "data_interval_end | default(dag_run.run_after)"

with DAG(
    dag_id="minut_to_warehouse",
    description="Load homes, devices, events and readings of the account into a database every day.",
    doc_md=__doc__,
    # In Airflow 3, a plain "@daily" has no data interval.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "start_at": Param(
            None,
            title="From",
            description="Start of another range, inclusive; set both. Default: the start of the last day.",
            type=["null", "string"],
            format="date-time",
        ),
        "end_at": Param(
            None,
            title="Until",
            description="End of that range, exclusive. Default: the end of the last day.",
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
