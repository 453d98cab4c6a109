"""A webhook is registered once, replaced if necessary, and its secret is stored only in the variable."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Variable

from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.webhooks import (
    MinutCreateWebhookOperator,
    MinutDeleteWebhookOperator,
    MinutReconcileEventsOperator,
)
from airflow_provider_minut.webhooks.receiver import Receiver, create_app
from airflow_provider_minut.webhooks.registration import RegisteredWebhook
from airflow_provider_minut.webhooks.registry import WebhookRegistry
from tests.unit.webhooks.test_receiver import Recorder, serving

URL = "https://airflow.example.com/minut/webhooks/main"
KEY = "minut_webhook_secret_main"


@pytest.fixture
def variables(monkeypatch):
    """Stand in for Airflow's variables, which a task reaches only in a real Airflow."""
    kept = {}
    monkeypatch.setattr(Variable, "get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(Variable, "set", lambda key, value, description=None: kept.__setitem__(key, value))
    monkeypatch.setattr(Variable, "delete", kept.pop)
    return kept


def create(**changes):
    arguments = {"name": "main", "url": URL, "events": ["disturbance_first_notice"], **changes}
    return MinutCreateWebhookOperator(task_id="t", **arguments).execute({})


def hooks():
    with MinutHook().get_conn() as client:
        return list(client.iter_webhooks())


def test_registered_once_however_often_it_runs(minut_sandbox, variables):
    assert create() == create() == create()
    assert [hook["url"] for hook in hooks()] == [URL]
    assert minut_sandbox.stats()["requests"]["POST /webhooks"] == 1
    stored = RegisteredWebhook.from_json(variables[KEY])
    assert (stored.hook_id, stored.url) == (hooks()[0]["hook_id"], URL)
    assert hooks()[0]["token"] is True


def test_secret_is_in_no_log_and_no_result(minut_sandbox, variables, caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        result = create()
        create(events=["*"])
    stored = RegisteredWebhook.from_json(variables[KEY])
    printed = capsys.readouterr()
    for secret in (stored.hook_secret, stored.token):
        assert secret not in caplog.text + printed.out + printed.err + result


@pytest.mark.parametrize("changes", [{"events": ["battery_low"]}, {"url": f"{URL}2"}])
def test_replaced_if_events_or_url_change(minut_sandbox, variables, changes):
    before = create()
    after = create(**changes)
    assert after != before
    assert [hook["hook_id"] for hook in hooks()] == [after]
    assert RegisteredWebhook.from_json(variables[KEY]).hook_id == after


def test_signature_settings_change_without_a_new_webhook(minut_sandbox, variables):
    before = create()
    secret = RegisteredWebhook.from_json(variables[KEY]).hook_secret
    assert create(algorithm="sha1", header="X-Other", encoding="base64") == before
    stored = RegisteredWebhook.from_json(variables[KEY])
    assert (stored.algorithm, stored.header, stored.encoding) == ("sha1", "X-Other", "base64")
    assert stored.hook_secret == secret


@pytest.mark.parametrize("lost", [None, "broken", "{}"])
def test_lost_secret_means_a_new_webhook_and_no_old_one(minut_sandbox, variables, lost):
    before = create()
    variables.clear()
    if lost is not None:
        variables[KEY] = lost
    after = create()
    assert after != before
    assert [hook["hook_id"] for hook in hooks()] == [after]


def test_webhook_that_minut_lost_is_created_again(minut_sandbox, variables):
    before = create()
    with MinutHook().get_conn() as client:
        client.delete_webhook(before)
    assert create() != before
    assert len(hooks()) == 1


def test_webhooks_with_other_urls_are_kept(minut_sandbox, variables):
    with MinutHook().get_conn() as client:
        other = client.create_webhook("https://other.example.com/", ["*"])["hook_id"]
    ours = create()
    assert {hook["hook_id"] for hook in hooks()} == {other, ours}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": "a b"}, "name"), ({"algorithm": "md5"}, "algorithm"), ({"header": "a:b"}, "header")],
)
def test_bad_argument_is_named_before_anything_is_created(minut_sandbox, variables, changes, field):
    with pytest.raises(AirflowFailException, match=f"^{field}: must be "):
        create(**changes)
    assert hooks() == []


def test_deleted_at_minut_and_in_airflow(minut_sandbox, variables):
    create()
    for _ in range(2):
        MinutDeleteWebhookOperator(task_id="t", name="main").execute({})
    assert hooks() == []
    assert variables == {}


@contextmanager
def receiving(variables):
    recorder = Recorder()
    registry = WebhookRegistry(lambda: {"main": variables[KEY]})
    with serving(create_app(Receiver(registry, recorder))) as port:
        yield f"http://127.0.0.1:{port}/webhooks/main", recorder


def reconcile(**arguments):
    return MinutReconcileEventsOperator(task_id="t", name="main", **arguments).execute({})


def test_reconciling_recovers_missed_events_once(minut_sandbox, variables):
    create()
    home = "64aa0000000000000000b001"
    now = datetime.now(UTC)
    with receiving(variables) as (url, recorder):
        before = reconcile(receiver_url=url)
        minut_sandbox.add_event(home, now)
        minut_sandbox.add_event(home, now, "noise_quieted")  # not subscribed to
        minut_sandbox.add_event(home, now - timedelta(hours=20))
        first = reconcile(receiver_url=url)
        again = reconcile(receiver_url=url)
    assert (first["missed"], again["missed"]) == (2, 0)
    assert first["events"] == again["events"] == before["events"] + 2
    assert {event["event_type"] for event in recorder.events} == {"disturbance_first_notice"}


def test_receiver_that_is_down_is_an_error_that_airflow_may_retry(minut_sandbox, variables):
    create(events=["*"])
    minut_sandbox.add_event("64aa0000000000000000b001", datetime.now(UTC))
    with pytest.raises(MinutError, match=r"^POST http://127\.0\.0\.1:9/ got no response from the receiver"):
        reconcile(receiver_url="http://127.0.0.1:9/")
    with receiving(variables) as (url, recorder):
        recorder.broken = True
        with pytest.raises(MinutError, match="returned 503 for event"):
            reconcile(receiver_url=url)


def test_reconciling_an_unregistered_webhook_is_an_error(minut_sandbox, variables):
    with pytest.raises(AirflowFailException, match="there is no webhook main; register it first"):
        reconcile()


def test_stored_webhook_is_json(minut_sandbox, variables):
    create()
    assert set(json.loads(variables[KEY])) == {
        *("hook_id", "url", "events", "hook_secret", "token", "header", "algorithm", "encoding")
    }
