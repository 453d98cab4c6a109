from __future__ import annotations

import pytest

from airflow_provider_minut.api.settings import ClientSettings
from tests.unit.api.http.servers import make_transport


@pytest.fixture
def transport(httpserver, clock):
    settings = ClientSettings(base_url=httpserver.url_for("/v8"), timeout=5.0)
    transport = make_transport(settings, clock=clock)
    yield transport
    transport.close()
