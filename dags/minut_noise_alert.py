"""Send an alert when Minut reports noise in any home, and say whether its list of home events confirms it.

Minut reports noise once it has lasted 5 to 15 minutes, as set in its app. A run starts when the webhook that
`minut_webhooks` registers delivers the event. If Minut cannot reach Airflow, let the triggerer poll for
events instead:

```python
from airflow_provider_minut.assets.minut import watched_event

schedule = [watched_event("disturbance_first_notice")]
```

Add the recipients to `NOTIFIERS`, as Airflow notifiers such as `SlackNotifier(text=TEXT)` or
`SmtpNotifier(to="host@example.com", subject=TEXT, html_content=TEXT)`. The task also logs the alert.

The check looks for a home event `noise_detected` around the time of the user event
`disturbance_first_notice`. That both occur together is inferred from their names; so the alert is sent in any
case, and includes the result.

Needs the connection `minut_default`. Try it without an event, also against the sandbox:
```bash
airflow dags test minut_noise_alert --conf '{"home_id": "64aa0000000000000000b001"}'
```
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, BaseNotifier, Param, get_current_context, task

from airflow_provider_minut.assets.minut import triggering_events
from airflow_provider_minut.hooks.minut import MinutHook

log = logging.getLogger(__name__)

NOTIFIERS: list[BaseNotifier] = []
TEXT = "{{ ti.xcom_pull(task_ids='confirm', map_indexes=ti.map_index) }}"
# Home events have other types than user events, and perhaps other IDs, so they are matched by time.
TOLERANCE = timedelta(minutes=15)

with DAG(
    dag_id="minut_noise_alert",
    description="Send an alert for a noise event in any home, after checking it with Minut.",
    doc_md=__doc__,
    schedule=[Asset("minut://events/disturbance_first_notice")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "home_id": Param(
            None,
            title="Home",
            description="For a manual run: ID of a home to treat as if a noise event occurred there now.",
            type=["null", "string"],
        )
    },
    tags=["minut"],
):

    @task
    def read_events() -> list[dict[str, Any]]:
        """Return the events that triggered this run; usually one."""
        context = get_current_context()
        by_hand = context["params"]["home_id"]
        if by_hand:
            return [{"home_id": by_hand, "event_time": context["dag_run"].run_after.isoformat()}]
        return triggering_events(context)

    @task(map_index_template="{{ home_name }}", on_success_callback=NOTIFIERS)
    def confirm(event: dict[str, Any]) -> str:
        """Check whether Minut lists the noise event; return the text of the alert."""
        at = datetime.fromisoformat(event["event_time"])
        with MinutHook("minut_default").get_conn() as minut:
            home = minut.get_home(event["home_id"])
            noises = list(
                minut.iter_home_events(
                    event["home_id"],
                    start_at=at - TOLERANCE,
                    end_at=at + TOLERANCE,
                    event_types=["noise_detected"],
                )
            )
        context = get_current_context()
        context["home_name"] = home.get("name", event["home_id"])
        certainty = "Minut confirms it" if noises else "Minut does not list it yet"
        text = f"Noise in {context['home_name']} since {at:%H:%M} UTC. {certainty}."
        log.info(text)
        return text

    confirm.expand(event=read_events())
