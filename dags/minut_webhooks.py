"""Keep a Minut webhook registered as declared here, and fetch the events that it missed.

Needs:

- The connection `minut_default`.
- Access for Minut to `/minut/webhooks/` of the API server; no other path has to be public.
- The Airflow variable `minut_webhook_url` with the public URL, for example
  `https://airflow.example.com/minut/webhooks/main`.

If `EVENTS` changes, the next run replaces the webhook. Its secret is stored in a variable that Airflow
encrypts and masks.

Try it with the sandbox, which can reach localhost, while `airflow standalone` is running:
```bash
export AIRFLOW_VAR_MINUT_WEBHOOK_URL=http://localhost:8080/minut/webhooks/main
airflow dags test minut_webhooks
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_minut.operators.webhooks import MinutCreateWebhookOperator, MinutReconcileEventsOperator

EVENTS = ["disturbance_first_notice", "disturbance_ended"]

with DAG(
    dag_id="minut_webhooks",
    description="Keep the webhook registered and fetch the events that it missed, every hour.",
    doc_md=__doc__,
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
):
    register = MinutCreateWebhookOperator(
        task_id="register",
        name="main",
        url="{{ var.value.minut_webhook_url }}",
        events=EVENTS,
        minut_conn_id="minut_default",
    )
    reconcile = MinutReconcileEventsOperator(
        task_id="reconcile",
        name="main",
        lookback=timedelta(days=1),
        minut_conn_id="minut_default",
    )
    register >> reconcile
