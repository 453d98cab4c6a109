"""What is sent, what is retried, and which error a caller gets, against a real server."""

from __future__ import annotations

import os
import re
import socket
import threading

import pytest
from werkzeug import Response

from airflow_provider_minut.api.auth.provider import BasicAuth
from airflow_provider_minut.api.http.transport import MAX_BODY_BYTES
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutConfigurationError,
    MinutConnectionError,
    MinutError,
    MinutNotFoundError,
    MinutPermissionError,
    MinutRateLimitError,
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
)
from tests.conftest import CLIENT_SECRET
from tests.unit.api.http.servers import (
    CUT,
    GOOD,
    RawServer,
    get,
    longest,
    make_transport,
    ok,
    raw_transport,
    serve,
    status,
)


def test_query_and_json_body_arrive_as_given(httpserver, transport):
    asked = serve(httpserver, ok())
    assert get(transport, method="PUT", params={"a": ["1", "2"], "b": None}, json={"c": 3}) == {"ok": True}
    assert dict(asked[0].args) == {"a": "1,2"}
    assert asked[0].get_json() == {"c": 3}
    assert asked[0].headers["User-Agent"].startswith("airflow-provider-minut/")


def test_connection_is_kept_alive_between_requests(clock):
    closing = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        connection, address = listener.accept()
        connections.append(address)
        with connection:
            for _ in range(3):
                connection.recv(65536)
                connection.sendall(closing)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings = ClientSettings(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v8", timeout=5.0)
    transport = make_transport(settings, clock=clock)
    assert [get(transport) for _ in range(3)] == [{"a": 1}] * 3
    thread.join(5)
    listener.close()
    transport.close()
    assert len(connections) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_transient_status_is_retried_where_repeating_is_safe(httpserver, transport, clock, method, code):
    asked = serve(httpserver, status(code), ok())
    assert get(transport, method=method) == {"ok": True}
    assert len(asked) == 2
    assert len(clock.slept) == 1


@pytest.mark.parametrize(("code", "tries"), [(429, 2), (503, 2), (502, 1), (504, 1)])
def test_post_is_retried_only_if_it_was_rejected(httpserver, transport, code, tries):
    asked = serve(httpserver, status(code), ok())
    if tries == 1:
        with pytest.raises(MinutServerError):
            get(transport, method="POST")
    else:
        get(transport, method="POST")
    assert len(asked) == tries


def test_post_is_retried_when_nothing_was_sent(clock):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = ClientSettings(base_url=f"http://127.0.0.1:{port}/v8", max_attempts=3)
    with pytest.raises(MinutConnectionError, match=r"connection refused\. .*Failed after 3 attempts"):
        get(make_transport(settings, clock=clock), method="POST")
    assert len(clock.slept) == 2


def test_post_without_an_answer_is_not_repeated_and_says_that_it_may_have_worked(clock):
    with RawServer(b"", GOOD) as server:
        with pytest.raises(MinutConnectionError, match="may still have been processed"):
            get(raw_transport(server, clock), method="POST")
        assert server.connections == 1


@pytest.mark.parametrize("broken", [b"", CUT, GOOD[:-1], b"HTTP/1.1 2"])
def test_get_survives_a_connection_that_ends_early(clock, broken):
    with RawServer(broken, GOOD) as server:
        assert get(raw_transport(server, clock)) == {"a": 1}
        assert server.connections == 2


def test_json_cut_without_a_length_is_retried(httpserver, transport):
    asked = serve(httpserver, ok('{"a": [1, '), ok())
    assert get(transport) == {"ok": True}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, MinutRequestError),
        (401, MinutAuthenticationError),
        (403, MinutPermissionError),
        (404, MinutNotFoundError),
        (409, MinutRequestError),
        (500, MinutServerError),
        (501, MinutServerError),
    ],
)
def test_final_status_raises_its_error_at_once(httpserver, transport, clock, code, error):
    asked = serve(httpserver, status(code, '{"message": "Because."}'))
    with pytest.raises(error, match=rf"^GET /x returned {code}: Because\. ") as caught:
        get(transport)
    assert caught.value.status == code
    assert (len(asked), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"message": "a", "error": "b"}', "a"),
        ('{"error": "b", "error_description": "c"}', "c"),
        ('{"error": "b"}', "b"),
        ('{"message": 5}', ""),
        ("[1]", ""),
        ("<html><title>Bad\n gateway</title>", "titled 'Bad gateway'"),
        ("", ""),
        ("[" * 100_000, ""),
    ],
)
def test_error_text_is_found_whatever_the_body(httpserver, transport, body, said):
    serve(httpserver, status(400, body, Content_Type="text/html"))
    with pytest.raises(MinutRequestError) as caught:
        get(transport)
    expected = f"GET /x returned 400{f': {said}' if said else ''}. Correct the request."
    assert str(caught.value) == expected


def test_plain_text_error_is_shown_on_one_short_line(httpserver, transport):
    serve(httpserver, status(403, "No\r\n\x1b[31mway " + "x" * 1000, Content_Type="text/plain"))
    with pytest.raises(MinutPermissionError) as caught:
        get(transport)
    assert "returned 403: No [31mway xxx" in str(caught.value)
    assert len(str(caught.value)) < 450


def test_secret_that_the_server_repeats_is_blotted_out(httpserver, transport, credentials):
    serve(httpserver, status(401, f'{{"message": "bad {CLIENT_SECRET} in {credentials.basic}"}}'))
    with pytest.raises(MinutAuthenticationError) as caught:
        get(transport, auth=BasicAuth(credentials))
    assert CLIENT_SECRET not in str(caught.value)
    assert credentials.basic not in str(caught.value)
    assert "bad *** in ***" in str(caught.value)


@pytest.mark.parametrize("before", [280, 290, 299])
def test_repeated_secret_is_blotted_out_before_the_text_is_cut(httpserver, transport, credentials, before):
    serve(httpserver, status(400, f'{{"message": "{"x" * before}{CLIENT_SECRET}"}}'))
    with pytest.raises(MinutRequestError) as caught:
        get(transport, auth=BasicAuth(credentials))
    assert re.search(r"x(\*{1,3})\. ", str(caught.value))


@pytest.mark.parametrize("code", [200, 400])
def test_secret_in_the_title_of_a_page_is_blotted_out(httpserver, transport, credentials, code):
    page = f"<html><title>Bad {CLIENT_SECRET}</title>"
    serve(httpserver, lambda: Response(page, code, content_type="text/html"))
    with pytest.raises(MinutError, match=r"titled 'Bad \*\*\*'"):
        get(transport, auth=BasicAuth(credentials))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://evil.example/v8/x", "/v8/y"])
def test_redirects_are_rejected(httpserver, transport, code, target):
    asked = serve(httpserver, status(code, Location=target))
    with pytest.raises(
        MinutResponseError, match="redirect to (evil.example|another path). It was not followed"
    ):
        get(transport)
    assert len(asked) == 1


@pytest.mark.parametrize("body", ["<html>", "nope", "\ufeff<", "NaN!", "1" * 5000])
def test_answer_that_is_not_json_is_a_response_error(httpserver, transport, body):
    asked = serve(httpserver, lambda: Response(body, content_type="text/html"))
    with pytest.raises(MinutResponseError, match="text/html that are not JSON") as caught:
        get(transport)
    assert caught.value.__cause__ is None
    assert len(asked) == 1


def test_json_in_another_charset_is_a_response_error(httpserver, transport):
    serve(httpserver, lambda: Response(b'"\xff"', content_type="application/json"))
    with pytest.raises(MinutResponseError):
        get(transport)


def test_byte_order_mark_is_ignored(httpserver, transport):
    serve(httpserver, ok("\ufeff[1]"))
    assert get(transport) == [1]


@pytest.mark.parametrize("code", [200, 204])
def test_empty_answer_is_none(httpserver, transport, code):
    serve(httpserver, status(code))
    assert get(transport) is None


def test_compressed_bomb_is_rejected_before_it_fills_the_memory(httpserver, transport):
    import gzip

    bomb = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    serve(httpserver, lambda: Response(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(MinutResponseError, match="more than 32 MiB"):
        get(transport)


def test_body_that_drips_for_ever_is_given_up(clock):
    """Each byte comes in time, the body never: only a limit on the whole ends that."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            try:
                while True:
                    clock.advance(1.0)
                    connection.sendall(b" ")
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    settings = ClientSettings(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v8", max_attempts=1)
    transport = make_transport(settings, clock=clock)
    with pytest.raises(MinutConnectionError, match="no complete response within 30 s"):
        get(transport)
    transport.close()
    thread.join(5)
    listener.close()


def test_silent_server_runs_into_the_timeout(clock):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base_url = f"http://127.0.0.1:{silent.getsockname()[1]}/v8"
        transport = make_transport(
            ClientSettings(base_url=base_url, timeout=0.1, max_attempts=1), clock=clock
        )
        with pytest.raises(MinutConnectionError, match=r"within 0\.1 s"):
            get(transport)


def test_retry_after_in_seconds_is_honoured(httpserver, transport, clock):
    serve(httpserver, status(429, Retry_After="17"), ok())
    get(transport)
    assert clock.slept[0] >= 17


def test_retry_after_as_a_date_counts_from_the_answers_own_date(clock):
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n"
    answer += b"Date: Mon, 23 Nov 2020 10:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2020 10:00:21 GMT\r\n\r\n"
    with RawServer(answer, GOOD) as server:
        assert get(raw_transport(server, clock)) == {"a": 1}
    assert 21 <= clock.slept[0] < 22


@pytest.mark.parametrize(
    "value", ["soon", "-5", "1.5", "", "Thu, 99 Foo 2026 10:00:00 GMT", "Sun Nov  6 08:49:37 94"]
)
def test_useless_retry_after_falls_back_to_backoff(httpserver, transport, clock, value):
    serve(httpserver, status(429, Retry_After=value), ok())
    get(transport)
    assert 0 <= clock.slept[0] <= 2


@pytest.mark.parametrize("value", ["61", "31536000", "9" * 19])
def test_long_retry_after_is_handed_to_the_caller(httpserver, transport, clock, value):
    asked = serve(httpserver, status(429, Retry_After=value))
    with pytest.raises(MinutRateLimitError) as caught:
        get(transport)
    assert caught.value.retry_after == float(value)
    assert (len(asked), clock.slept) == (1, [])


def test_attempts_end_with_the_last_error_and_its_count(httpserver, transport):
    asked = serve(httpserver, status(502), status(502), status(502), status(502), status(504))
    with pytest.raises(MinutServerError, match="returned 504.*Failed after 5 attempts"):
        get(transport)
    assert len(asked) == 5


def test_backoff_grows_and_is_bounded(httpserver, clock):
    serve(httpserver, status(502))
    settings = ClientSettings(base_url=httpserver.url_for("/v8"), max_attempts=8)
    with pytest.raises(MinutServerError):
        get(make_transport(settings, clock=clock, jitter=longest))
    assert clock.slept == [2, 4, 8, 16, 30, 30, 30]


def test_no_attempt_begins_after_the_deadline(httpserver, clock):
    asked = serve(httpserver, status(502))
    settings = ClientSettings(base_url=httpserver.url_for("/v8"), max_attempts=100, deadline=10.0)
    with pytest.raises(MinutServerError):
        get(make_transport(settings, clock=clock, jitter=longest))
    assert (clock.slept, len(asked)) == ([2, 4], 3)


def test_delete_that_was_done_before_its_answer_was_lost_succeeds(httpserver, transport):
    serve(httpserver, status(504), status(404))
    assert get(transport, method="DELETE") is None


def test_delete_of_what_never_was_is_not_found(httpserver, transport):
    serve(httpserver, status(404))
    with pytest.raises(MinutNotFoundError):
        get(transport, method="DELETE")


@pytest.mark.parametrize(
    "path",
    ["users/me", "", "//evil.example/x", "https://evil.example", "/a/../b", "/..", "/%2e%2e/x", "/x?y=1", "/x#y", "/a b",
     "/a\r\nb", "/a\\b"],
)  # fmt: skip
def test_endpoint_cannot_leave_the_base_url(transport, path):
    with pytest.raises(MinutConfigurationError, match="^endpoint: must be"):
        get(transport, path)


def test_unknown_method_is_an_error(transport):
    with pytest.raises(MinutConfigurationError, match="^method: must be one of DELETE, GET"):
        get(transport, method="get")


def test_netrc_does_not_replace_the_header(httpserver, transport, tmp_path, monkeypatch, credentials):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    asked = serve(httpserver, ok())
    get(transport, auth=BasicAuth(credentials))
    assert asked[0].headers["Authorization"] == f"Basic {credentials.basic}"


def test_credentials_in_the_url_do_not_replace_the_header(httpserver, transport, credentials):
    settings = ClientSettings(base_url=transport.settings.base_url)
    url = settings.base_url.replace("://", "://thief:stolen@")
    object.__setattr__(settings, "base_url", url)  # the settings themselves reject it
    transport.settings = settings
    asked = serve(httpserver, ok())
    get(transport, auth=BasicAuth(credentials))
    assert asked[0].headers.getlist("Authorization") == [f"Basic {credentials.basic}"]


def test_loopback_is_not_asked_through_a_proxy(httpserver, transport, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    serve(httpserver, ok())
    assert get(transport) == {"ok": True}


def test_unreachable_proxy_is_named_without_its_password(clock):
    settings = ClientSettings(
        base_url="https://api.minut.example/v8",
        proxies={"https": "http://u:hunter22@127.0.0.1:9"},
        max_attempts=1,
    )
    with pytest.raises(
        MinutConnectionError, match="the proxy is unreachable or rejected the request"
    ) as caught:
        get(make_transport(settings, clock=clock))
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("child", [-1, 2**31])
def test_session_is_not_taken_across_a_fork(httpserver, transport, monkeypatch, child):
    serve(httpserver, ok())
    get(transport)
    before = transport._session
    monkeypatch.setattr(os, "getpid", lambda: child)
    get(transport)
    assert transport._session is not before
