"""A DAG for each connection, with everything that the package has for DAGs."""

DAGS = """
from datetime import UTC, datetime

from airflow.sdk import Asset, AssetAny, dag, task

from airflow_provider_minut.assets.minut import watched_event
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import (
    MinutApiOperator,
    MinutSetAlarmOperator,
    MinutUpdateDeviceOperator,
    MinutValidateCredentialsOperator,
)
from airflow_provider_minut.operators.webhooks import (
    MinutCreateWebhookOperator,
    MinutDeleteWebhookOperator,
    MinutReconcileEventsOperator,
)
from airflow_provider_minut.sensors.minut import MinutHeartbeatSensor, MinutHomeEventSensor
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"


class NoFirstPoll:
    # Leaves the first poll to the triggerer too.
    def poke(self, context):
        self._arguments = self._checked_arguments(context)
        return False


class DeferredHomeEventSensor(NoFirstPoll, MinutHomeEventSensor):
    pass


class DeferredHeartbeatSensor(NoFirstPoll, MinutHeartbeatSensor):
    pass


def everything(conn_id):
    @dag(dag_id=conn_id, schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=99)
    def run():
        given = {"minut_conn_id": conn_id}

        @task
        def hook():
            with MinutHook(conn_id).get_conn() as minut:
                print("the token is", minut.get_access_token())
                return minut.get_current_user()

        hook()
        MinutValidateCredentialsOperator(task_id="validate", **given)
        MinutApiOperator(task_id="api", endpoint="/homes", query={"limit": 1}, **given)
        reactions = [{"type": "sound_level_high", "value": 71, "duration_seconds": 600}]
        MinutUpdateDeviceOperator(task_id="device", device_id=DEVICE, reactions=reactions, **given)
        MinutSetAlarmOperator(task_id="alarm", home_id=HOME, alarm_status="on", **given)
        MinutCreateWebhookOperator(
            task_id="create", name=f"{conn_id}_new", url=f"/RECEIVER/{conn_id}_new", events=["*"], **given
        )
        MinutReconcileEventsOperator(task_id="reconcile", name=f"{conn_id}_kept", **given)
        MinutDeleteWebhookOperator(task_id="delete", name=f"{conn_id}_old", **given)
        MinutToObjectStorageOperator(
            task_id="file", dataset="homes", path=f"/FOLDER/export/{conn_id}.jsonl.gz", **given
        )
        MinutToSqlOperator(
            task_id="sql", dataset="devices", table=conn_id, conn_id="warehouse", create_table=True, **given
        )
        homes = {"home_ids": [HOME], "since": "/SINCE", "poke_interval": 20, "timeout": 600, **given}
        devices = {"device_id": DEVICE, "after": "/AFTER", "poke_interval": 3, "timeout": 86400, **given}
        for mode in ("poke", "reschedule"):
            MinutHomeEventSensor(task_id=f"event_{mode}", mode=mode, **homes)
            MinutHeartbeatSensor(task_id=f"heartbeat_{mode}", mode=mode, **devices)
        event, heartbeat = DeferredHomeEventSensor, DeferredHeartbeatSensor
        if conn_id == "minut_good":
            event, heartbeat = MinutHomeEventSensor, MinutHeartbeatSensor
            devices["after"] = "/TOMORROW"
        event(task_id="event_deferred", deferrable=True, **homes)
        heartbeat(task_id="heartbeat_deferred", deferrable=True, **devices)

    run()


for conn_id in /CONNECTIONS:
    everything(conn_id)

watched = [watched_event("device_offline", f"of_{conn_id}", minut_conn_id=conn_id) for conn_id in /CONNECTIONS[1:]]
watched.append(watched_event("/WATCHED", HOME, minut_conn_id="minut_good"))


@dag(schedule=AssetAny(*watched))
def polled():
    @task
    def nothing(): ...

    nothing()


polled()


@dag(schedule=[Asset("minut://events//NOISE")])
def pushed():
    @task
    def nothing(): ...

    nothing()


pushed()
"""
