"""What the sandbox decides because Minut's public documentation does not. One list, shown by ``--help``."""

from __future__ import annotations

SANDBOX_CHOICES = """\
A refused client gets 401 with WWW-Authenticate: Basic and a JSON body with error, error_description, \
message, status and error_key (documented: nothing).
A bad, expired or revoked token gets 401 with WWW-Authenticate: Bearer and a JSON body (documented: the 401).
response_type=token is mandatory in the token request (documented: it is in the example).
Requests are counted per client id, in sliding windows (documented: 5 a second with bursts to 50, delayed \
after 20; 120 a minute; not whose).
A delayed request waits 50 ms for each request over 20 in its second (documented: that it is delayed).
A refused request gets 429 without Retry-After and does not count; token requests do not count.
GET /homes pages with limit (at most 100) and offset; GET /devices does not page.
Users, homes and devices have the fields that are documented or seen in public clients, no others.
""".splitlines()
