"""What the sandbox does, and how it is known. ``--help`` and the documentation have this list."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Assumption(NamedTuple):
    """A behaviour of the sandbox.

    :param text: the behaviour.
    :param kind: ``documented`` by Minut, ``seen`` in a public client, or ``ours``: a guess or a choice.
    :param clients: the clients that it was seen in, with the version of the API.
    """

    text: str
    kind: Literal["documented", "seen", "ours"]
    clients: str = ""

    @property
    def mark(self) -> str:
        """How the behaviour is known, as one text."""
        return f"seen in {self.clients}" if self.clients else self.kind


def _documented(text: str) -> Assumption:
    return Assumption(text, "documented")


def _seen(clients: str, text: str) -> Assumption:
    return Assumption(text, "seen", clients)


def _ours(text: str) -> Assumption:
    return Assumption(text, "ours")


_BIGAL82 = "bigal82/my-first-app (v8)"
_WIDGET = "archie/minut-alarm-widget (v8)"
_PYPOINT = "pypoint 3.0.0 (v8)"
_HOME_ASSISTANT = "home-assistant/core (v8)"
_TESTVIA = "MHPrivate/testvia (v1)"

ASSUMPTIONS = [
    # Tokens
    _documented(
        "POST /oauth/token accepts client_credentials with Basic authentication and response_type=token, "
        "and returns a Bearer token for 3,600 s; a request with an expired one returns 401."
    ),
    _seen(
        _BIGAL82,
        "client_id and client_secret are accepted in the form too, without an Authorization header, and "
        "response_type may be missing.",
    ),
    _ours(
        "response_type may be missing with an Authorization header too; credentials in both places, and any "
        "other invalid token request, return 400 with an error code of RFC 6749, section 5.2, or 413 above "
        "64 KiB."
    ),
    _ours(
        "Rejected client credentials return 401 with WWW-Authenticate: Basic and a JSON body with error, "
        "error_description, message, status and error_key."
    ),
    _ours("An invalid, expired or revoked token returns 401 with WWW-Authenticate: Bearer and a JSON body."),
    _ours("A token lifetime that is not a whole number of seconds returns a fractional expires_in."),
    # Rate limit
    _documented(
        "5 requests per second with bursts up to 50, delayed after 20, and 120 per minute; 429 above that."
    ),
    _ours(
        "Requests are counted per client ID, in sliding windows; a delayed request waits 50 ms for each "
        "request above 20 in the same second; a 429 has no Retry-After and does not count towards the "
        "limit; token requests and requests without a valid token do not count either."
    ),
    # Lists and errors
    _documented(
        "GET /homes has limit; GET /homes/{id}/events has limit and offset, and returns paging with "
        "total_count, limit and offset."
    ),
    _ours("limit is 30 by default and at most 100; GET /homes has offset and paging."),
    _seen(_PYPOINT, "GET /devices returns all devices without paging."),
    _ours(
        "Above 1,000 devices, GET /devices is paginated with limit (default and maximum 1,000) and offset, "
        "except in sparse replies."
    ),
    _seen(
        "home-assistant/core, issue 91583 (v5)", "Errors have a JSON body with message, status and error_key."
    ),
    _ours("Errors for an unknown path (404) or method (405) have such a body too."),
    _ours("Endpoints below /_sandbox exist only in the sandbox and need no token."),
    # Homes
    _documented("GET /users/me returns user_id, fullname and email."),
    _seen(
        f"{_WIDGET}, {_PYPOINT}",
        "A home has home_id, name, timezone, alarm_status, alarm_mode, silent_alarm and "
        "scheduled_alarm_active.",
    ),
    _seen(
        _WIDGET,
        "In the shape seen, a home also has detailed_alarm_status, alarm_off_grace_period_secs, "
        "grace_period_expires_at, created_at, address and members.",
    ),
    _ours(
        "After the alarm is switched on, alarm_status is on at once, and detailed_alarm_status is "
        "on_grace_period for 45 s."
    ),
    _seen(_PYPOINT, "PUT /homes/{id} accepts alarm_status, and returns the updated home."),
    _seen(
        _WIDGET,
        "PATCH /homes/{id}/alarm accepts alarm_status, alarm_mode, silent_alarm and scheduled_alarm_active.",
    ),
    _ours(
        "PUT /homes/{id} also accepts name; alarm_status is on or off; PATCH /homes/{id}/alarm returns the "
        "fields of the alarm."
    ),
    _ours("PUT and PATCH reject unknown fields and take effect immediately."),
    # Devices
    _documented("A device has device_id, latest_sensor_values and next_heartbeat_at."),
    _seen(
        f"{_HOME_ASSISTANT}, {_PYPOINT}",
        "A device also has description (its name), home, active, offline, last_heard_from_at and "
        "battery.percent.",
    ),
    _seen(_BIGAL82, "In the shape seen, the reactions of a device are under configuration."),
    _ours("In the shape seen, quiet_hours is under configuration too, as in the reference of v1."),
    _seen(
        f"{_HOME_ASSISTANT}, {_TESTVIA}, khaledkhaled-kasa/kasalooker (unknown version)",
        "In the shape seen, a device also has device_mac, hardware_version, firmware, wlan, mount_status, "
        "charge_status, mould_risk_level, insights, ongoing_events, muted_until, first_seen_at and "
        "last_heartbeat_at.",
    ),
    _ours("The values of these fields, like mounted and not_charging."),
    _ours("In the shape documented, reactions and quiet_hours are at the top level, where PUT accepts them."),
    _seen(
        "an ASP.NET client (v5), pypoint before v8",
        "In the shape old, a device has home_id instead of home, and sound_pressure instead of sound.",
    ),
    _documented("PUT /devices/{id} accepts reactions and quiet_hours at the top level."),
    _ours(
        "PUT /devices/{id} accepts them under configuration too, where the top level overrides them, and "
        "also description; it replaces the list of reactions, and returns the updated device; "
        "duration_seconds is optional; the types of reactions are sound_level_high, "
        "sound_level_high_quiet_hours, and high and low of temperature and humidity."
    ),
    # Check-ins
    _documented("Devices check in about once per hour, and may upload late."),
    _ours(
        "A late event becomes visible 1 to 4 hours after its time; the data of a missed check-in arrives "
        "with the next check-in; next_heartbeat_at is the next hourly check-in, for silent devices too."
    ),
    _ours(
        "A device that was offline has measured meanwhile, unless configured otherwise; it uploads that at "
        "its first check-in, or a part at each check-in, oldest first, newest first, or in mixed order, hour "
        "by hour; its latest values are the newest that it has uploaded; events are not affected."
    ),
    _ours(
        "A device that has been silent for three days is offline, and so is one that has missed check-ins "
        "in an offline period, until it checks in."
    ),
    _ours("There are no events and no readings before 2020."),
    # Histories
    _documented(
        "GET /devices/{id}/sound_level has start_at, end_at, time_resolution, null_fill and include_min_max."
    ),
    _seen(
        f"{_BIGAL82}, novocast/minut-php-sdk (v7)",
        "The values of sound_level, temperature and humidity are objects with datetime and value, oldest "
        "first.",
    ),
    _seen(
        f"{_BIGAL82}, {_TESTVIA}",
        "In the shape seen, the values of motion_events are pairs of whole seconds since the epoch and "
        "counts, with a pair for each bucket.",
    ),
    _seen(
        "erikman/minut2influx (v1)",
        "In the shape old, the values of every history are pairs, with times as text or as whole seconds.",
    ),
    _ours("Pairs have no minimum and maximum."),
    _ours(
        "sound_level is in dB(A), temperature in celsius, humidity in % rH, pressure in hPa, battery in V; "
        "a history is that of the last 24 hours by default, and of at most 31 days."
    ),
    _ours(
        "Buckets start at multiples of time_resolution (60 to 86,400 s, default 420) since the epoch; the "
        "value is the mean of one measurement per minute, as far as the device has uploaded them (of "
        "motion_events, the sum); with null_fill, a bucket without measurements has the value null; minimum "
        "and maximum are named min and max."
    ),
    # Events
    _documented(
        "GET /homes/{id}/events returns home_events with event_id, event_type, event_time and home_id; "
        "event_type is validated against the types of home events, whose names differ from those of user "
        "events."
    ),
    _ours(
        "Home events are returned newest first, from the last 7 days unless start_at is set; start_at is "
        "inclusive, end_at is exclusive; a time without a UTC offset returns 400; there are no guests, so "
        "guest_ids matches no events; events have sensor_value, in dB(A)."
    ),
    _seen("Bechrissed/node-minut-web-api (v8)", "GET /events has limit, offset and order."),
    _seen(
        "novocast/minut-php-sdk (v7)", "GET /events returns user events in the field events, without paging."
    ),
    _ours(
        "GET /events returns the noise of the last 7 days in the first 50 homes, with its own IDs: "
        "disturbance_first_notice for noise_detected, disturbance_ended for noise_quieted."
    ),
    _ours(
        "noise_detected occurs 600 s after a noisy period starts; with many noisy periods per day, after a "
        "quarter of a period's share of the day; the reactions of the devices do not affect it."
    ),
    # Webhooks
    _documented(
        "POST /webhooks accepts url (https), events and token, and returns hook_secret only once; the "
        "wildcard must be the only event type; a delivery has a signature, and the token if the webhook has "
        "one."
    ),
    _seen(_PYPOINT, "GET /webhooks returns hooks; DELETE /webhooks/{id} deletes one."),
    _seen("pypoint (v1)", "POST /webhooks rejects an empty event type."),
    _ours(
        "POST /webhooks accepts unknown event types, unless configured otherwise; it returns 200, and "
        "DELETE 204; url may be http on loopback; there are at most 100 webhooks."
    ),
    _seen(
        f"{_HOME_ASSISTANT}, the Homey app (v5)",
        'The body of a delivery is {"hook_id": …, "event": …}.',
    ),
    _ours(
        "The token is in the body, and the HMAC in X-Minut-Signature: SHA-256 of the raw body, lowercase "
        "hex, unless configured otherwise."
    ),
    _ours(
        "A delivery without a 2xx within 5 s is retried after 1, 2, 4 … 60 s, with at most eight attempts "
        "in total."
    ),
    # Other shapes and faults
    _ours(
        "Sparse replies omit paging, empty values, and all fields except the IDs, the home's name, the "
        "device's home, and the event's type and time."
    ),
    _seen(
        f"{_PYPOINT}, {_HOME_ASSISTANT}",
        "Histories without values, devices without latest_sensor_values or battery, and homes without "
        "alarm_status.",
    ),
    _ours("How often these and the other oddities of the shape odd occur, and which of them occur together."),
    _seen("an audit of a large consumer (v8)", "Requests fail with 502 and 504."),
    _ours(
        "Only requests with a valid token can fail with a fault: a GET after it was processed, a write "
        "before; a 429 that is a fault does not count as a request."
    ),
]
