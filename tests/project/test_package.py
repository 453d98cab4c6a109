"""What Airflow, pip and other people's type checkers find in the package."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
import warnings
from importlib.metadata import distribution
from pathlib import Path

import airflow
import jsonschema
import pytest
import yaml
from packaging.utils import canonicalize_name

import airflow_provider_minut
from airflow_provider_minut.get_provider_info import get_provider_info
from tests.conftest import AIRFLOW_VERSION, DEPRECATIONS, ROOT

AIRFLOW = Path(airflow.__file__).parent
INFO = get_provider_info()
TEST_NAME = re.compile(r"^def (test_\w+)", re.MULTILINE)
MODULES = [
    module.name
    for module in pkgutil.walk_packages(airflow_provider_minut.__path__, "airflow_provider_minut.")
    if not module.name.endswith("__main__")
]


def test_provider_info_is_valid_for_airflow():
    """Airflow's discovery fails for every provider of a deployment if this one is wrong."""
    jsonschema.validate(INFO, json.loads((AIRFLOW / "provider_info.schema.json").read_text()))
    assert INFO["package-name"] == canonicalize_name(distribution("airflow-provider-minut").metadata["Name"])


def test_entry_point_leads_to_the_provider_info():
    points = distribution("airflow-provider-minut").entry_points
    assert [p.load() for p in points if p.group == "apache_airflow_provider"] == [get_provider_info]


def test_every_entry_point_can_be_loaded():
    points = [p for p in distribution("airflow-provider-minut").entry_points if "minut" in p.value]
    assert {p.group for p in points} >= {"airflow.plugins", "console_scripts", "pytest11"}
    for point in points:
        point.load()


def test_parts_that_the_public_schema_leaves_open_are_valid_too():
    schema = AIRFLOW / "provider.yaml.schema.json"
    strict = json.loads(schema.read_text())["properties"]
    if "conn-fields" not in json.dumps(strict):
        assert AIRFLOW_VERSION < (3, 2)  # declarative forms came with 3.2
        return
    for key in ("connection-types", "integrations"):
        jsonschema.validate(INFO[key], strict[key])


def test_callables_that_airflow_is_told_of_are_there():
    (uris,) = INFO["asset-uris"]
    for path in (uris["handler"], uris["to_openlineage_converter"], *INFO["cli"]):
        module, _, name = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_listed_modules_are_those_on_disk(kind):
    listed = [name for group in INFO[kind] for name in group["python-modules"]]
    assert sorted(listed) == sorted(name for name in MODULES if f".{kind}." in name)


def test_registry_file_lists_what_the_provider_info_lists():
    described = yaml.safe_load((ROOT / ".airflow-registry.yaml").read_text())
    assert described["package-name"] == INFO["package-name"]
    kinds = ("hooks", "operators", "sensors", "triggers")
    entries = [entry for kind in (*kinds, "other") for entry in described[kind]]
    for entry in entries:
        assert entry["description"].endswith(".")
        page = ROOT / "docs" / entry["docs-url"].rpartition("/")[2]
        assert page.exists(), page
    found = {entry["module"] for kind in kinds for entry in described[kind]}
    modules = [name for kind in kinds for group in INFO[kind] for name in group["python-modules"]]
    modules += [transfer["python-module"] for transfer in INFO["transfers"]]
    assert found == {
        f"{module}.{name}"
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, type) and value.__module__ == module and not name.startswith("_")
    }


def test_form_fields_are_secret_for_airflow_exactly_if_they_are():
    """Airflow hides by name; a field that it hides by mistake would be saved as ***."""
    try:
        from airflow.sdk._shared.secrets_masker import should_hide_value_for_key
    except ImportError:
        from airflow.sdk.execution_time.secrets_masker import should_hide_value_for_key

    for name, field in INFO["connection-types"][0]["conn-fields"].items():
        assert should_hide_value_for_key(name) == (field["schema"].get("format") == "password"), name
        assert "null" in field["schema"]["type"], f"{name} would be mandatory in the form"


def test_port_stays_in_the_form():
    """Without a port the Test button of Airflow 3.3.2 refuses saved connections."""
    assert "port" not in INFO["connection-types"][0]["ui-field-behaviour"]["hidden-fields"]


def test_hook_has_what_airflow_looks_for():
    from airflow_provider_minut.hooks.minut import MinutHook

    kind = INFO["connection-types"][0]
    assert kind["hook-class-name"] == f"{MinutHook.__module__}.{MinutHook.__name__}"
    assert (kind["connection-type"], kind["hook-name"]) == (MinutHook.conn_type, MinutHook.hook_name)
    assert (MinutHook.conn_name_attr, MinutHook.default_conn_name) == ("minut_conn_id", "minut_default")


def test_connection_ids_are_templated():
    from airflow_provider_minut.operators import minut
    from airflow_provider_minut.transfers import minut_to_delta_lake, minut_to_object_storage, minut_to_sql

    operators = [
        value
        for module in (minut, minut_to_delta_lake, minut_to_object_storage, minut_to_sql)
        for name, value in vars(module).items()
        if name.startswith("Minut") and name.endswith("Operator")
    ]
    assert len(operators) >= 6
    for operator in operators:
        assert "minut_conn_id" in operator.template_fields


@pytest.mark.parametrize(
    "module",
    [
        "airflow_provider_minut.assets.minut",
        "airflow_provider_minut.cli.definition",
        "airflow_provider_minut.operators.minut",
        "airflow_provider_minut.operators.webhooks",
        "airflow_provider_minut.sensors.minut",
        "airflow_provider_minut.transfers.minut_to_delta_lake",
        "airflow_provider_minut.transfers.minut_to_object_storage",
        "airflow_provider_minut.transfers.minut_to_sql",
        "airflow_provider_minut.report",
        "airflow_provider_minut.policies.retry",
        "airflow_provider_minut.get_provider_info",
    ],
)
def test_importing_what_dags_import_pulls_in_nothing_heavy(module):
    code = (
        "import sys; from airflow.sdk import BaseHook, BaseOperator; before = set(sys.modules); "
        f"import {module}; new = set(sys.modules) - before; "
        "print(sorted(m for m in new if not m.startswith('airflow_provider_minut')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = ast.literal_eval(done.stdout.splitlines()[-1])
    heavy = {
        "requests",
        "tenacity",
        "urllib3",
        "fastapi",
        "jwt",
        "rich",
        "pyarrow",
        "deltalake",
        "sqlalchemy",
        "matplotlib",
        "openlineage",
    }
    assert not heavy & set(new)


def test_provider_info_needs_no_import_at_all():
    code = "import sys; import airflow_provider_minut.get_provider_info; print('airflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_module_imports_without_a_deprecation_warning_of_airflow():
    """In a process of its own: here they were imported long ago."""
    code = """
import importlib, sys, warnings
for name in sys.argv[1].split():
    module, _, category = name.rpartition(".")
    warnings.simplefilter("error", getattr(importlib.import_module(module), category))
for name in sys.argv[2].split():
    importlib.import_module(name)
"""
    command = [sys.executable, "-c", code, " ".join(DEPRECATIONS), " ".join(MODULES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", DEPRECATIONS)
def test_deprecation_warning_of_airflow_is_an_error(name):
    module, _, category = name.rpartition(".")
    with pytest.raises(DeprecationWarning if category != "DeprecatedImportWarning" else FutureWarning):
        warnings.warn("gone in Airflow 4", getattr(importlib.import_module(module), category), stacklevel=1)


def test_each_supported_airflow_has_its_deprecation_warnings():
    assert len(DEPRECATIONS) == (3 if AIRFLOW_VERSION < (3, 2) else 4)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_says_what_it_is(name):
    """Public functions and classes have docstrings, and each parameter of a public call is described."""
    module = importlib.import_module(name)
    tree = ast.parse(Path(module.__file__).read_text())
    assert ast.get_docstring(tree), name
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            text = ast.get_docstring(node) or ""
            assert text, f"{name}.{node.name}"
            init = next(
                (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
            )
            for argument in _arguments(init) if init and not _is_private_or_sandbox(name, node) else ():
                assert f":param {argument}:" in text, f"{name}.{node.name}({argument}=)"


def _is_private_or_sandbox(name, node):
    return name.startswith("airflow_provider_minut.sandbox.sandbox") or node.name in {
        "BasicAuth",
        "BearerAuth",
    }


def _arguments(function):
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return [a.arg for a in arguments if a.arg != "self"]


def test_package_is_typed():
    assert (Path(airflow_provider_minut.__file__).parent / "py.typed").exists()


def test_uv_pins_what_the_constraints_file_pins():
    """`uv run` reads pins from pyproject.toml alone, everything else reads constraints.txt."""
    pinned = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in {"", "#"}
    ]
    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
        == pinned
    )


def test_what_security_md_claims_is_tested():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    there = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in TEST_NAME.findall(file.read_text())
    }
    assert len(named) > 30
    assert named - there == set()


def test_no_file_of_the_repository_names_a_package_registry():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    registry = "py" + "pi.org"
    assert [
        f for f in tracked if (ROOT / f).is_file() and registry in (ROOT / f).read_text(errors="ignore")
    ] == []
