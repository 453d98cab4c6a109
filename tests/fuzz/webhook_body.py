"""What comes in a delivery whose signature is right."""

from __future__ import annotations

import json

from airflow_provider_minut.events import event_uris
from airflow_provider_minut.webhooks.delivery import ForeignDeliveryError, read_delivery
from airflow_provider_minut.webhooks.registration import RegisteredWebhook

WEBHOOK = RegisteredWebhook(hook_id="h", url="https://x", events=("*",), hook_secret="s", token="t")
EVENT = b'{"id": "e1", "type": "battery_low", "created_at": "2026-06-01T10:00:00.000Z", "home_id": "b1"}'
SEEDS = (EVENT, b'{"hook_id": "h", "token": "t", "event": ' + EVENT + b"}", b'{"event": {"id": "\\ud800"}}')


def one_input(data: bytes) -> None:
    """Fail unless it is an event that can be recorded, or one of the two errors."""
    try:
        payload = read_delivery(WEBHOOK, data)
    except ForeignDeliveryError:
        return
    except ValueError as error:
        assert type(error) is ValueError
        assert ": must be " in str(error)
    else:
        assert event_uris(payload)
        json.dumps(payload)
