"""The example DAGs: their documentation, and runs with and without a data interval."""

from __future__ import annotations

import re
import runpy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import MacrosAccessor, VariableAccessor

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
