"""URIs of assets, the content of asset events, and the events that triggered a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_minut.assets.minut import triggering_events, watched_event
from airflow_provider_minut.events import asset_payload, event_payload, event_uri, event_uris
from airflow_provider_minut.extraction.datasets import DATASETS
from tests.conftest import AIRFLOW_VERSION

HOME = "64aa0000000000000000b001"
EVENT = {
    "id": "64aa0000000000000000f001",
    "type": "disturbance_first_notice",
    "created_at": "2026-06-01T10:02:10.000Z",
    "user_id": "64aa0000000000000000a001",
    "home_id": HOME,
    "brand_new": {"a": 1},
}
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_uris():
    assert event_uri("battery_low") == "minut://events/battery_low"
    assert event_uri("battery_low", HOME) == f"minut://homes/{HOME}/events/battery_low"
    assert event_uris(event_payload(EVENT, via="poll")) == [
        f"minut://homes/{HOME}/events/disturbance_first_notice",
        "minut://events/disturbance_first_notice",
    ]
    without_home = {**EVENT, "home_id": None}
    assert event_uris(event_payload(without_home, via="poll")) == ["minut://events/disturbance_first_notice"]


@pytest.mark.parametrize(
    "uri",
    [
        event_uri("battery_low"),
        event_uri("battery_low", HOME),
        *(f"minut://datasets/{name}" for name in DATASETS),
    ],
)
def test_airflow_accepts_them_unchanged(uri):
    assert (Asset(uri).name, Asset(uri).uri) == (uri, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "minut://battery_low",
        "minut://events/",
        "minut://homes/1/battery_low",
        "minut://datasets/guests",
        "minut://homes",
        "minut://events/a?b=c",
        "minut://events/a b",
    ],
)
def test_airflow_rejects_uris_that_this_provider_does_not_emit(uri):
    with pytest.raises(ValueError, match="accepted: minut://events/"):
        Asset(uri)


def test_payload_is_the_event_under_the_documented_keys():
    assert event_payload(EVENT, via="webhook") == {
        "event_id": EVENT["id"],
        "event_type": "disturbance_first_notice",
        "event_time": "2026-06-01T10:02:10.000Z",
        "home_id": HOME,
        "device_id": None,
        "via": "webhook",
        "redelivered": False,
        "event": EVENT,
    }


@pytest.mark.parametrize("field", ["id", "type", "created_at"])
@pytest.mark.parametrize("value", [None, "", True, {}])
def test_event_without_a_required_field_is_an_error_that_names_it(field, value):
    with pytest.raises(ValueError, match=f"^{field}: must be"):
        event_payload({**EVENT, field: value}, via="webhook")


def test_id_that_is_a_number_and_time_in_seconds_are_accepted():
    payload = event_payload({**EVENT, "id": 7, "home_id": 12, "created_at": 1780308130}, via="webhook")
    assert (payload["event_id"], payload["home_id"]) == ("7", "12")
    assert payload["event_time"] == "2026-06-01T10:02:10.000Z"


def test_type_that_does_not_fit_a_uri_is_an_error():
    with pytest.raises(ValueError, match="^type: must be letters, digits"):
        event_payload({**EVENT, "type": "a/../b"}, via="webhook")


def test_watched_event_is_an_asset_with_a_trigger():
    asset = watched_event("battery_low", HOME, minut_conn_id="other")
    assert asset.uri == event_uri("battery_low", HOME)
    (watcher,) = asset.watchers
    assert watcher.trigger.serialize()[1] == {
        "event_type": "battery_low",
        "home_id": HOME,
        "minut_conn_id": "other",
    }


def asset_event(number, timestamp=NOW, **changes):
    event = {**EVENT, "id": f"f{number:03}", "created_at": f"2026-06-01T10:{number:02}:00.000Z"}
    payload = {**event_payload(event, via="poll"), **changes}
    asset = SimpleNamespace(name=event_uri(EVENT["type"]), uri=event_uri(EVENT["type"]))
    return SimpleNamespace(
        asset=asset, extra={"from_trigger": True, "payload": asset_payload([payload])}, timestamp=timestamp
    )


def ids(*asset_events):
    return [e["event_id"] for e in triggering_events({"triggering_asset_events": {"x": asset_events}})]


def test_each_event_of_a_run_once_and_oldest_first():
    other = SimpleNamespace(asset=None, extra={"payload": "of something else"})
    nothing = SimpleNamespace(asset=None, extra={})
    assert ids(asset_event(2), asset_event(1), other, nothing, asset_event(2)) == ["f001", "f002"]


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="nothing is redelivered before Airflow 3.3")
def test_redelivered_event_counts_only_if_it_was_not_emitted_before(monkeypatch):
    starts = []

    class EarlierEvents(list):
        def __init__(self, asset_name, asset_uri):
            super().__init__(
                [asset_event(1, NOW - timedelta(minutes=1)), asset_event(2, NOW), asset_event(3)]
            )

        def after(self, since):
            starts.append(since)
            return self

    monkeypatch.setattr(airflow_context, "InletEventsAccessor", EarlierEvents)
    assert ids(asset_event(1, redelivered=True), asset_event(2, redelivered=True)) == ["f002"]
    assert starts == ["2026-06-01T09:56:00+00:00"]
