r"""Load the readings or events of a long period into a database table, month by month.

Each calendar month is a task of its own: the grid shows it, and it can be cleared alone. One runs at a time,
and if one fails, the others continue. A retry, a cleared task and a repeated run request only readings that
the table lacks; events are read again.

The first task logs the plan, and pushes it to XCom as `plan`. One request returns up to 31 days of one sensor
of one device:

| Dataset | Requests | A year of 100 devices in 50 homes |
|---|---|---|
| `readings` | one per device, sensor (there are 4) and month | 4,800, or 40 minutes at 120 per minute |
| `events` | one per home and month, or more | 600, or 5 minutes |

Each task takes one more request, for the list of devices or homes. Each 100 further events of a home in a
month take one, too.

Needs the connections `minut_default` and `minut_warehouse`, a database that Airflow has a provider for. The
tables are those of `minut_to_warehouse`; a missing one is created.

Load a year:
```bash
airflow dags trigger minut_backfill \
    --conf '{"start_at": "2025-06-01T00:00:00Z", "end_at": "2026-06-01T00:00:00Z"}'
```

Try it, also against the sandbox; this loads two months (`pip install apache-airflow-providers-sqlite`):
```bash
export AIRFLOW_CONN_MINUT_WAREHOUSE='{"conn_type": "sqlite", "host": "minut.db"}'
airflow dags test minut_backfill \
    --conf '{"start_at": "2026-03-15T00:00:00Z", "end_at": "2026-04-15T00:00:00Z"}'
```
"""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_current_context, task, timezone

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator

if TYPE_CHECKING:  # importing the client would cost every parse of this file
    from airflow_provider_minut.api.client import MinutClient

log = logging.getLogger(__name__)

SENSORS = ("sound_level", "temperature", "humidity", "motion_events")


def months(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Split a period at the first of each month, in UTC.

    :raises MinutConfigurationError: if the period is empty.
    """
    if start >= end:
        raise MinutConfigurationError("start_at", "must be before end_at")
    edges = [start.astimezone(UTC)]
    while edges[-1] < end:
        first = edges[-1].replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        edges.append(min((first + timedelta(days=32)).replace(day=1), end.astimezone(UTC)))
    return list(pairwise(edges))


def describe(minut: MinutClient, dataset: str, home_ids: list[str], count: int) -> str:
    """Return what a number of months will cost, computed from one list of the devices or homes."""
    if dataset == "readings":
        devices = sum(not home_ids or device.get("home") in home_ids for device in minut.iter_devices())
        target, requests = f"at most {count_of(devices, 'device')}", count * (devices * len(SENSORS) + 1)
    else:
        homes = len(home_ids) or sum(1 for _ in minut.iter_homes())
        target, requests = count_of(homes, "home"), count * (homes + 1)
    rate = minut.settings.requests_per_minute
    hours = math.ceil(requests / rate / 6) / 10
    cost = f"about {requests:,} requests, {hours} hours at {rate} requests/min"
    return f"{count_of(count, 'month')}, {target}: {cost}"


def count_of(number: int, noun: str) -> str:
    """Return a number and its noun: ``1 home``, ``2 homes``."""
    return f"{number} {noun}{'s' * (number != 1)}"


with DAG(
    dag_id="minut_backfill",
    description="Load the readings or events of a long period into a database, month by month.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "start_at": Param(
            title="From", description="Start of the period, inclusive.", type="string", format="date-time"
        ),
        "end_at": Param(
            None,
            title="Until",
            description="End of the period, exclusive. Default: the time of the run.",
            type=["null", "string"],
            format="date-time",
        ),
        "dataset": Param(
            "readings",
            title="Dataset",
            description="It is loaded into the table minut_readings or minut_events.",
            type="string",
            enum=["readings", "events"],
        ),
        "home_ids": Param(
            [],
            title="Homes",
            description="Only these homes, one ID per line. Default: all.",
            type="array",
            items={"type": "string"},
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["minut"],
) as dag:

    @task
    def plan() -> list[dict[str, Any]]:
        """Log the plan, and return the arguments of each month's load."""
        context = get_current_context()
        params = context["params"]
        end = timezone.parse(params["end_at"]) if params["end_at"] else context["dag_run"].run_after
        windows = months(timezone.parse(params["start_at"]), end)
        dataset, home_ids = params["dataset"], params["home_ids"]
        with MinutHook("minut_default").get_conn() as minut:
            text = describe(minut, dataset, home_ids, len(windows))
        log.info("Plan of the %s of %s.", dataset, text)
        context["ti"].xcom_push(key="plan", value=text)
        return [
            {
                "dataset": dataset,
                "table": f"minut_{dataset}",
                "home_ids": home_ids,
                "start_at": since.isoformat(),
                "end_at": until.isoformat(),
            }
            for since, until in windows
        ]

    MinutToSqlOperator.partial(
        task_id="load_month",
        conn_id="minut_warehouse",
        create_table=True,
        sensors=SENSORS,
        late_within=timedelta(0),
        only_missing=True,
        max_active_tis_per_dagrun=1,
        map_index_template="{{ task.start_at[:7] }}",
        minut_conn_id="minut_default",
    ).expand_kwargs(plan())
