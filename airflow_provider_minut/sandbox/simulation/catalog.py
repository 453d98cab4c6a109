"""The user of the sandbox, and the event types that it knows."""

from __future__ import annotations

from typing import Any

USER: dict[str, Any] = {
    "user_id": "64aa0000000000000000a001",
    "fullname": "Alex Sandbox",
    "email": "alex@sandbox.example",
}

# Known from public clients; the list is not complete.
USER_EVENT_NAMES = frozenset(
    {
        "alarm_grace_period_expired",
        "alarm_heard",
        "alarm_silenced",
        "avg_sound_high",
        "battery_charging_complete",
        "battery_empty",
        "battery_low",
        "device_offline",
        "device_online",
        "disturbance_dismissed",
        "disturbance_ended",
        "disturbance_first_notice",
        "disturbance_second_notice",
        "disturbance_snoozed",
        "disturbance_third_notice",
        "glassbreak",
        "humidity_dropped_normal",
        "humidity_high",
        "humidity_low",
        "humidity_risen_normal",
        "pir_motion",
        "short_button_press",
        "smoke_detected",
        "smoking_detection_smoking_detected",
        "sound_level_dropped_normal",
        "sound_level_high_despite_warning",
        "sound_level_high_quiet_hours",
        "tamper",
        "tamper_mounted",
        "tamper_removed",
        "temperature_dropped_normal",
        "temperature_high",
        "temperature_low",
        "temperature_risen_normal",
    }
)
