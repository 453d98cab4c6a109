"""Report devices with a low battery, by polling instead of a webhook.

For an Airflow that Minut cannot reach. The triggerer polls for new events every 30 seconds, with a single
poller for all DAGs that watch events. `minut_noise_alert` uses a webhook instead, which is faster and
sends fewer requests.

Needs the connection `minut_default` and a triggerer. Try it without an event, also against the sandbox:
```bash
airflow dags test minut_battery_alert
```
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_minut.assets.minut import triggering_events, watched_event

log = logging.getLogger(__name__)

with DAG(
    dag_id="minut_battery_alert",
    description="Report devices with a low battery, by polling.",
    doc_md=__doc__,
    schedule=[watched_event("battery_low", minut_conn_id="minut_default")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["minut"],
):

    @task
    def tell() -> list[str]:
        """Log and return an alert for each device; none in a run that was triggered manually."""
        events = triggering_events(get_current_context())
        texts = [f"The battery of {e['device_id']} in home {e['home_id']} is low." for e in events]
        for text in texts:
            log.info(text)
        return texts

    tell()
