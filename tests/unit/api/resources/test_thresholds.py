"""What is written to a device so that it has the thresholds that were given."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api.resources.thresholds import merged_thresholds, threshold_changes

DEVICE = "64aa0000000000000000d001"
QUIET = {"enabled": True, "start": "22:00", "end": "07:00"}


@pytest.mark.parametrize(
    ("device", "reactions", "quiet_hours", "body"),
    [
        ({}, [], None, {}),
        ({}, [], QUIET, {"quiet_hours": QUIET}),
        ({}, [{"type": "a", "value": 1}], None, {"reactions": [{"type": "a", "value": 1}]}),
        (
            {"configuration": {"reactions": [{"type": "b"}], "room_type": "hall", "version": 7}},
            [{"type": "a"}],
            None,
            {"configuration": {"room_type": "hall", "reactions": [{"type": "b"}, {"type": "a"}]}},
        ),
        (
            {"reactions": [{"type": "b"}], "quiet_hours": {}, "configuration": {"quiet_hours": {"zone": 1}}},
            [{"type": "a"}],
            QUIET,
            {
                "reactions": [{"type": "b"}, {"type": "a"}],
                "configuration": {"quiet_hours": {"zone": 1, **QUIET}},
            },
        ),
        (
            {"reactions": [{"type": "a", "for": 1}, {"type": "b"}, {"type": "a", "for": 2}]},
            [{"type": "a", "value": 5}],
            None,
            {
                "reactions": [
                    {"type": "a", "for": 1, "value": 5},
                    {"type": "b"},
                    {"type": "a", "for": 2, "value": 5},
                ]
            },
        ),
        (
            {"reactions": ["odd", {"no": "type"}], "configuration": "odd"},
            [{"type": "a"}],
            None,
            {"reactions": [{"no": "type"}, {"type": "a"}]},
        ),
    ],
)
def test_what_is_not_given_stays(device, reactions, quiet_hours, body):
    assert merged_thresholds({"device_id": DEVICE, **device}, reactions, quiet_hours) == body


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("value", [75, 75.0, "75"])
@pytest.mark.parametrize("hours", [QUIET, {"enabled": 1, "start": "22:00:00", "end": "07:00"}])
def test_what_is_set_already_is_no_change(nested, value, hours):
    settings = {"reactions": [{"type": "a", "value": value}], "quiet_hours": hours}
    device = {"device_id": DEVICE, **({"configuration": settings} if nested else settings)}
    assert threshold_changes(device, [{"type": "a", "value": 75}], QUIET) == []
    assert threshold_changes(device, [{"type": "a", "value": 70}], {**QUIET, "enabled": False}) == [
        f"a.value: {value} -> 70",
        f"quiet_hours.enabled: {hours['enabled']} -> False",
    ]
