"""Answers that are not what they say: lengths, chunks, compression, JSON."""

from __future__ import annotations

import functools
import gzip
import zlib

from airflow_provider_minut.api.resources import base
from tests.integration.faults.fault import Fault, post, put, token, who
from tests.integration.faults.server import OK, Do, Repeat, reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NO_JSON = "that are not JSON"
LARGE = "was answered with more than 32 MiB. Request less data at a time"
# The work is the client's, and a loaded machine may take its time for it.
PATIENT = {"timeout": 30.0}
CUT = "the connection ended in the middle of it"


@functools.cache
def bomb(rounds=1):
    """64 MiB of blanks, compressed."""
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
    """Make them before time and memory are measured."""
    bomb(), bomb(2), deflated_bomb()


def lazy(make):
    """Return an answer that is made when it is needed."""
    return lambda _number: make()


def json_of(body, **kwargs):
    """Return a row's fields for an answer that is fine except for what is in it."""
    return {"api": (reply(body, **kwargs),)}


def homes(bench):
    return [home["home_id"] for home in bench.client.iter_homes()]


def pages_of(size):
    return lambda bench: bench.monkeypatch.setattr(base, "PAGE_SIZE", size)


def page(*ids, total=None):
    listed = ", ".join(f'{{"home_id": "{i}"}}' for i in ids)
    paging = "" if total is None else f', "paging": {{"total_count": {total}}}'
    return reply(f'{{"homes": [{listed}]{paging}}}')


def broken(what, body, says=NO_JSON, **fields):
    """A body that a GET gets once, and that no second try would mend."""
    return Fault(what=what, api=(reply(body, **fields),), error="MinutResponseError", says=says)


FAULTS = [
    Fault(what="Content-Length is longer than the body; a GET", api=((HEAD + b'Content-Length: 99\r\n\r\n{"ok": true}', Do.CLOSE), OK), sent=2),
    Fault(what="Content-Length is longer than the body; a POST", call=post, api=((HEAD + b'Content-Length: 99\r\n\r\n{"ok": true}', Do.CLOSE), OK),
          error="MinutConnectionError", says="It may have been carried out", never="the POST is carried out twice"),
    Fault(what="Content-Length is always longer than the body", api=((HEAD + b"Content-Length: 99\r\n\r\n{", Do.CLOSE),),
          error="MinutConnectionError", says=CUT, sent=3),
    Fault(what="Content-Length is shorter than the body", api=((HEAD + b'Content-Length: 6\r\n\r\n{"ok": true}', Do.CLOSE), OK), sent=2,
          never="the rest is taken for the next answer"),
    Fault(what="Content-Length is no number", api=((HEAD + b'Content-Length: many\r\n\r\n{"ok": true}', Do.CLOSE),)),
    Fault(what="Content-Length is negative", api=((HEAD + b'Content-Length: -5\r\n\r\n{"ok": true}', Do.CLOSE),)),
    Fault(what="Two Content-Lengths that differ", api=((HEAD + b'Content-Length: 12\r\nContent-Length: 3\r\n\r\n{"ok": true}', Do.CLOSE),),
          error="MinutConnectionError", says="GET /homes got no answer", sent=3),
    Fault(what="The body has no length and is cut", api=((HEAD + b'\r\n{"ok": tr', Do.CLOSE), OK), sent=2),
    Fault(what="The body of a POST's answer has no length and is cut", call=post, api=((HEAD + b'\r\n{"ok": tr', Do.CLOSE), OK),
          error="MinutResponseError", says="POST /webhooks answered 200", never="the POST is carried out twice"),
    Fault(what="A chunk's length is no number", api=((CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", Do.CLOSE), OK), sent=2),
    Fault(what="The connection is closed in the middle of a chunk", api=((CHUNKED + b'c\r\n{"ok"', Do.CLOSE), OK), sent=2),
    Fault(what="The last chunk never comes", api=((CHUNKED + b'c\r\n{"ok": true}\r\n', Do.CLOSE), OK), sent=2),
    Fault(what="Chunked and Content-Length at once", api=((HEAD + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"ok": true}\r\n0\r\n\r\n', Do.CLOSE),)),
    Fault(what="A body without end, as fast as it goes", api=((HEAD + b"\r\n", Repeat(b" " * 65536)),), error="MinutResponseError",
          says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A chunked body without end", api=((CHUNKED, Repeat(b"10000\r\n" + b" " * 65536 + b"\r\n")),), error="MinutResponseError",
          says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A gzip bomb: 64 KB that are 64 MiB", api=(lazy(lambda: reply(bomb(), Content_Encoding="gzip")),),
          error="MinutResponseError", says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A gzip bomb in a gzip bomb", api=(lazy(lambda: reply(bomb(2), Content_Encoding="gzip, gzip")),),
          error="MinutResponseError", says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A deflate bomb", api=(lazy(lambda: reply(deflated_bomb(), Content_Encoding="deflate")),),
          error="MinutResponseError", says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A gzip bomb with an error status", api=(lazy(lambda: reply(bomb(), "500 Oops", Content_Encoding="gzip")),),
          error="MinutResponseError", says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A gzip bomb with a redirect", api=(lazy(lambda: reply(bomb(), "302 Found", Content_Encoding="gzip", Location="/x")),),
          error="MinutResponseError", says=LARGE, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="A gzip bomb from the token endpoint", call=token, token=(lazy(lambda: reply(bomb(), Content_Encoding="gzip")),),
          error="MinutResponseError", says=LARGE, sent=0, mebibytes=100, seconds=60, settings=PATIENT, prepare=make_bombs),
    Fault(what="It is called gzip and is not", api=(reply(b"no gzip", Content_Encoding="gzip"),), error="MinutConnectionError",
          says="its compression is broken. Gave up after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=3),
    Fault(what="The gzip is cut", api=((*reply(gzip.compress(b'{"ok": true}' + b" " * 9999)[:-30], Content_Encoding="gzip", Content_Length=None), Do.CLOSE), OK),
          sent=2),
    Fault(what="The gzip is cut, and the call was a POST", call=post, error="MinutConnectionError", says="It may have been carried out",
          api=((*reply(gzip.compress(b'{"ok": true}' + b" " * 9999)[:-30], Content_Encoding="gzip", Content_Length=None), Do.CLOSE), OK)),
    Fault(what="Six layers of compression are announced", api=(reply(b"x", Content_Encoding=", ".join(["gzip"] * 6)),),
          error="MinutConnectionError", says="its compression is broken", sent=3),
    broken("A compression that nobody asked for", b"\x28\xb5\x2f\xfd", Content_Encoding="x-new"),
    broken("HTML with status 200", "<html><title>Welcome</title></html>", "titled 'Welcome'. Check the API base URL, and whether a login page or a proxy responds instead of Minut.", Content_Type="text/html"),
    Fault(what="JSON that is called text/html", **json_of('{"ok": true}', Content_Type="text/html")),
    Fault(what="JSON without a content type", **json_of('{"ok": true}', Content_Type=None)),
    Fault(what="An empty answer", call=put, **json_of(""), value=None),
    Fault(what="An empty answer where a user was asked for", call=who, **json_of(""), error="MinutResponseError",
          says="GET /users/me answered without a user_id. Check the API base URL, and whether a login page or a proxy responds instead of Minut."),
    Fault(what="204 No Content", call=put, api=((b"HTTP/1.1 204 No Content\r\n\r\n",),), value=None),
    Fault(what="A list where an object was asked for", call=who, **json_of("[1]"), error="MinutResponseError", says="without a user_id"),
    Fault(what="A number where an object was asked for", call=who, **json_of("5"), error="MinutResponseError", says="without a user_id"),
    Fault(what="An id that is a number", call=who, **json_of('{"user_id": 5}'), error="MinutResponseError", says="without a user_id"),
    Fault(what="JSON 100,000 levels deep", **json_of("[" * 100_000 + "]" * 100_000), error="MinutResponseError", says=NO_JSON, sent=3),
    broken("A number with 5,000 digits", "9" * 5000),
    broken("JSON in Latin-1", '"\xe4"'.encode("latin-1")),
    broken("JSON in UTF-16", '"text"'.encode("utf-16")),
    Fault(what="JSON in UTF-8 with a byte order mark", **json_of(b'\xef\xbb\xbf{"ok": true}')),
    Fault(what="JSON and then something else", **json_of('{"ok": true} and more'), error="MinutResponseError", says=NO_JSON, sent=3),
    Fault(what="Duplicate keys: the last one counts", **json_of('{"ok": false, "ok": true}')),
    Fault(what="Half a surrogate pair", **json_of('{"name": "\\ud800"}'), value={"name": "\ud800"}),
    Fault(what="A list of homes that is missing", call=homes, **json_of('{"ok": true}'), error="MinutResponseError",
          says="GET /homes answered without a list of homes"),
    Fault(what="A list of homes that is an object", call=homes, **json_of('{"homes": {}}'), error="MinutResponseError",
          says="GET /homes answered without a list of homes"),
    Fault(what="A list of homes that holds null", call=homes, **json_of('{"homes": [null]}'), error="MinutResponseError",
          says="GET /homes answered without a list of homes"),
    Fault(what="The same page comes for ever", call=homes, prepare=pages_of(2), api=(page("a", "b"),), value=["a", "b"],
          warns="changed each of the 5 times it was read", sent=15),
    Fault(what="A list says that it is longer than it is", call=homes, api=(page("a", total=3),), value=["a"],
          warns="should have 3 items; 1 were found", sent=9),
    Fault(what="A list's total is negative", call=homes, prepare=pages_of(2), api=(page("a", total=-1), page()), value=["a"], sent=2),
    Fault(what="A page of a list is lost on its way", call=homes, prepare=pages_of(1),
          api=(page("a", total=2), (Do.RESET,), page("b", total=2)), value=["a", "b"], sent=3, never="a home is lost or comes twice"),
    Fault(what="The page size is refused", call=homes, api=(reply("{}", "400 Bad"), page("a", total=1)), value=["a"],
          warns="Minut rejected pages of 100 items; using pages of 30", sent=2),
]  # fmt: skip
