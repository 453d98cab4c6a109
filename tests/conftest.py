from __future__ import annotations

import random
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.memory import MemoryState

ROOT = Path(__file__).parents[1]
AIRFLOW_VERSION = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
CLIENT_ID = "0123456789abcdef"
CLIENT_SECRET = "5ecret5ecret5ecret5ecret5ecret00"

# The same examples in every run; to search for new ones: uv run pytest --hypothesis-profile=search
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=150)
settings.register_profile("search", deadline=None, max_examples=10_000)
settings.register_profile(  # does it fail or not, for the mutation run: a smaller example takes seconds
    "brief", settings.get_profile("steady"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("steady")

# What warns of things that a later Airflow will not have. The SDK has one of its own since 3.2.
DEPRECATIONS = [
    f"{module}.{name}"
    for module, name in (
        ("airflow.exceptions", "AirflowProviderDeprecationWarning"),
        ("airflow.exceptions", "RemovedInAirflow4Warning"),
        ("airflow.sdk.exceptions", "RemovedInAirflow4Warning"),
        ("airflow.utils.deprecation_tools", "DeprecatedImportWarning"),
    )
    if hasattr(import_module(module), name)
]


def pytest_configure(config):
    for category in DEPRECATIONS:
        config.addinivalue_line("filterwarnings", f"error::{category}")


class FakeClock(Clock):
    """Time that passes only when a test says so, or when code sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.ticks = 1_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.ticks += seconds


@pytest.fixture(scope="session")
def make_httpserver():
    """Serve pytest-httpserver from threads: the tests call it from several at once."""
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def credentials() -> ClientCredentials:
    return ClientCredentials(CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def make_client(httpserver, clock, credentials):
    """Clients against pytest-httpserver's /v8, each with its own state by default.

    The rate limit is disabled, because the clock stands still.
    """
    clients = []
    no_limit = {"requests_per_second": 10**6, "requests_per_minute": 10**6}

    def make(
        *,
        state=None,
        on_secret=lambda _: None,
        observe=None,
        credentials=credentials,
        max_in_flight=DEFAULT_MAX_IN_FLIGHT,
        clock=clock,
        jitter=random.uniform,
        **settings,
    ):
        settings = ClientSettings(
            **{"base_url": httpserver.url_for("/v8"), "timeout": 5.0, **no_limit, **settings}
        )
        client = MinutClient(
            credentials,
            settings,
            state=state or MemoryState(),
            on_secret=on_secret,
            observe=observe,
            max_in_flight=max_in_flight,
            clock=clock,
            jitter=jitter,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def token_endpoint(httpserver):
    """Serve tokens token-1, token-2, … and return the list of their requests."""
    requests = []

    def handler(request):
        requests.append(request)
        body = f'{{"access_token": "token-{len(requests)}", "token_type": "Bearer", "expires_in": 3600}}'
        return Response(body, content_type="application/json")

    httpserver.expect_request("/v8/oauth/token", method="POST").respond_with_handler(handler)
    return requests
