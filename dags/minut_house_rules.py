"""Apply the same sound limit and quiet hours to all devices, and the same alarm to all homes, every day.

While `DRY_RUN` is set, the tasks only log what they would change. A device or home that already has the
requested settings is not changed. A device applies a change at its next check-in, within about an hour.

Needs the connection `minut_default`. Try it, also against the sandbox:
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
    description="Apply the same sound limit, quiet hours and alarm everywhere, every day.",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "limit": Param(
            65,
            title="Sound limit",
            description="Maximum sound level in quiet hours, in dB(A).",
            type="integer",
            minimum=30,
            maximum=100,
        ),
        "quiet_from": Param(
            "22:00",
            title="Quiet from",
            description="Local time in the time zone of each home.",
            type="string",
            pattern=HOUR,
        ),
        "quiet_until": Param(
            "07:00",
            title="Quiet until",
            description="Local time in the time zone of each home.",
            type="string",
            pattern=HOUR,
        ),
        "alarm_status": Param(
            "off", title="Alarm", description="Alarm status of all homes.", type="string", enum=["on", "off"]
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
):

    @task
    def rules() -> list[dict[str, Any]]:
        """Return the requested settings of each device."""
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
        """Return the IDs of all homes."""
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
