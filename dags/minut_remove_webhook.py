"""By hand: delete a webhook, at Minut and in Airflow. Pause `minut_webhooks` first, or it comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from airflow_provider_minut.operators.webhooks import MinutDeleteWebhookOperator

with DAG(
    dag_id="minut_remove_webhook",
    description="By hand: delete a webhook, at Minut and in Airflow.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"name": Param("main", type="string", description="The name it was registered under")},
    tags=["minut"],
):
    MinutDeleteWebhookOperator(task_id="delete", name="{{ params.name }}", minut_conn_id="minut_default")
