"""The pytest fixture ``minut_sandbox``, registered for every project that installs the package.

pytest imports this module in every run, so it imports nothing else until the fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_minut.sandbox.sandbox import Sandbox


@pytest.fixture
def minut_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a Minut sandbox and set the Airflow connection ``minut_default`` to it."""
    try:
        from airflow_provider_minut.sandbox.sandbox import Sandbox
    except ImportError:
        hint = "The fixture minut_sandbox needs an extra: pip install 'airflow-provider-minut[sandbox]'"
        pytest.fail(hint, pytrace=False)
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", sandbox.connection_json)
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", "memory")  # a test leaves nothing behind
        yield sandbox
