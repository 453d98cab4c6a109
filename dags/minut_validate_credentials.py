"""Prove every day that the credentials for Minut still work, before other DAGs stumble over them.

Needs the connection `minut_default`. Bad credentials fail the task at once, and its log says what to correct.

Try it, with the sandbox too:
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
    description="Prove every day that the credentials for Minut still work.",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["minut"],
):
    # Bad credentials are not retried, only what may pass by itself.
    MinutValidateCredentialsOperator(
        task_id="validate_credentials",
        minut_conn_id="minut_default",
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
