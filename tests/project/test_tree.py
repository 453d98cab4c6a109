"""Where things are: tests mirror the package, and nothing is loose in its root."""

from __future__ import annotations

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
