from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.api.models import last_heard

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"last_heard_from_at": NOON}, NOON),
        ({"last_heartbeat_at": NOON}, NOON),
        ({"last_heard_from_at": NOON, "last_heartbeat_at": LATER}, LATER),
        ({"last_heard_from_at": LATER, "last_heartbeat_at": NOON}, LATER),
        ({"last_heard_from_at": "soon", "last_heartbeat_at": NOON}, NOON),
        ({"last_heard_from_at": None, "next_heartbeat_at": LATER}, None),
    ],
)
def test_device_was_heard_at_the_newest_time_that_minut_sent(device, expected):
    assert last_heard(device) == expected
