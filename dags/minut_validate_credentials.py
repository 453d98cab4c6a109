"""Prove every day that the credentials for Minut still work, before other DAGs stumble over them."""

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
    # Bad credentials fail at once and say what to do; only what may pass by itself is retried.
    MinutValidateCredentialsOperator(
        task_id="validate_credentials",
        minut_conn_id="minut_default",
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
