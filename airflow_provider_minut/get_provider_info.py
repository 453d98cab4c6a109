"""The provider's metadata. Airflow reads it while it loads its configuration: no imports."""

from __future__ import annotations

from typing import Any

# Read by Airflow 3.2 and later; MinutHook provides the same fields to 3.1. Airflow masks fields by name, so
# no name may look like that of a secret unless the field is one: `proxies` is.
CONN_FIELDS: dict[str, Any] = {
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "Maximum duration of one attempt of a request. Default: 30.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "max_attempts": {
        "label": "Maximum attempts",
        "description": "Maximum attempts of a request, if a retry is safe and may help. Default: 5.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "requests_per_second": {
        "label": "Requests per second",
        "description": "Rate limit, shared by all tasks that use the client ID. Default: 20.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "requests_per_minute": {
        "label": "Requests per minute",
        "description": "Rate limit, shared by all tasks that use the client ID. Default: 120.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "verify": {
        "label": "Verify TLS certificates",
        "description": "true, false, or the path of a CA bundle on the workers. Default: true.",
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxy",
        "description": "URL of a proxy, or a JSON object with one per scheme. Default: from the environment.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
}

# The port stays visible: without one, the Test button of Airflow 3.3.2 rejects saved connections.
UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {
        "login": "Client ID",
        "password": "Client secret",
        "host": "API base URL",
        "port": "Port",  # Airflow 3.1 would show it in lower case
    },
    "placeholders": {
        "login": "from 'Developer tools' in Minut's web app",
        "password": "next to the client ID in Minut's web app",
        "host": "https://api.minut.com/v8",
        "port": "443; required only for the Test button",
    },
}


_ASSETS = "airflow_provider_minut.assets.minut"

_SHARED_STATE = """\
Where processes share access tokens, encrypted, and the rate limit: ``file`` (the default: a private directory
of the current user below the temporary directory), ``memory`` (not shared), the ``file://`` URL of a
directory, or the URL of a Redis server for all workers of a cluster (``redis://``, ``rediss://``; requires
the extra ``redis``)."""


_EVENT_POLL_INTERVAL = """\
Seconds between two polls for events by the asset watchers of one connection; all watchers of a connection
share one poll. Each poll is one request and counts against the rate limit. Minimum: 1."""


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-minut",
        "name": "Minut",
        "description": "`Minut <https://www.minut.com/>`__: noise, temperature and motion in homes.",
        "integrations": [
            {
                "integration-name": "Minut",
                "external-doc-url": "https://developer.minut.com/",
                "tags": ["service"],
            }
        ],
        "connection-types": [
            {
                "connection-type": "minut",
                "hook-class-name": "airflow_provider_minut.hooks.minut.MinutHook",
                "hook-name": "Minut",
                "conn-fields": CONN_FIELDS,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
            }
        ],
        "config": {
            "minut": {
                "description": "Options of the Minut provider.",
                "options": {
                    "shared_state": {
                        "description": _SHARED_STATE,
                        "version_added": "0.1.0",
                        "type": "string",
                        "sensitive": True,  # a URL may contain a password
                        "example": "redis://redis.example.com:6379/1",
                        # None: Airflow warns at every start about a sensitive value as short as "file".
                        "default": None,
                    },
                    "event_poll_interval": {
                        "description": _EVENT_POLL_INTERVAL,
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "10",
                        "default": "30",
                    },
                },
            },
        },
        "hooks": _modules("airflow_provider_minut.hooks.minut"),
        "operators": _modules(
            "airflow_provider_minut.operators.minut", "airflow_provider_minut.operators.webhooks"
        ),
        "sensors": _modules("airflow_provider_minut.sensors.minut"),
        "triggers": _modules(
            "airflow_provider_minut.triggers.events", "airflow_provider_minut.triggers.minut"
        ),
        "cli": ["airflow_provider_minut.cli.definition.get_cli_commands"],
        "asset-uris": [
            {
                "schemes": ["minut"],
                "handler": f"{_ASSETS}.sanitize_uri",
                "to_openlineage_converter": f"{_ASSETS}.convert_asset_to_openlineage",
            }
        ],
        "transfers": [
            _transfer("Object storage", "minut_to_object_storage"),
            _transfer("Delta Lake", "minut_to_delta_lake"),
            _transfer("SQL", "minut_to_sql"),
        ],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": "Minut", "python-modules": list(names)}]


def _transfer(target: str, module: str) -> dict[str, Any]:
    return {
        "source-integration-name": "Minut",
        "target-integration-name": target,
        "python-module": f"airflow_provider_minut.transfers.{module}",
    }
