"""Report every morning how loud the night was at each device, once the device has uploaded all of it.

Devices check in about once per hour, so at seven o'clock the last hour of the night is still missing. A
sensor waits for it in the triggerer, and does not poll before the device's next check-in.

Needs the connection `minut_default` and a triggerer. Try it with a past night, also against the sandbox:
```bash
airflow dags test minut_night --conf '{"morning": "2026-06-01T07:00:00Z"}'
```
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.sensors.minut import MinutHeartbeatSensor

log = logging.getLogger(__name__)

NIGHT = timedelta(hours=9)
# For a manual run before seven o'clock: seven o'clock yesterday.
SEVEN = "(dag_run.run_after - macros.timedelta(hours=7)).strftime('%Y-%m-%dT07:00:00Z')"
MORNING = f"{{{{ params.morning or {SEVEN} }}}}"

with DAG(
    dag_id="minut_night",
    description="Report every morning how loud the night was, once the devices have uploaded it.",
    doc_md=__doc__,
    schedule="0 7 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "morning": Param(
            None,
            title="Morning",
            description="End of the night. Default: seven o'clock, in UTC.",
            type=["null", "string"],
            format="date-time",
        )
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
):

    @task
    def device_ids() -> list[str]:
        """Return the IDs of the devices that are not offline."""
        with MinutHook("minut_default").get_conn() as minut:
            return [device["device_id"] for device in minut.iter_devices() if not device.get("offline")]

    wait_for_night = MinutHeartbeatSensor.partial(
        task_id="wait_for_night",
        after=MORNING,
        timeout=timedelta(hours=3),
        deferrable=True,
        minut_conn_id="minut_default",
    ).expand(device_id=device_ids())

    @task
    def loudest(heard: dict[str, str], morning: str) -> str:
        """Log and return the highest sound level of the night."""
        end = datetime.fromisoformat(morning)
        with MinutHook("minut_default").get_conn() as minut:
            readings = minut.iter_readings(
                heard["device_id"], "sound_level", start_at=end - NIGHT, end_at=end
            )
            values = [reading["value"] for reading in readings if reading["value"] is not None]
        most = f"at most {max(values):.0f} dB(A)" if values else "no reading"
        text = f"Device {heard['device_id']}, night before {morning[:10]}: {most}."
        log.info(text)
        return text

    loudest.partial(morning=MORNING).expand(heard=wait_for_night.output)
