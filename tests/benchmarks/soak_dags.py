"""What the cluster of the soak runs: its DAGs, and a few lines of Python for its environment."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.fleet import device_id, home_id

WATCHED, DELIVERED = "disturbance_first_notice", "disturbance_ended"
BUSY_HOME, QUIET_HOME, HOMES = home_id(1), home_id(2), 5
DAGS = """
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, get_current_context, task

from airflow_provider_minut.assets.minut import triggering_events, watched_event
from airflow_provider_minut.operators.minut import MinutValidateCredentialsOperator
from airflow_provider_minut.operators.webhooks import MinutCreateWebhookOperator, MinutReconcileEventsOperator
from airflow_provider_minut.sensors.minut import MinutHeartbeatSensor, MinutHomeEventSensor
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator

RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=10)}
START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("steady", schedule="* * * * *", start_date=START, catchup=False, max_active_runs=4, default_args=RETRIES):
    validate = MinutValidateCredentialsOperator(task_id="validate")
    export = MinutToObjectStorageOperator(
        task_id="export",
        dataset="events",
        path="/FOLDER/exported/events.jsonl.gz",
        start_at="{{ (dag_run.run_after - macros.timedelta(minutes=5)).isoformat() }}",
        end_at="{{ dag_run.run_after.isoformat() }}",
    )
    wait = MinutHomeEventSensor(
        task_id="wait",
        home_ids=["QUIET_HOME"],
        event_types=["noise_detected"],
        deferrable=True,
        poke_interval=20,
        timeout=600,
    )
    validate >> [export, wait]

with DAG("upkeep", schedule="*/10 * * * *", start_date=START, catchup=False, max_active_runs=1, default_args=RETRIES):
    register = MinutCreateWebhookOperator(task_id="register", name="main", url="WEBHOOK_URL", events=["DELIVERED"])
    reconcile = MinutReconcileEventsOperator(task_id="reconcile", name="main", lookback=timedelta(hours=1))
    register >> reconcile
    MinutHeartbeatSensor(
        task_id="check_in",
        device_id="DEVICE",
        after="{{ (dag_run.run_after - macros.timedelta(minutes=50)).isoformat() }}",
        deferrable=True,
        timeout=7200,
    )


@task
def note():
    context = get_current_context()
    lines = [f"{event['event_id']} {time.time()}\\n" for event in triggering_events(context)]
    with Path("/FOLDER", context["dag"].dag_id + ".txt").open("a") as file:
        file.write("".join(lines))


for name, asset in (("watched", watched_event("WATCHED")), ("delivered", Asset("minut://events/DELIVERED"))):
    with DAG(name, schedule=[asset], max_active_runs=1, default_args=RETRIES):
        note()
"""
NEW_SECRET = """
import os
from airflow.models import Connection
from airflow.utils.session import create_session

with create_session() as session:
    connection = session.query(Connection).filter_by(conn_id="minut_default").one()
    connection.set_password(os.environ["NEW_SECRET"])
"""
VERSIONS = """
import importlib.metadata as m
print(*(f"{n} {m.version(n)}" for n in ("apache-airflow", "apache-airflow-providers-celery", "airflow-provider-minut")), sep=", ")
"""


def dags(folder, webhook_url):
    """Return the code of the DAGs."""
    given = {
        "/FOLDER": str(folder),
        "WEBHOOK_URL": webhook_url,
        "DEVICE": device_id(1),
        "QUIET_HOME": QUIET_HOME,
        "DELIVERED": DELIVERED,
        "WATCHED": WATCHED,
    }
    code = DAGS
    for name, value in given.items():
        code = code.replace(name, value)
    return code
