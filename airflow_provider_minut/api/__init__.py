"""The Minut API for Python, without Airflow.

::

    from airflow_provider_minut.api import ClientCredentials, MinutClient

    with MinutClient(ClientCredentials("CLIENT_ID", "CLIENT_SECRET")) as minut:
        print(minut.get_current_user())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_minut.api.auth.credentials import ClientCredentials
    from airflow_provider_minut.api.client import MinutClient
    from airflow_provider_minut.api.settings import ClientSettings
    from airflow_provider_minut.api.shared_state.factory import open_shared_state

__all__ = ["ClientCredentials", "ClientSettings", "MinutClient", "open_shared_state"]

# Imported on first use: importing a module of this package must not import requests.
_MODULES = {
    "ClientCredentials": "auth.credentials",
    "ClientSettings": "settings",
    "MinutClient": "client",
    "open_shared_state": "shared_state.factory",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
