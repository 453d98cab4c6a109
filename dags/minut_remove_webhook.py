"""Delete a webhook from Minut and Airflow, in a manual run.

Pause `minut_webhooks` first, because its next run would register the webhook again. Needs the connection
`minut_default`. A webhook that no longer exists counts as deleted.

Try it, also against the sandbox:
```bash
airflow dags test minut_remove_webhook
```
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from airflow_provider_minut.operators.webhooks import MinutDeleteWebhookOperator

with DAG(
    dag_id="minut_remove_webhook",
    description="Delete a webhook from Minut and Airflow, in a manual run.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "name": Param("main", title="Name", description="Name under which it was registered.", type="string")
    },
    tags=["minut"],
):
    MinutDeleteWebhookOperator(task_id="delete", name="{{ params.name }}", minut_conn_id="minut_default")
