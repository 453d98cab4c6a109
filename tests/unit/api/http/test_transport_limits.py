"""The exact limits of a request, and what is said about a connection that fails."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from requests import exceptions
from urllib3.util import connection as urllib3_connection
from werkzeug import Response

from airflow_provider_minut.api.http.transport import MAX_BODY_BYTES
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.exceptions import (
    MinutConfigurationError,
    MinutConnectionError,
    MinutNotFoundError,
    MinutRateLimitError,
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
)
from tests.unit.api.http.servers import (
    GOOD,
    NoAuth,
    RawServer,
    get,
    longest,
    make_transport,
    ok,
    raw_transport,
    serve,
    shortest,
    status,
)


def watch_timeouts(transport, monkeypatch):
    """Return the list that the timeouts of each attempt go to."""
    seen = []
    adapter = transport._own_session().get_adapter(transport.settings.base_url)
    send = adapter.send
    monkeypatch.setattr(adapter, "send", lambda *a, **o: seen.append(o["timeout"]) or send(*a, **o))
    return seen


@pytest.mark.parametrize(
    ("timeout", "deadline", "expected"), [(30, 300, (5, 30)), (2, 300, (2, 2)), (30, 7, (5, 7)), (30, 0.5, (0.5, 0.5))]
)  # fmt: skip
def test_attempt_has_the_timeout_or_what_is_left_and_connecting_five_seconds_of_it(
    httpserver, clock, monkeypatch, timeout, deadline, expected
):
    serve(httpserver, ok())
    clock.ticks = 100.0
    settings = ClientSettings(base_url=httpserver.url_for("/v8"), timeout=timeout, deadline=deadline)
    transport = make_transport(settings, clock=clock)
    seen = watch_timeouts(transport, monkeypatch)
    get(transport)
    assert seen == [pytest.approx(expected)]


def test_later_attempts_have_only_what_is_left(httpserver, clock, monkeypatch):
    serve(httpserver, status(502), ok())
    settings = ClientSettings(base_url=httpserver.url_for("/v8"), timeout=30)
    transport = make_transport(settings, clock=clock, jitter=longest)
    seen = watch_timeouts(transport, monkeypatch)
    get(transport, deadline=6)
    assert seen == [pytest.approx((5, 6)), pytest.approx((4, 4))]


def test_deadline_and_attempts_of_a_call_replace_those_of_the_settings(httpserver, transport, clock):
    asked = serve(httpserver, status(502))
    with pytest.raises(MinutServerError) as caught:
        get(transport, max_attempts=1)
    assert len(asked) == 1
    assert "Failed after" not in str(caught.value)
    with pytest.raises(MinutServerError, match="Failed after 2 attempts"):
        get(transport, max_attempts=2)
    assert transport.request_count == 3


def test_attempt_that_would_begin_at_the_deadline_is_not_made(httpserver, clock):
    asked = serve(httpserver, status(502))
    settings = ClientSettings(base_url=httpserver.url_for("/v8"))
    with pytest.raises(MinutServerError):
        get(make_transport(settings, clock=clock, jitter=longest), deadline=6)
    assert len(asked) == 2  # after 2 s, but not after 2 + 4


@pytest.mark.parametrize(("seconds", "tries"), [("60", 2), ("61", 1)])
def test_retry_after_of_a_minute_is_sat_out_and_more_is_not(httpserver, transport, clock, seconds, tries):
    asked = serve(httpserver, status(429, Retry_After=seconds), ok())
    if tries == 1:
        with pytest.raises(MinutRateLimitError):
            get(transport)
        assert transport._rate_limiter.status().paused == 61
    else:
        get(transport)
        assert clock.slept == [60]
    assert len(asked) == tries


def test_429_that_does_not_say_how_long_pauses_no_request_in_the_end(httpserver, transport):
    serve(httpserver, status(429))
    with pytest.raises(MinutRateLimitError):
        get(transport, max_attempts=1)
    assert transport._rate_limiter.status().paused == 0


@pytest.mark.parametrize(("code", "is_good"), [(199, False), (200, True), (299, True), (300, False)])
def test_success_is_2xx(clock, code, is_good):
    with RawServer(GOOD.replace(b"200 OK", f"{code} X".encode())) as server:
        transport = raw_transport(server, clock, max_attempts=1)
        if is_good:
            assert get(transport) == {"a": 1}
        else:
            with pytest.raises(MinutResponseError):
                get(transport)


def test_pauses_begin_with_none_at_all(httpserver, clock):
    serve(httpserver, status(502), ok())
    get(make_transport(ClientSettings(base_url=httpserver.url_for("/v8")), clock=clock, jitter=shortest))
    assert clock.slept == [0]


@pytest.mark.parametrize(("more", "is_good"), [(0, True), (1, False)])
def test_body_of_exactly_the_limit_is_read(httpserver, transport, more, is_good):
    assert MAX_BODY_BYTES == 32 * 2**20
    serve(httpserver, ok(b"1" + b" " * (MAX_BODY_BYTES - 1 + more)))
    if is_good:
        assert get(transport) == 1
    else:
        with pytest.raises(MinutResponseError, match="more than 32 MiB. Request less data at a time"):
            get(transport)


@pytest.mark.parametrize(("body", "tries"), [(" \n{", 2), ("[1", 2), ("x", 1), ('"x', 1)])
def test_only_json_that_begins_well_is_asked_for_again(httpserver, transport, body, tries):
    asked = serve(httpserver, ok(body), ok())
    if tries == 1:
        with pytest.raises(MinutResponseError):
            get(transport)
    else:
        assert get(transport) == {"ok": True}
    assert len(asked) == tries


def test_post_whose_answer_was_cut_is_not_repeated(httpserver, transport):
    asked = serve(httpserver, ok("{"), ok())
    with pytest.raises(MinutResponseError):
        get(transport, method="POST")
    assert len(asked) == 1


def test_post_that_says_it_is_repeatable_is_repeated_and_raises_no_doubt(clock):
    with RawServer(b"", b"") as server:
        transport = raw_transport(server, clock, max_attempts=2)
        with pytest.raises(MinutConnectionError) as caught:
            get(transport, method="POST", repeatable=True)
        assert server.connections == 2
    assert "have been processed" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_server_without_tls_is_a_tls_error_and_not_asked_again(clock, method):
    with RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n", GOOD) as server:
        settings = ClientSettings(base_url=server.base_url.replace("http:", "https:"), timeout=5.0)
        with pytest.raises(MinutConnectionError, match="TLS failed .*; see the setting 'verify'") as caught:
            get(make_transport(settings, clock=clock), method=method)
        assert server.connections == 1
    assert "have been processed" not in str(caught.value)
    assert clock.slept == []


def test_host_that_has_no_address_is_named_as_such(clock, monkeypatch):
    def unknown(*_args):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    settings = ClientSettings(base_url="https://minut.example/v8", proxies={}, max_attempts=2)
    with pytest.raises(MinutConnectionError, match="the host name could not be resolved. .*Failed after 2"):
        get(make_transport(settings, clock=clock), method="POST")


def test_no_connection_in_time_is_repeated_also_for_a_post(clock, monkeypatch):
    def silent(*_args, **_kwargs):
        raise TimeoutError

    monkeypatch.setattr(urllib3_connection, "create_connection", silent)
    settings = ClientSettings(base_url="http://127.0.0.1:9/v8", max_attempts=2)
    with pytest.raises(MinutConnectionError, match="no connection within 5 s. .*Failed after 2 attempts"):
        get(make_transport(settings, clock=clock), method="POST")


def test_broken_compression_is_named(clock):
    broken = GOOD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    with (
        RawServer(broken) as server,
        pytest.raises(MinutConnectionError, match="the response has invalid compression"),
    ):
        get(raw_transport(server, clock, max_attempts=1))


@pytest.mark.parametrize(
    ("error", "said"),
    [(exceptions.ConnectionError(ConnectionResetError(104, "Connection reset by peer")), "connection reset by peer"),
     (exceptions.ConnectionError("x"), "the server closed the connection"),
     (OSError(113, "No route to host"), "no route to host")],
)  # fmt: skip
def test_system_says_what_happened_in_its_own_words(httpserver, transport, monkeypatch, error, said):
    def fail(*_args, **_kwargs):
        raise error

    adapter = transport._own_session().get_adapter(transport.settings.base_url)
    monkeypatch.setattr(adapter, "send", fail)
    with pytest.raises(MinutConnectionError, match=f"got no response from http://.*: {said}\\."):
        get(transport, max_attempts=1)


def test_delete_is_done_only_if_an_earlier_attempt_may_have_done_it(httpserver, transport):
    serve(httpserver, status(503), status(404), path="/v8/a")
    assert get(transport, "/a", method="DELETE") is None
    serve(httpserver, status(503), status(404), path="/v8/b")
    with pytest.raises(MinutNotFoundError):
        get(transport, "/b", method="PUT")


def test_rejected_credentials_are_replaced_as_long_as_the_auth_object_allows(httpserver, transport):
    class Stubborn(NoAuth):
        replays = 2

        def rejected(self):
            self.replays -= 1
            return self.replays >= 0

    asked = serve(httpserver, status(401), status(401), ok())
    assert get(transport, auth=Stubborn()) == {"ok": True}
    assert len(asked) == 3


@pytest.mark.parametrize("path", ["/a.b", "/a..b", "/...", "/a/.b/c", "/%2eb"])
def test_dots_inside_a_name_are_no_dot_segments(httpserver, transport, path):
    httpserver.expect_request(f"/v8{path.replace('%2e', '.')}").respond_with_data("{}")
    assert get(transport, path) == {}


@pytest.mark.parametrize("path", ["/.", "/./a", "/a/.", "/a/%2E/b", "/a\x7fb", "/a\tb", "/a\x1fb"])
def test_dot_segments_and_control_characters_are_rejected(transport, path):
    with pytest.raises(MinutConfigurationError, match="^endpoint: must be a plain path"):
        get(transport, path)


def test_proxy_of_the_settings_is_used_even_for_loopback(httpserver, clock):
    asked = []
    httpserver.expect_request("/v8/x").respond_with_handler(lambda r: asked.append(r) or Response("{}"))
    proxy = httpserver.url_for("")
    settings = ClientSettings(base_url="http://127.0.0.1:9/v8", proxies={"http": proxy}, max_attempts=1)
    get(make_transport(settings, clock=clock))
    assert asked[0].headers["Host"] == "127.0.0.1:9"


def test_variables_of_the_environment_are_heeded_beyond_loopback(httpserver, clock, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    settings = ClientSettings(base_url="https://minut.example/v8", max_attempts=1)
    with pytest.raises(MinutConnectionError, match="the proxy is unreachable or rejected"):
        get(make_transport(settings, clock=clock))


def test_closed_transport_opens_new_connections(httpserver, transport):
    serve(httpserver, ok())
    get(transport)
    before = transport._own_session()
    closed = []
    before.close = lambda: closed.append(True)
    transport.close()
    get(transport)
    assert closed == [True]
    assert transport._own_session() is not before


@pytest.mark.parametrize("child", [-1, 2**31])
def test_session_of_the_parent_is_not_closed_by_the_child(httpserver, transport, monkeypatch, child):
    serve(httpserver, ok())
    get(transport)
    transport._session.close = pytest.fail
    monkeypatch.setattr(os, "getpid", lambda: child)
    transport.close()
    assert transport._session is None


def test_32_threads_keep_their_connections(httpserver, transport):
    together = threading.Barrier(32)
    ports = set()

    def handler(request):
        ports.add(request.environ["REMOTE_PORT"])
        together.wait(10)
        return Response("{}")

    httpserver.expect_request("/v8/x").respond_with_handler(handler)
    threads = [threading.Thread(target=get, args=(transport,)) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool = transport._session.get_adapter("http://").poolmanager.connection_from_url(httpserver.url_for("/"))
    assert len(ports) == 32
    assert pool.pool.maxsize == 32


def test_request_that_was_rejected_as_it_stands_is_final(httpserver, transport):
    asked = serve(httpserver, status(422, '{"error_key": "bad_limit"}'), ok())
    with pytest.raises(MinutRequestError) as caught:
        get(transport)
    assert (len(asked), caught.value.code) == (1, "bad_limit")


def test_each_retry_is_logged_with_its_delay_and_number(httpserver, clock, caplog):
    serve(httpserver, status(502), status(502), ok())
    get(make_transport(ClientSettings(base_url=httpserver.url_for("/v8")), clock=clock, jitter=longest))
    messages = [m for m in caplog.messages if "Retrying" in m]
    assert [m.partition(" Retrying ")[2] for m in messages] == [
        "in 2.0 s (attempt 2 of 5).",
        "in 4.0 s (attempt 3 of 5).",
    ]
    assert all(m.startswith("GET /x returned 502.") for m in messages)


def test_pauses_after_a_lost_connection_begin_with_none_too(clock):
    with RawServer(b"", GOOD) as server:
        assert get(raw_transport(server, clock, jitter=shortest)) == {"a": 1}
    assert clock.slept == [0]


def self_signed(folder):
    """Write key and certificate of 127.0.0.1, self-signed; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
    pem = serialization.Encoding.PEM
    text = builder.sign(key, hashes.SHA256()).public_bytes(pem)
    text += key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "self-signed.pem").write_bytes(text)
    return folder / "self-signed.pem"


def test_certificate_that_cannot_be_verified_is_an_error_that_says_why(clock, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # the client hangs up
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=shake_hands)
        thread.start()
        settings = ClientSettings(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}/v8", timeout=5.0)
        with pytest.raises(MinutConnectionError, match=r"TLS failed \(self.signed certificate\); see the"):
            get(make_transport(settings, clock=clock))
        thread.join()


@pytest.mark.parametrize(("code", "paused"), [(429, 17), (503, 0)])
def test_all_clients_pause_while_one_waits_after_a_429(httpserver, transport, clock, code, paused):
    serve(httpserver, status(code, Retry_After="17"), ok())
    sleep, seen = clock.sleep, []
    clock.sleep = lambda seconds: seen.append(transport._rate_limiter.status().paused) or sleep(seconds)
    get(transport)
    assert seen == [pytest.approx(paused, abs=0.01)]
