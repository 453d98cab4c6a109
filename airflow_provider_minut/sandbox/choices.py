"""What the sandbox decides because Minut's public documentation does not. One list, shown by ``--help``."""

from __future__ import annotations

SANDBOX_CHOICES = """\
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
GET /homes pages with limit (30, at most 100) and offset; GET /devices does not page.
Errors have a JSON body with message, status and error_key, those for an unknown path (404) or method \
(405) too (documented: that there are messages).
/_sandbox/stats and /_sandbox/revoke are the sandbox's own and need no token.
Users, homes and devices have the fields that are documented or seen in public clients, no others.
""".splitlines()
