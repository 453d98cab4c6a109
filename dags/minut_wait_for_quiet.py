"""After a noise: wait until the home is quiet again, and tell somebody if it is not within half an hour.

The run starts when an event arrives, as in `minut_noise_alert`, and waits in the triggerer: it needs no
worker meanwhile. Whom it tells: put any of Airflow's notifiers into `NOTIFIERS`.

Needs the connection `minut_default`, and a triggerer. Try it without a noise, with the sandbox too:
```bash
airflow dags test minut_wait_for_quiet --conf '{"home_id": "64aa0000000000000000b001"}'
```

It asks every minute. In the sandbox it becomes quiet with, in another terminal,
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
    description="After a noise: wait until the home is quiet again, or tell somebody.",
    doc_md=__doc__,
    schedule=[Asset("minut://events/disturbance_first_notice")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "home_id": Param(
            None,
            title="Home",
            description="By hand: id of the home to wait for, from now on.",
            type=["null", "string"],
        )
    },
    tags=["minut"],
):

    @task
    def noises() -> list[dict[str, Any]]:
        """Return which home to wait for, and since when; usually one."""
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
        """Say when it became quiet."""
        text = f"Home {found[0]['home_id']} is quiet again since {found[0]['event_time']}."
        log.info(text)
        return text

    tell.expand(found=wait_for_quiet.output)
