"""Load homes, devices and readings every morning, check them, and run dbt."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator

PROJECT = os.environ.get("MINUT_DBT_PROJECT", "/opt/dbt/minut")


@task(retries=0)
def check_result(result: dict[str, Any]) -> None:
    """Fail if the API returned 403 or 404 for a sensor, or readings that could not be read."""
    if result["left_out"] or result["rejected"]:
        raise ValueError(f"No access: {result['left_out']}; not readable: {result['rejected']}.")


def dbt(command: str) -> BashOperator:
    """Return a task that runs a dbt command in the project."""
    return BashOperator(
        task_id=f"dbt_{command.split()[-1]}",
        bash_command=f"dbt {command}",
        cwd=PROJECT,
        env={"DBT_PROFILES_DIR": PROJECT},
        append_env=True,
    )


with DAG(
    dag_id="minut_dbt",
    # After the night in Europe, and after the check-ins that upload it.
    schedule=CronDataIntervalTimetable("0 8 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # DuckDB permits one process at a time. Other databases do not need this.
    max_active_tasks=1,
    default_args={"retries": 3, "retry_delay": timedelta(hours=1)},
    tags=["minut"],
):
    loads = {
        dataset: MinutToSqlOperator(
            task_id=f"load_{dataset}",
            dataset=dataset,
            conn_id="minut_warehouse",
            table=f"minut_{dataset}",
            create_table=True,
            min_coverage=0.9,
        )
        for dataset in ("homes", "devices", "readings")
    }
    checks = [check_result(loads["readings"].output), dbt("source freshness")]
    list(loads.values()) >> checks[1]
    checks >> dbt("build")
