"""Where things are: tests mirror the package, nothing is loose in its root, and no path is in a string."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "airflow_provider_minut"
UNIT = ROOT / "tests" / "unit"
MAX_LOOSE_MODULES = 6


def module_of(test):
    """Return the module that a test file is about: ``test_page_properties.py`` is about ``page.py``."""
    folder = PACKAGE / test.parent.relative_to(UNIT)
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    found = (folder / f"{name}.py" for name in names)
    own = [folder / "__init__.py"] if names[-1] == folder.name else []
    main = [folder / "__main__.py"] if names[-1] == "main" else []
    return next((path for path in [*found, *own, *main] if path.exists()), None)


def test_every_unit_test_is_where_its_module_is():
    tests = list(UNIT.rglob("test_*.py"))
    assert len(tests) > 50
    assert [str(path.relative_to(ROOT)) for path in tests if module_of(path) is None] == []


def test_few_modules_are_loose_in_the_root():
    loose = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= MAX_LOOSE_MODULES, loose


def test_no_two_classes_have_one_name():
    names = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        if "example_dags" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_constants_of_time_name_their_unit():
    """`TIMEOUT = 5.0` does not tell whether these are seconds; a timedelta does."""
    unit = re.compile(r"_(SECONDS|MS)$")
    time = re.compile(r"(TIMEOUT|INTERVAL|LIFETIME|PAUSE|DELAY|BACKOFF|LEASE|DEADLINE|AGE)S?$")
    wrong = [
        f"{path.name}: {target.id}"
        for path in PACKAGE.rglob("*.py")
        if "sandbox" not in path.parts and "example_dags" not in path.parts
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and not isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name) and time.search(target.id) and not unit.search(target.id)
    ]
    assert wrong == []


def test_public_face_of_the_client_is_lazy():
    from airflow_provider_minut import api

    for name in api.__all__:
        assert getattr(api, name).__module__.startswith("airflow_provider_minut.api.")
    with pytest.raises(AttributeError):
        importlib.import_module("airflow_provider_minut.api").nothing  # noqa: B018 - raises
    code = "import sys, airflow_provider_minut.api; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# The worst words of the project's former private vocabulary; the field has a term for each.
PRIVATE_WORDS = re.compile(
    r"\b(hopeless|blotted|budgets?|renew(?:s|ed|als?|ing)?|nobody|told|given up|left out|whoever|somebody"
    r"|slip of the pen|its turn (?:comes|would)|all the same|mend(?:s|ed)?|what became of|is used on|vault"
    r"|(?<!\")spells?|buys? a token|token (?:they|it) buys?)\b",
    re.IGNORECASE,
)
HASHICORP = re.compile(r"HashiCorp Vault|secrets\.vault\.VaultBackend|vault\.example\.com|vault kv put")
READ_BY_PEOPLE = (
    "airflow_provider_minut",
    "dags",
    "docs",
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)


def test_private_words_are_not_used():
    command = ["git", "ls-files", *READ_BY_PEOPLE]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [ROOT / name for name in tracked if name.endswith((".py", ".md", ".html", ".svg", ".css"))]
    assert len(files) > 150
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path.is_file()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if PRIVATE_WORDS.search(HASHICORP.sub("", line))
    ]
    assert found == []


def is_patch_of_a_path(node):
    """Whether a call names what it patches in a string, which no tool finds when the module moves."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith((".setattr", ".delattr", "mock.patch"))
        and any(isinstance(first, ast.Constant | ast.JoinedStr) for first in node.args[:1])
    )


def test_tests_patch_no_path_in_a_string():
    assert is_patch_of_a_path(ast.parse('bench.monkeypatch.setattr("os.getpid", int)').body[0].value)
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if is_patch_of_a_path(node)
    ]
    assert found == []
