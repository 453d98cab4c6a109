"""What the sandbox assumes where Minut's public documentation is silent. ``--help`` prints this list."""

from __future__ import annotations

ASSUMPTIONS = """\
Rejected client credentials return 401 with WWW-Authenticate: Basic and a JSON body with error, \
error_description, message, status and error_key (documented: nothing).
An invalid, expired or revoked token returns 401 with WWW-Authenticate: Bearer and a JSON body (documented: \
the 401).
Any other invalid token request returns 400 with an error code of RFC 6749, section 5.2, or 413 above \
64 KiB; a token lifetime that is not a whole number of seconds returns a fractional expires_in (documented: \
nothing).
client_id and client_secret are accepted in the form too, without an Authorization header, and response_type \
may be missing (seen in a client; documented: Basic authentication and response_type=token).
Requests are counted per client ID, in sliding windows (documented: 5 per second with bursts up to 50, \
delayed after 20, and 120 per minute; not documented: what they are counted per).
A delayed request waits 50 ms for each request above 20 in the same second (documented: that it is delayed).
A request rejected by the rate limit returns 429 without Retry-After and does not count towards the limit; \
token requests and requests without a valid token do not count either.
GET /homes and both lists of events are paginated with limit (default 30, maximum 100) and offset; \
GET /devices is paginated only above 1,000 devices, with limit (default and maximum 1,000) and offset, and \
never with sparse responses.
Errors have a JSON body with message, status and error_key, including those for an unknown path (404) or \
method (405) (documented: that there are messages).
Endpoints below /_sandbox exist only in the sandbox and need no token.
Users, homes and devices have only the fields that are documented or seen in public clients; home events \
also have sensor_value, in dB(A).
Home events are returned newest first, from the last 7 days unless start_at is set; start_at is inclusive, \
end_at is exclusive; an unknown event_type or a time without a UTC offset returns 400; there are no guests, \
so guest_ids matches no events (documented: the parameter names, the response, and that event types are \
validated).
There are no events and no readings before 2020.
A late event becomes visible 1 to 4 hours after its time; the data of a missed check-in arrives with the \
next check-in; next_heartbeat_at is the next hourly check-in, for silent devices too (documented: that \
devices upload late).
A device that has been silent for three days is offline.
noise_detected occurs 600 s after a noisy period starts; with many noisy periods per day, after a quarter \
of a period's share of the day; the reactions of the devices do not affect it.
GET /events returns the noise of the last 7 days in the first 50 homes, with its own event names and IDs, \
and without a paging object (documented: that the names differ).
PUT /homes/{id}, PATCH /homes/{id}/alarm and PUT /devices/{id} reject unknown fields, take effect \
immediately, and return the updated object; only detailed_alarm_status shows a grace period (documented: the \
fields of a device).
PUT /devices/{id} replaces the list of reactions; duration_seconds of a reaction is optional; reactions and \
quiet_hours are accepted at the top level and under configuration (documented: at the top level).
Sensor history: sound_level in dB(A), temperature in celsius, humidity in % rH, pressure in hPa, battery \
in V, motion_events as a count; the last 24 hours by default, at most 31 days (documented: the parameters).
Its buckets start at multiples of time_resolution (60 to 86,400 s, default 420) since the epoch; the value \
is the mean of one measurement per minute, as far as the device has uploaded them (of motion_events, the \
sum); with null_fill, a bucket without measurements has the value null; minimum and maximum are named min \
and max (documented: the parameter names).
POST /webhooks returns 200; url is https, or http on loopback; events is a list of event types, or the \
wildcard; there are at most 100 webhooks (documented: https, the wildcard).
POST /webhooks accepts unknown event types, unless configured otherwise, and rejects an empty one (seen in a \
client: that an empty one is rejected).
A delivery is {"hook_id": …, "event": …}, with the token if the webhook has one, and has its HMAC in \
X-Minut-Signature: SHA-256 of the raw body, lowercase hex, unless configured otherwise (documented: that \
there is a signature and a token). Without a 2xx within 5 s it is retried after 1, 2, 4 … 60 s, with at most \
eight attempts in total.
Sparse responses omit paging, empty values, and all fields except the IDs, the home's name, the device's \
home, and the event's type and time.
Only requests with a valid token can fail with a fault: a GET after it was processed, a write before; a 429 \
that is a fault does not count as a request.
""".splitlines()
