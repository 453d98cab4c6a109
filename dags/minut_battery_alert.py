"""A battery is low: say which, by polling instead of a webhook.

For an Airflow that Minut cannot reach. The triggerer asks for new events every half minute, with one poll
for all DAGs that watch; `minut_noise_alert` is the same with a webhook, which is faster and asks less.

Needs the connection `minut_default` and a triggerer. Try it without an event, with the sandbox too:
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
    description="A battery is low: says which, by polling.",
    doc_md=__doc__,
    schedule=[watched_event("battery_low", minut_conn_id="minut_default")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["minut"],
):

    @task
    def tell() -> list[str]:
        """Say which devices it is about; none if the run was started by hand."""
        events = triggering_events(get_current_context())
        texts = [f"The battery of {e['device_id']} in home {e['home_id']} is low." for e in events]
        for text in texts:
            log.info(text)
        return texts

    tell()
