"""After a noise: wait until the home is quiet again, and tell somebody if it is not within half an hour.

The run starts when an event arrives, as in `minut_noise_alert`, and waits in the triggerer: it needs no
worker meanwhile. Whom it tells: put any of Airflow's notifiers into `NOTIFIERS`.

To see it without an event, trigger it by hand with the id of a home.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, BaseNotifier, Param, get_current_context, task

from airflow_provider_minut.assets import triggering_events
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
            None, type=["null", "string"], description="By hand: the home to wait for, from now on"
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
