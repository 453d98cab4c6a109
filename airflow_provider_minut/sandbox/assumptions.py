"""What the sandbox decides because Minut's public documentation does not. One list, shown by ``--help``."""

from __future__ import annotations

ASSUMPTIONS = """\
A refused client gets 401 with WWW-Authenticate: Basic and a JSON body with error, error_description, \
message, status and error_key (documented: nothing).
A bad, expired or revoked token gets 401 with WWW-Authenticate: Bearer and a JSON body (documented: the 401).
Any other token request gets 400 with an error of RFC 6749, 5.2, or 413 above 64 KiB; a lifetime that is \
no whole number of seconds gives an expires_in with a fraction (documented: nothing).
response_type=token is mandatory in the token request (documented: it is in the example).
Requests are counted per client id, in sliding windows (documented: 5 a second with bursts to 50, delayed \
after 20; 120 a minute; not whose).
A delayed request waits 50 ms for each request over 20 in its second (documented: that it is delayed).
A refused request gets 429 without Retry-After and does not count; token requests and requests without \
a valid token do not count.
GET /homes and the events page with limit (30, at most 100) and offset; GET /devices pages above 1,000 \
devices only, with limit (1,000, which is also the most) and offset, and not in sparse mode.
Errors have a JSON body with message, status and error_key, those for an unknown path (404) or method \
(405) too (documented: that there are messages).
/_sandbox/stats and /_sandbox/revoke are the sandbox's own and need no token.
Users, homes and devices have the fields that are documented or seen in public clients, no others; home \
events also have sensor_value, in dB(A).
Home events come newest first, of the last 7 days unless start_at says otherwise; start_at is included, \
end_at is not; an unknown event_type or a time without an offset gets 400; there are no guests, so any \
guest_ids match nothing (documented: the names of the parameters, the answer, that event types are \
checked).
Nothing happened and nothing was measured before 2020.
A late event is visible 1 to 4 hours after its time; a missed check-in comes with the next one; \
next_heartbeat_at is the next hourly one, for silent devices too (documented: that devices upload late).
A device that has been silent for three days is offline.
noise_detected follows 600 s after the noise began, or after a quarter of a slot of many in a day, \
whatever the reactions of the devices are.
GET /events has the noise of the last 7 days in the first 50 homes, with names and ids of its own, and no \
paging (documented: that its names are others).
PUT /homes/{id}, PATCH /homes/{id}/alarm and PUT /devices/{id} refuse unknown fields, take effect at once, \
and answer with the object as it is now; arming has no grace period (documented: fields of the device).
PUT /devices/{id} replaces the list of reactions; a reaction without duration_seconds is valid; \
configuration shows reactions and quiet_hours again (documented: neither).
Sensor history: sound_level in dB(A), temperature in celsius, humidity in % rH, pressure in hPa, battery \
in V, motion_events counted; of the last 24 hours, at most 31 days (documented: the parameters).
Its buckets start at multiples of time_resolution (60 to 86,400 s, 420 unless asked for) since the epoch; \
the value is the mean of one measurement a minute as far as it is known, with null_fill null where there \
is none, and the least and the greatest are called min and max (documented: the names of the parameters).
POST /webhooks answers 200; url is https, or http on loopback; events are the names known from public \
clients, at least one; there are at most 100 webhooks (documented: https, the wildcard).
A delivery is {"hook_id": …, "event": …}, with the token if there is one, and has its HMAC in \
X-Minut-Signature: SHA-256 of the raw body, lowercase hex, unless told otherwise (documented: that there is \
a signature and a token). Without a 2xx within 5 s it is sent again after 1, 2, 4 … 60 s, eight times in all.
Sparse answers leave out paging, values if there are none, and all fields but the ids, the home's name, \
the device's home and the event's type and time.
A fault strikes a request with a valid token, after a GET and before a write was carried out; its 429 does \
not count as a request.
""".splitlines()
