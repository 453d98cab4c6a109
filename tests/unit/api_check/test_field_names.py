"""Which keys are shown."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api_check.field_names import FieldNames

SHOWN = FieldNames([{"name": "Guest_Room", "unit": ["sound", {"a": "battery"}]}])


@pytest.mark.parametrize(
    "key", ["home_id", "mould_risk_level", "street_name1", "minValue", "co2_level", "sound", "battery", "max"]
)
def test_field_names_are_shown(key):
    assert SHOWN(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "alex",
        "anna_berg",
        "Name",
        "NAME",
        "home_12",
        "sensor_64aa",
        "64aa0000000000000000b001",
        "alex@example.com",
        "00:1a:2b:3c:4d:5e",
        "Storgatan 1",
        "https://example.com",
        "2026-06-01T10:00:00.000Z",
        "guest_room",
        "home\n",
        "hème",
    ],
)
def test_keys_that_may_be_data_are_hidden(key):
    assert not SHOWN(key)
