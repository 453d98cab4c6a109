"""Wait after a noise event until the home is quiet again, and notify if it is not within 30 minutes.

A run starts when an event arrives, as in `minut_noise_alert`, and waits in the triggerer without occupying a
worker. Add the recipients to `NOTIFIERS`, as Airflow notifiers.

Needs the connection `minut_default` and a triggerer. Try it without an event, also against the sandbox:
```bash
airflow dags test minut_wait_for_quiet --conf '{"home_id": "64aa0000000000000000b001"}'
```

The sensor polls every minute. To make the home in the sandbox quiet, run in another terminal:
`minut-sandbox emit noise_quieted --home 64aa0000000000000000b001`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, BaseNotifier, Param, get_current_context, task

from airflow_provider_minut.assets.minut import triggering_events
from airflow_provider_minut.sensors.minut import MinutHomeEventSensor

log = logging.getLogger(__name__)

NOTIFIERS: list[BaseNotifier] = []

with DAG(
    dag_id="minut_wait_for_quiet",
    description="Wait after a noise event until the home is quiet again, or notify.",
    doc_md=__doc__,
    schedule=[Asset("minut://events/disturbance_first_notice")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "home_id": Param(
            None,
            title="Home",
            description="For a manual run: ID of the home to wait for, from now on.",
            type=["null", "string"],
        )
    },
    tags=["minut"],
):

    @task
    def noises() -> list[dict[str, Any]]:
        """Return the homes to wait for, each with the time of its noise event; usually one."""
        context = get_current_context()
        by_hand = context["params"]["home_id"]
        if by_hand:
            return [{"home_ids": [by_hand], "since": context["dag_run"].run_after.isoformat()}]
        events = triggering_events(context)
        return [{"home_ids": [e["home_id"]], "since": e["event_time"]} for e in events if e["home_id"]]

    wait_for_quiet = MinutHomeEventSensor.partial(
        task_id="wait_for_quiet",
        event_types=["noise_quieted"],
        timeout=timedelta(minutes=30),
        deferrable=True,
        on_failure_callback=NOTIFIERS,
        minut_conn_id="minut_default",
    ).expand_kwargs(noises())

    @task
    def tell(found: list[dict[str, Any]]) -> str:
        """Log and return when the home became quiet."""
        text = f"Home {found[0]['home_id']} has been quiet since {found[0]['event_time']}."
        log.info(text)
        return text

    tell.expand(found=wait_for_quiet.output)
