"""By hand: delete a webhook, at Minut and in Airflow. Pause `minut_webhooks` first, or it comes back.

Needs the connection `minut_default`. What is not there any more counts as deleted.

Try it, with the sandbox too:
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
    description="By hand: delete a webhook, at Minut and in Airflow.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "name": Param("main", title="Name", description="The one it was registered under.", type="string")
    },
    tags=["minut"],
):
    MinutDeleteWebhookOperator(task_id="delete", name="{{ params.name }}", minut_conn_id="minut_default")
