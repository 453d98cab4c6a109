"""What is written to a device so that it has the thresholds that were given."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api.resources.thresholds import merged_thresholds

DEVICE = "64aa0000000000000000d001"
QUIET = {"enabled": True, "start": "22:00", "end": "07:00"}


@pytest.mark.parametrize(
    ("device", "reactions", "quiet_hours", "body"),
    [
        ({}, [], None, {}),
        ({}, [], QUIET, {"quiet_hours": QUIET}),
        ({}, [{"type": "a", "value": 1}], None, {"reactions": [{"type": "a", "value": 1}]}),
        (
            {"configuration": {"reactions": [{"type": "b"}]}},
            [{"type": "a"}],
            None,
            {"reactions": [{"type": "b"}, {"type": "a"}]},
        ),
        (
            {"reactions": ["odd", {"no": "type"}], "configuration": "odd"},
            [{"type": "a"}],
            None,
            {"reactions": [{"type": "a"}]},
        ),
    ],
)
def test_what_is_not_given_stays(device, reactions, quiet_hours, body):
    assert merged_thresholds({"device_id": DEVICE, **device}, reactions, quiet_hours) == body
