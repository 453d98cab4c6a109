"""Any delivery is an event that can be recorded, or one of two errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.events import event_uris
from airflow_provider_minut.webhooks.delivery import ForeignDeliveryError, read_delivery
from tests.deliveries import an_event, registered
from tests.strategies import almost, json_values

WEBHOOK = registered(hook_id="the-hook", token="come-back")
VALUE = "must-not-be-logged"
ids = st.from_regex(r"\A[A-Za-z0-9_.-]{1,20}\Z") | st.just(f"{VALUE} ")
events = almost(
    {
        "id": ids,
        "type": ids,
        "created_at": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        "home_id": ids,
        "device_id": ids,
        "hook_id": st.just("the-hook"),
        "token": st.just("come-back"),
    },
    missing=False,
) | st.just(an_event())
deliveries = st.one_of(
    events, almost({"event": events, "hook_id": st.just("the-hook"), "token": st.just("come-back")})
)


def body_of(**changes):
    return json.dumps(an_event(**changes)).encode()


@given(st.binary(max_size=100) | (deliveries | json_values).map(json.dumps).map(str.encode))
@example(body_of(hook_id="\ud800"))
@example(body_of(token="\ud800"))
@example(body_of(type=f"{VALUE} "))
@example(body_of(home_id=f"{VALUE} "))
@example(body_of(id=f"{VALUE} "))
@example(b"[" * 60_000)
@example(b'{"id": ' + b"1" * 5000 + b"}")
def test_delivery_is_an_event_that_can_be_recorded_or_an_error_without_a_value(body):
    try:
        payload = read_delivery(WEBHOOK, body)
    except ForeignDeliveryError:
        given = json.loads(body)
        places = [given, given.get("event")] if isinstance(given.get("event"), dict) else [given]
        echoes = {json.dumps(place.get(name)) for place in places for name in ("hook_id", "token")}
        assert echoes - {"null", '"the-hook"', '"come-back"'}
    except ValueError as error:
        assert VALUE not in str(error)
        assert type(error) is ValueError  # not a subclass, whose texts are not ours
    else:
        assert event_uris(payload)
        assert datetime.fromisoformat(payload["event_time"]).tzinfo is not None
        assert "come-back" not in json.dumps(payload)
        assert json.loads(json.dumps(payload))["event_id"] == payload["event_id"]
