"""Every day: all devices have the same sound limit and quiet hours, and all homes the same alarm.

Nothing is changed as long as `DRY_RUN` is set: the logs of the tasks say what would be. What is so already
is left alone. A device takes a change over when it checks in next, within about an hour.

Needs the connection `minut_default`. Try it, with the sandbox too:
```bash
airflow dags test minut_house_rules --conf '{"limit": 60, "alarm_status": "on"}'
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import MinutSetAlarmOperator, MinutUpdateDeviceOperator

DRY_RUN = True
HOUR = "^([01][0-9]|2[0-3]):[0-5][0-9]$"

with DAG(
    dag_id="minut_house_rules",
    description="Every day: sound limit, quiet hours and alarm are what they should be.",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "limit": Param(
            65,
            title="Sound limit",
            description="The loudest that it may be in quiet hours, in dB(A).",
            type="integer",
            minimum=30,
            maximum=100,
        ),
        "quiet_from": Param(
            "22:00",
            title="Quiet from",
            description="In each home's own time zone.",
            type="string",
            pattern=HOUR,
        ),
        "quiet_until": Param(
            "07:00",
            title="Quiet until",
            description="In each home's own time zone.",
            type="string",
            pattern=HOUR,
        ),
        "alarm_status": Param(
            "off", title="Alarm", description="The alarm of all homes.", type="string", enum=["on", "off"]
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
):

    @task
    def rules() -> list[dict[str, Any]]:
        """Return for each device what it should have."""
        params = get_current_context()["params"]
        limit = {
            "type": "sound_level_high_quiet_hours",
            "value": params["limit"],
            "duration_seconds": 600,
        }
        hours = {"enabled": True, "start": params["quiet_from"], "end": params["quiet_until"]}
        with MinutHook("minut_default").get_conn() as minut:
            return [
                {"device_id": device["device_id"], "reactions": [limit], "quiet_hours": hours}
                for device in minut.iter_devices()
            ]

    @task
    def home_ids() -> list[str]:
        """Return the ids of all homes."""
        with MinutHook("minut_default").get_conn() as minut:
            return [home["home_id"] for home in minut.iter_homes()]

    MinutUpdateDeviceOperator.partial(
        task_id="update_device", dry_run=DRY_RUN, minut_conn_id="minut_default"
    ).expand_kwargs(rules())

    MinutSetAlarmOperator.partial(
        task_id="set_alarm",
        alarm_status="{{ params.alarm_status }}",
        dry_run=DRY_RUN,
        minut_conn_id="minut_default",
    ).expand(home_id=home_ids())
