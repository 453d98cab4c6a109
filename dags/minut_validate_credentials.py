"""Validate the Minut credentials every day, before other DAGs fail with them.

Needs the connection `minut_default`. Invalid credentials fail the task without a retry, and its log shows
how to correct them.

Try it, also against the sandbox:
```bash
airflow dags test minut_validate_credentials
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_minut.operators.minut import MinutValidateCredentialsOperator

with DAG(
    dag_id="minut_validate_credentials",
    description="Validate the Minut credentials every day.",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["minut"],
):
    # Only transient errors are retried, not invalid credentials.
    MinutValidateCredentialsOperator(
        task_id="validate_credentials",
        minut_conn_id="minut_default",
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
