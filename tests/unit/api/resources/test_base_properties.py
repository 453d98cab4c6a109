"""Replies with every oddity at once: no item is lost, none is counted twice, and every error is typed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.resources.base import PAGE_SIZE
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import MinutResponseError
from tests.conftest import CLIENT_ID, CLIENT_SECRET
from tests.odd_replies import (
    DEVICE,
    HOME,
    MAX_UNREADABLE,
    NO_ANSWERS,
    READERS,
    OddReply,
    check_read,
    check_storable,
    safe,
    to_json,
)
from tests.replay import NO_LIMIT, ReplyServer
from tests.strategies import json_values

TOKEN = '{"access_token": "token-1", "expires_in": 3600}'
EXAMPLES, SLOW_EXAMPLES = 30, 2_000
OBJECTS = {
    "user": lambda client: client.get_current_user(),
    "home": lambda client: client.get_home(HOME),
    "device": lambda client: client.get_device(DEVICE),
}


class Served:
    """A client, and what it is answered."""

    def __init__(self):
        self.page = lambda _offset, _limit: "{}"
        server = self.server = ReplyServer(self._answer).__enter__()
        connection = ClientSettings(base_url=server.base_url, timeout=5.0, **NO_LIMIT)
        credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
        self.client = MinutClient(credentials, connection, state=MemoryState())

    def _answer(self, method, _path, query, _body):
        if method == "POST":
            return 200, TOKEN
        limit = query.get("limit")
        return 200, self.page(int(query.get("offset", 0)), None if limit is None else int(limit))

    def read(self, call):
        """Return the items that a call yields, and the number of rejected ones."""
        before = self.client.rejected_count
        return list(call(self.client)), self.client.rejected_count - before


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.client.close()
    served.server.__exit__()


def check_reader(served, name, data):
    reply = data.draw(READERS[name].replies)
    served.page = reply.text
    served.client._page_size = data.draw(st.sampled_from([PAGE_SIZE, MAX_UNREADABLE + 1]))
    check_read(reply, lambda: served.read(READERS[name].read))


@pytest.mark.parametrize("name", READERS)
@given(st.data())
@settings(max_examples=EXAMPLES)
def test_good_items_come_and_the_others_are_counted(served, name, data):
    check_reader(served, name, data)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", READERS)
@given(st.data())
@settings(max_examples=SLOW_EXAMPLES)
def test_thousands_of_odd_replies(served, name, data):
    check_reader(served, name, data)


def check_object(served, name, reply):
    served.page = lambda _offset, _limit: to_json(reply)
    try:
        found = OBJECTS[name](served.client)
    except MinutResponseError:
        sent = json.loads(to_json(reply))
        identity = sent.get(f"{name}_id") if isinstance(sent, dict) else None
        assert not (isinstance(identity, str | int) and safe(str(identity))) or isinstance(identity, bool)
    else:
        assert isinstance(found[f"{name}_id"], str)
        check_storable(found)


@st.composite
def objects(draw, name):
    """Replies with one object: of a list, without its ID, or something else."""
    lists = {"home": "homes", "device": "devices"}
    items = draw(READERS[lists[name]].replies).items if name in lists else []
    identity = st.sampled_from(["64bb0000000000000000a001", 7, None, True, [], 1.5])
    made = st.fixed_dictionaries(
        {f"{name}_id": identity}, optional={"name": json_values, "email": json_values}
    )
    return draw(st.sampled_from(items) | made | json_values if items else made | json_values)


@pytest.mark.parametrize("name", OBJECTS)
@given(st.data())
@settings(max_examples=EXAMPLES)
def test_one_object_is_read_or_a_typed_error(served, name, data):
    check_object(served, name, data.draw(objects(name)))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", OBJECTS)
@given(st.data())
@settings(max_examples=SLOW_EXAMPLES)
def test_thousands_of_odd_objects(served, name, data):
    check_object(served, name, data.draw(objects(name)))


def key_of(name):
    return {
        "readings": "values",
        "home_events": "home_events",
        "user_events": "events",
        "webhooks": "hooks",
    }.get(name, name)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "answer", ["", "{}", '{"KEY": null}', '{"KEY": []}', '{"paging": {"total_count": 0}}']
)
def test_nothing_is_nothing(served, name, answer):
    text = answer.replace("KEY", key_of(name))
    served.page = lambda _offset, _limit: text
    assert served.read(READERS[name].read) == ([], 0)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("answer", [*NO_ANSWERS, '{"KEY": 5}', '{"KEY": "none"}', '{"KEY": [null]}'])
def test_what_is_no_answer_is_an_error(served, name, answer):
    text = answer.replace("KEY", key_of(name))
    served.page = lambda _offset, _limit: text
    with pytest.raises(MinutResponseError):
        served.read(READERS[name].read)


@pytest.mark.parametrize("total", [{}, {"paging": {"total_count": 13}}])
@pytest.mark.parametrize("before", [4, 5, 6, 8])
def test_pages_behind_unreadable_items_are_read(served, total, before):
    """Whatever place they have on the pages of five."""
    homes = [{"home_id": number} for number in range(1, 10)]
    items = [*homes[:before], None, None, None, None, *homes[before:]]
    served.page = OddReply("homes", items, total).text
    served.client._page_size = MAX_UNREADABLE + 1
    found, rejected = served.read(READERS["homes"].read)
    assert [home["home_id"] for home in found] == [str(number) for number in range(1, 10)]
    assert rejected == 4


def test_history_whose_time_has_another_name_is_an_error(served):
    served.page = lambda _offset, _limit: '{"values": [{"at": "2026-04-15T10:00:00Z", "value": 1}]}'
    with pytest.raises(MinutResponseError):
        served.read(READERS["readings"].read)
