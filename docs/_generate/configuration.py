"""docs/configuration.md, from the provider info."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_minut.get_provider_info import get_provider_info

PAGE = Path(__file__).parents[1] / "configuration.md"
HEAD = """\
# Configuration

Written by `nox -s generate` from what the package tells Airflow; a test compares this page with it.
"""
OPTIONS = """
## Options of Airflow

In `airflow.cfg`, or as environment variables. They belong to the provider: Airflow knows them wherever it is installed.
"""
FIELDS = """
## Fields of a connection

What a connection of type `minut` may have in *Extra*, beside [the other fields](connection.md). Each may be left out.

| Key | In the form | Type | |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    info = get_provider_info()
    text = HEAD + OPTIONS
    for section, about in info["config"].items():
        for name, option in about["options"].items():
            text += _option(section, name, option)
    fields = info["connection-types"][0]["conn-fields"]
    return text + FIELDS + "".join(_field(name, field) for name, field in fields.items())


def _option(section: str, name: str, option: dict) -> str:
    variable = f"AIRFLOW__{section}__{name}".upper()
    rows = {
        "Variable": f"`{variable}`",
        "Type": option["type"],
        "Default": f"`{option['default']}`" if option["default"] else "see above",
        "Example": f"`{option['example']}`",
        "Since": option["version_added"],
    }
    if option.get("sensitive"):
        rows["Sensitive"] = f"masked in logs; also from `{variable}_CMD` and `{variable}_SECRET`"
    table = "".join(f"| {what} | {value} |\n" for what, value in rows.items())
    about = " ".join(option["description"].replace("``", "`").split())
    return f"\n### `[{section}] {name}`\n\n{about}\n\n| | |\n|---|---|\n{table}"


def _field(name: str, field: dict) -> str:
    schema = field["schema"]
    kind = next(kind for kind in schema["type"] if kind != "null")
    least = f", at least {schema['minimum']}" if "minimum" in schema else ""
    hidden = ", hidden" if schema.get("format") == "password" else ""
    return f"| `{name}` | {field['label']} | {kind}{least}{hidden} | {field['description']} |\n"
