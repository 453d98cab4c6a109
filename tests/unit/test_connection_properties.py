"""Any connection results in a client that can send requests, or in one error that names the field."""

from __future__ import annotations

import json

import requests
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.connection import EXTRA_KEYS, read_connection
from airflow_provider_minut.exceptions import MinutConfigurationError
from tests.strategies import almost, json_values, numbers, texts

SECRET = "not-for-anybodys-eyes"
counts = st.integers(1, 1000) | numbers
extras = almost(
    {
        **dict.fromkeys(EXTRA_KEYS, counts | counts.map(str)),
        "verify": st.booleans() | st.sampled_from(["true", "/", "x" * 5000, "\x00"]),
        "proxies": st.sampled_from([f"http://u:{SECRET}@p:1", {"https": "http://p:1"}, '{"http": "://"}']),
    }
)
labels = st.text("az09-_.", max_size=20)
hosts = st.one_of(
    texts,
    st.tuples(
        st.sampled_from(["", "https://", "http://"]),
        st.one_of(labels, st.sampled_from(["localhost", "127.0.0.1", "[::1]", "[::1%25lo]", "[v1.x]", "a%b", "*.x"])),
        st.sampled_from(["", ":8443", ":0", ":x"]),
        st.sampled_from(["", "/v8", "//", "/%zz", "/a;b", "/v8/"]),
    ).map("".join),
)  # fmt: skip
fields = st.fixed_dictionaries(
    {
        "login": st.sampled_from(["id", None, ""]) | texts,
        "password": st.just(SECRET) | texts,
        "host": st.none() | hosts,
        "port": st.none() | st.sampled_from([0, -1, 443, 99_999]),
        "schema": st.none() | st.just("v8") | texts,
        "extra": st.one_of(st.none(), texts, (extras | json_values).map(json.dumps)),
    }
)
GOOD = {"login": "id", "password": SECRET, "host": None, "port": None, "schema": None, "extra": None}


@given(fields)
@example({**GOOD, "host": "https://.example/v8"})
@example({**GOOD, "host": "https://a..b/v8"})
@example({**GOOD, "extra": '{"max_attempts": 1000000000}'})
@example({**GOOD, "extra": json.dumps({"verify": "x" * 5000})})
@example({**GOOD, "extra": '{"timeout": 1e300}'})
def test_connection_gives_a_client_that_can_send_or_an_error_that_names_the_field(fields):
    try:
        credentials, settings = read_connection("my_minut", **fields, overrides={})
    except MinutConfigurationError as error:
        assert str(error).startswith("Connection 'my_minut', the ")
        assert SECRET not in str(error)
    else:
        MinutClient(credentials, settings, state=MemoryState()).close()
        request = requests.Request("GET", f"{settings.base_url}/homes").prepare()
        assert request.url.startswith(("https://", "http://"))
        assert SECRET not in repr(settings) + repr(credentials)


@given(hosts.filter(lambda host: "://" in host), st.none() | st.integers(1, 65_535))
def test_base_url_that_is_read_is_read_as_itself(host, port):
    def read(host, port):
        return read_connection("my_minut", **{**GOOD, "host": host, "port": port}, overrides={})[1].base_url

    try:
        base_url = read(host, port)
    except MinutConfigurationError:
        return
    assert read(base_url, None) == base_url
