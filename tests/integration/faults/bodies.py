"""Invalid response bodies: lengths, chunks, compression, JSON."""

from __future__ import annotations

import functools
import gzip
import zlib

from airflow_provider_minut.api.resources import base
from tests.integration.faults.fault import Fault, get_user, post, put, token
from tests.integration.faults.server import OK, Do, Repeat, reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NO_JSON = "that are not JSON"
LARGE = "returned more than 32 MiB. Request less data at a time"
# The client does the work, which may take long on a loaded machine.
PATIENT = {"timeout": 30.0}
CUT = "the connection was closed before the end of the response"


@functools.cache
def bomb(rounds=1):
    """64 MiB of spaces, compressed."""
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packed.compress(b" " * 2**20) for _ in range(64)) + packed.flush()
    for _ in range(rounds - 1):
        data = gzip.compress(data)
    return data


@functools.cache
def deflated_bomb():
    packed = zlib.compressobj()
    return b"".join(packed.compress(b" " * 2**20) for _ in range(64)) + packed.flush()


def make_bombs(_bench):
    """Create them before time and memory are measured."""
    bomb(), bomb(2), deflated_bomb()


def lazy(make):
    """Return a response that is created on request."""
    return lambda _number: make()


def json_of(body, **kwargs):
    """Return a row's fields for a response that is valid except for its body."""
    return {"api": (reply(body, **kwargs),)}


def homes(bench):
    return [home["home_id"] for home in bench.client.iter_homes()]


def pages_of(size):
    return lambda bench: bench.monkeypatch.setattr(base, "PAGE_SIZE", size)


def page(*ids, total=None):
    listed = ", ".join(f'{{"home_id": "{i}"}}' for i in ids)
    paging = "" if total is None else f', "paging": {{"total_count": {total}}}'
    return reply(f'{{"homes": [{listed}]{paging}}}')


def invalid_body(name, body, message=NO_JSON, **fields):
    """An invalid body that is not retried."""
    return Fault(name=name, api=(reply(body, **fields),), error="MinutResponseError", message=message)


FAULTS = [
    Fault(name="Content-Length is longer than the body; a GET", api=((HEAD + b'Content-Length: 99\r\n\r\n{"ok": true}', Do.CLOSE), OK), sent=2),
    Fault(name="Content-Length is longer than the body; a POST", call=post, api=((HEAD + b'Content-Length: 99\r\n\r\n{"ok": true}', Do.CLOSE), OK),
          error="MinutConnectionError", message="The request may still have been processed", never="the POST is processed twice"),
    Fault(name="Content-Length is always longer than the body", api=((HEAD + b"Content-Length: 99\r\n\r\n{", Do.CLOSE),),
          error="MinutConnectionError", message=CUT, sent=3),
    Fault(name="Content-Length is shorter than the body", api=((HEAD + b'Content-Length: 6\r\n\r\n{"ok": true}', Do.CLOSE), OK), sent=2,
          never="the rest is treated as the next response"),
    Fault(name="Content-Length is not a number", api=((HEAD + b'Content-Length: many\r\n\r\n{"ok": true}', Do.CLOSE),)),
    Fault(name="Content-Length is negative", api=((HEAD + b'Content-Length: -5\r\n\r\n{"ok": true}', Do.CLOSE),)),
    Fault(name="Two different Content-Lengths", api=((HEAD + b'Content-Length: 12\r\nContent-Length: 3\r\n\r\n{"ok": true}', Do.CLOSE),),
          error="MinutConnectionError", message="GET /homes got no response", sent=3),
    Fault(name="A truncated body without Content-Length", api=((HEAD + b'\r\n{"ok": tr', Do.CLOSE), OK), sent=2),
    Fault(name="A truncated body without Content-Length; a POST", call=post, api=((HEAD + b'\r\n{"ok": tr', Do.CLOSE), OK),
          error="MinutResponseError", message="POST /webhooks returned 200", never="the POST is processed twice"),
    Fault(name="The length of a chunk is not a number", api=((CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", Do.CLOSE), OK), sent=2),
    Fault(name="The connection is closed within a chunk", api=((CHUNKED + b'c\r\n{"ok"', Do.CLOSE), OK), sent=2),
    Fault(name="The last chunk is missing", api=((CHUNKED + b'c\r\n{"ok": true}\r\n', Do.CLOSE), OK), sent=2),
    Fault(name="Both Transfer-Encoding: chunked and Content-Length", api=((HEAD + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"ok": true}\r\n0\r\n\r\n', Do.CLOSE),)),
    Fault(name="An endless body at full speed", api=((HEAD + b"\r\n", Repeat(b" " * 65536)),), error="MinutResponseError",
          message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="An endless chunked body", api=((CHUNKED, Repeat(b"10000\r\n" + b" " * 65536 + b"\r\n")),), error="MinutResponseError",
          message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A gzip bomb: 64 KB that decompress to 64 MiB", api=(lazy(lambda: reply(bomb(), Content_Encoding="gzip")),),
          error="MinutResponseError", message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A nested gzip bomb", api=(lazy(lambda: reply(bomb(2), Content_Encoding="gzip, gzip")),),
          error="MinutResponseError", message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A deflate bomb", api=(lazy(lambda: reply(deflated_bomb(), Content_Encoding="deflate")),),
          error="MinutResponseError", message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A gzip bomb with an error status", api=(lazy(lambda: reply(bomb(), "500 Oops", Content_Encoding="gzip")),),
          error="MinutResponseError", message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A gzip bomb with a redirect", api=(lazy(lambda: reply(bomb(), "302 Found", Content_Encoding="gzip", Location="/x")),),
          error="MinutResponseError", message=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="A gzip bomb from the token endpoint", call=token, token=(lazy(lambda: reply(bomb(), Content_Encoding="gzip")),),
          error="MinutResponseError", message=LARGE, sent=0, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(name="Content-Encoding is gzip, but the body is not", api=(reply(b"no gzip", Content_Encoding="gzip"),), error="MinutConnectionError",
          message="the response has invalid compression. Failed after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=3),
    Fault(name="A truncated gzip body; a GET", api=((*reply(gzip.compress(b'{"ok": true}' + b" " * 9999)[:-30], Content_Encoding="gzip", Content_Length=None), Do.CLOSE), OK),
          sent=2),
    Fault(name="A truncated gzip body; a POST", call=post, error="MinutConnectionError", message="The request may still have been processed",
          api=((*reply(gzip.compress(b'{"ok": true}' + b" " * 9999)[:-30], Content_Encoding="gzip", Content_Length=None), Do.CLOSE), OK)),
    Fault(name="Content-Encoding has six layers", api=(reply(b"x", Content_Encoding=", ".join(["gzip"] * 6)),),
          error="MinutConnectionError", message="the response has invalid compression", sent=3),
    invalid_body("An unknown Content-Encoding", b"\x28\xb5\x2f\xfd", Content_Encoding="x-new"),
    invalid_body("HTML with status 200", "<html><title>Welcome</title></html>", "titled 'Welcome'. Check the API base URL, and whether a login page or a proxy responds instead of Minut.", Content_Type="text/html"),
    Fault(name="JSON with the content type text/html", **json_of('{"ok": true}', Content_Type="text/html")),
    Fault(name="JSON without a content type", **json_of('{"ok": true}', Content_Type=None)),
    Fault(name="An empty body", call=put, **json_of(""), value=None),
    Fault(name="An empty body instead of a user", call=get_user, **json_of(""), error="MinutResponseError",
          message="GET /users/me returned no user_id, but \"null\". Check the API base URL, and whether a login page or a proxy responds instead of Minut."),
    Fault(name="204 No Content", call=put, api=((b"HTTP/1.1 204 No Content\r\n\r\n",),), value=None),
    Fault(name="A list instead of an object", call=get_user, **json_of("[1]"), error="MinutResponseError", message="no user_id"),
    Fault(name="A number instead of an object", call=get_user, **json_of("5"), error="MinutResponseError", message="no user_id"),
    Fault(name="An ID that is a number", call=get_user, **json_of('{"user_id": 5}'), value={"user_id": "5"}),
    Fault(name="JSON 100,000 levels deep", **json_of("[" * 100_000 + "]" * 100_000), error="MinutResponseError", message=NO_JSON, sent=3),
    invalid_body("A number with 5,000 digits", "9" * 5000),
    invalid_body("JSON in Latin-1", '"\xe4"'.encode("latin-1")),
    invalid_body("JSON in UTF-16", '"text"'.encode("utf-16")),
    Fault(name="JSON in UTF-8 with a byte order mark", **json_of(b'\xef\xbb\xbf{"ok": true}')),
    Fault(name="JSON followed by other text", **json_of('{"ok": true} and more'), error="MinutResponseError", message=NO_JSON, sent=3),
    Fault(name="Duplicate keys: the last one is used", **json_of('{"ok": false, "ok": true}')),
    Fault(name="Half a surrogate pair", **json_of('{"name": "\\ud800"}'), value={"name": "\ufffd"}),
    Fault(name="NUL in text", **json_of('{"na\\u0000me": "a\\u0000b"}'), value={"name": "ab"}),
    Fault(name="NaN, Infinity and a number that overflows", **json_of('{"a": [NaN, -Infinity, 1e999, 1.5]}'), value={"a": [None, None, None, 1.5]}),
    Fault(name="An error body with status 200", call=homes, **json_of('{"message": "Internal error", "error_key": "internal"}'),
          error="MinutResponseError", message="GET /homes returned an error with a status of success: Internal error."),
    Fault(name="A text with status 200 instead of a list", call=homes, **json_of('"ok"'), error="MinutResponseError",
          message='GET /homes returned no list of homes, but "text"'),
    Fault(name="The list of homes is missing", call=homes, **json_of('{"ok": true}'), error="MinutResponseError",
          message="GET /homes returned no list of homes"),
    Fault(name="The list of homes is an object", call=homes, **json_of('{"homes": {}}'), error="MinutResponseError",
          message="GET /homes returned no list of homes"),
    Fault(name="The list of homes contains only null", call=homes, **json_of('{"homes": [null]}'), error="MinutResponseError",
          message="GET /homes returned only items that cannot be read"),
    Fault(name="The list of homes contains null", call=homes, **json_of('{"homes": [null, {"home_id": "a"}], "paging": {"total_count": 2}}'),
          value=["a"], log='Its shape: "null"'),
    Fault(name="The API returns the same page again and again", call=homes, prepare=pages_of(2), api=(page("a", "b"),), value=["a", "b"],
          log="changed during each of 5 reads", sent=15),
    Fault(name="`total_count` is greater than the length of the list", call=homes, api=(page("a", total=3),), value=["a"],
          log="should have 3 items, but repeated reading found only 1", sent=9),
    Fault(name="`total_count` is negative", call=homes, prepare=pages_of(2), api=(page("a", total=-1), page()), value=["a"], sent=2),
    Fault(name="The connection is reset during a page of a list", call=homes, prepare=pages_of(1),
          api=(page("a", total=2), (Do.RESET,), page("b", total=2)), value=["a", "b"], sent=3, never="a home is missing or duplicated"),
    Fault(name="The API rejects the page size", call=homes, api=(reply("{}", "400 Bad"), page("a", total=1)), value=["a"],
          log="Minut rejected pages of 100 items; using pages of 30", sent=2),
]  # fmt: skip
