"""What Airflow wants to know of this provider. It reads this while it configures itself: no imports."""

from __future__ import annotations

from typing import Any

# Read by Airflow 3.2 and later; MinutHook hands the same to 3.1. No name in here may look like a
# secret to Airflow (it masks by name) unless it is one: `proxies` is.
CONN_FIELDS: dict[str, Any] = {
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "How long one attempt of a request may take. Default: 30.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "max_attempts": {
        "label": "Attempts",
        "description": "How often a request is tried in all when that is safe and may help. Default: 5.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "requests_per_second": {
        "label": "Requests per second",
        "description": "At most so many, counted over all tasks that share the client ID. Default: 20.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "requests_per_minute": {
        "label": "Requests per minute",
        "description": "At most so many, counted over all tasks that share the client ID. Default: 120.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "verify": {
        "label": "Verify TLS certificates",
        "description": "true, false, or the path of a CA bundle on the workers. Default: true.",
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxy",
        "description": "A proxy's URL, or a JSON object with one per scheme. Default: the environment's.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
}

# The port stays visible: without one, the Test button of Airflow 3.3.2 refuses saved connections.
UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {
        "login": "Client ID",
        "password": "Client secret",
        "host": "API base URL",
        "port": "Port",  # Airflow 3.1 would write it small
    },
    "placeholders": {
        "login": "from 'Developer tools' in Minut's web app",
        "password": "shown there beside the client ID",
        "host": "https://api.minut.com/v8",
        "port": "443 if you want to press Test; else not needed",
    },
}


_ASSETS = "airflow_provider_minut.assets.minut"

_SHARED_STATE = """\
Where processes share access tokens, encrypted, and the request budget: ``file`` (the default: a private
directory of this user's below the temporary directory), ``memory`` (not at all), the ``file://`` URL of a
directory, or a Redis for all workers of a cluster (``redis://``, ``rediss://``; extra ``redis``)."""


_EVENT_POLL_INTERVAL = """\
Seconds between two polls for events by asset watchers, of one connection; however many watch, one polls. Each
poll is a request of the budget. At least 1."""


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
                        "sensitive": True,  # a URL may hold a password
                        "example": "redis://redis.example.com:6379/1",
                        # None: Airflow warns at every start of a sensitive value as short as "file".
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
