"""Call the Minut API from TaskFlow tasks with the hook, and from an operator.

Lists the homes of the account that owns the credentials, and reports the number of offline devices.
Needs the connection `minut_default`.

Try it, also against the sandbox:
```bash
airflow dags test minut_taskflow
```
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import MinutApiOperator


@dag(
    description="Call the Minut API from TaskFlow tasks: list homes and count offline devices.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["minut"],
)
def minut_taskflow() -> None:
    """Call the Minut API from tasks and from an operator."""

    @task
    def owner() -> str:
        return MinutHook("minut_default").get_current_user()["user_id"]

    @task
    def home_names() -> list[str]:
        with MinutHook("minut_default").get_conn() as minut:
            return [home["name"] for home in minut.request("GET", "/homes", params={"limit": 30})["homes"]]

    devices = MinutApiOperator(task_id="devices", endpoint="/devices", minut_conn_id="minut_default")

    @task
    def report(user_id: str, homes: list[str], answer: dict[str, Any]) -> str:
        offline = [device["description"] for device in answer["devices"] if device.get("offline")]
        count = f"{len(offline)} of {len(answer['devices'])} devices are offline"
        return f"User {user_id} has {', '.join(homes)}; {count}."

    report(owner(), home_names(), devices.output)


minut_taskflow()
