"""The example DAGs: their documentation, and runs with and without a data interval."""

from __future__ import annotations

import re
import runpy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import jinja2
import pytest
from airflow.sdk.execution_time.context import MacrosAccessor, VariableAccessor

from airflow_provider_minut.exceptions import MinutConfigurationError
from tests.conftest import ROOT

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

EXAMPLES = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HALF_PAST = NOON + timedelta(minutes=30)


@pytest.fixture
def rendered(monkeypatch):
    """Render a task of an example DAG as in a run at half past noon."""
    monkeypatch.setenv("AIRFLOW_VAR_MINUT_EXPORT_PATH", "/export")

    def render(name, **context):
        dag = runpy.run_path(str(ROOT / "dags" / f"{name}.py"))["dag"]
        task = dag.tasks[0]
        context = {
            "dag_run": SimpleNamespace(run_after=HALF_PAST),
            "macros": MacrosAccessor(),
            "params": {"start_at": None, "end_at": None, **context.pop("params", {})},
            "var": {"value": VariableAccessor(deserialize_json=False)},
            **context,
        }
        task.render_template_fields(context)
        return task

    return render


@pytest.fixture(scope="module")
def bag():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        return DagBag(str(ROOT / "dags"))


def test_each_file_has_the_dag_of_its_name(bag):
    assert bag.import_errors == {}
    assert sorted(bag.dags) == EXAMPLES


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_documentation_has_purpose_requirements_and_command(bag, dag_id):
    dag = bag.dags[dag_id]
    assert dag.description
    assert re.search(r"\bneeds\b", dag.doc_md, re.IGNORECASE)
    assert f"airflow dags test {dag_id}" in dag.doc_md  # a slow test runs this command
    assert "\\\\\n" not in dag.doc_md  # in a raw docstring, a line continues with one backslash
    assert "minut" in dag.tags


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_each_param_has_a_description_title_and_type(bag, dag_id):
    params = bag.dags[dag_id].params
    for name in params:
        param = params.get_param(name)
        assert param.description, name
        assert {"title", "type"} <= set(param.schema), name


def test_manual_export_is_the_current_day(rendered):
    task = rendered("minut_export")
    assert task.path == "/export/homes/2026-06-01.jsonl.gz"
    assert datetime.fromisoformat(task.start_at) == NOON.replace(hour=0)
    assert datetime.fromisoformat(task.end_at) == HALF_PAST


def test_scheduled_export_is_the_day_until_the_end_of_the_hour(rendered):
    task = rendered("minut_export", data_interval_start=NOON, data_interval_end=NOON + timedelta(hours=1))
    assert task.path == "/export/homes/2026-06-01.jsonl.gz"
    assert datetime.fromisoformat(task.start_at) == NOON.replace(hour=0)
    assert datetime.fromisoformat(task.end_at) == NOON + timedelta(hours=1)


@pytest.mark.parametrize("name", ["minut_export", "minut_to_warehouse"])
def test_backfill_is_the_range_of_its_params(rendered, name):
    params = {"start_at": "2025-06-01T00:00:00Z", "end_at": "2026-06-01T00:00:00Z"}
    task = rendered(name, params=params)
    assert (task.start_at, task.end_at) == tuple(params.values())


def test_manual_warehouse_load_is_the_last_day(rendered):
    task = rendered("minut_to_warehouse")
    assert datetime.fromisoformat(task.start_at) == HALF_PAST - timedelta(days=1)
    assert datetime.fromisoformat(task.end_at) == HALF_PAST


def test_scheduled_warehouse_load_is_its_interval(rendered):
    task = rendered("minut_to_warehouse", data_interval_start=NOON, data_interval_end=HALF_PAST)
    assert datetime.fromisoformat(task.start_at) == NOON
    assert datetime.fromisoformat(task.end_at) == HALF_PAST


@pytest.fixture
def backfill(monkeypatch, minut_sandbox):
    """Return a function that plans a backfill, and returns the windows and what was pushed to XCom."""
    example = runpy.run_path(str(ROOT / "dags" / "minut_backfill.py"))

    def plan(**params):
        pushed = {}
        context = {
            "dag_run": SimpleNamespace(run_after=HALF_PAST),
            "params": {"end_at": None, "dataset": "readings", "home_ids": [], **params},
            "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value})),
        }
        task = example["dag"].get_task("plan")
        monkeypatch.setitem(task.python_callable.__globals__, "get_current_context", lambda: context)
        return task.python_callable(), pushed["plan"]

    plan.dag = example["dag"]
    return plan


def test_backfill_is_one_window_per_calendar_month(backfill):
    windows, _ = backfill(start_at="2025-12-10T02:00:00+02:00", end_at="2026-03-01")
    edges = [(window["start_at"], window["end_at"]) for window in windows]
    assert edges == [
        ("2025-12-10T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"),
        ("2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
    ]


def test_backfill_without_an_end_ends_with_the_run(backfill):
    windows, _ = backfill(start_at="2026-05-31T00:00:00Z")
    assert [window["end_at"] for window in windows] == ["2026-06-01T00:00:00+00:00", HALF_PAST.isoformat()]


def test_backfill_of_an_empty_period_fails(backfill):
    with pytest.raises(MinutConfigurationError, match="start_at: must be before end_at"):
        backfill(start_at="2026-07-01T00:00:00Z")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "2 months, at most 3 devices: about 26 requests, 0.1 hours at 120 requests/min"),
        (
            {"home_ids": ["64aa0000000000000000b002"]},
            "2 months, at most 1 device: about 10 requests, 0.1 hours",
        ),
        ({"dataset": "events"}, "2 months, 2 homes: about 6 requests, 0.1 hours at 120 requests/min"),
        (
            {"dataset": "events", "home_ids": ["64aa0000000000000000b002"]},
            "2 months, 1 home: about 4 requests",
        ),
    ],
)
def test_plan_of_a_backfill_is_computed_from_one_list(backfill, minut_sandbox, params, text):
    windows, plan = backfill(start_at="2026-04-01T00:00:00Z", end_at="2026-06-01T00:00:00Z", **params)
    assert plan.startswith(text)
    assert len(windows) == 2
    assert sum(minut_sandbox.stats()["requests"].values()) <= 2  # one for the token


def test_window_of_a_backfill_is_whole_by_itself(backfill):
    (window,), _ = backfill(start_at="2026-05-01T00:00:00Z", end_at="2026-06-01T00:00:00Z")
    task = backfill.dag.get_task("load_month")
    assert task.max_active_tis_per_dagrun == 1
    load = task.unmap(window)
    assert (load.table, load.only_missing, load.late_within) == ("minut_readings", True, timedelta(0))
    assert jinja2.Template(task.partial_kwargs["map_index_template"]).render(task=load) == "2026-05"
