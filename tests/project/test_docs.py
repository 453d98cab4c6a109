"""What the documentation has to say, and whether it is so. How it is built is tests/system/test_site.py."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

import pytest

from airflow_provider_minut import exceptions
from airflow_provider_minut.get_provider_info import get_provider_info
from docs._generate import configuration as configuration_page
from docs._generate import tables as tables_page
from tests.conftest import ROOT

INFO = get_provider_info()
DOCS = ROOT / "docs"
AT_THE_TOP = ("README.md", "SECURITY.md", "CHANGELOG.md")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
QUOTE = re.compile(r"“([^”]+)”")
IMPORT = re.compile(r"from airflow_provider_minut\.([\w.]+) import (?:\(([^)]+)\)|([^\n(]+))")
AIRFLOWS_OWN = {"The conn_id `minut_default` isn't defined"}


def listed_modules():
    groups = [group for kind in ("hooks", "operators", "sensors", "triggers") for group in INFO[kind]]
    listed = [name for group in groups for name in group["python-modules"]]
    return [*listed, *(transfer["python-module"] for transfer in INFO["transfers"])]


def public_classes(module_name):
    module = importlib.import_module(module_name)
    return [
        thing
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and thing.__module__ == module_name and not name.startswith("_")
    ]


CLASSES = [found for name in listed_modules() for found in public_classes(name)]
ERRORS = public_classes(exceptions.__name__)


def named(things):
    return pytest.mark.parametrize("thing", things, ids=[thing.__name__ for thing in things])


def text_below(folder):
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.md")))


def test_there_is_something_to_look_at():
    assert len(CLASSES) >= 14
    assert len(ERRORS) >= 10


@named(CLASSES)
def test_every_public_class_is_shown_in_use(thing):
    assert f"`{thing.__name__}" in text_below(DOCS / "howto")


@named(CLASSES)
def test_every_argument_is_described_in_the_reference(thing):
    """Autodoc shows docstrings, and none of classes that begin with an underscore."""
    ours = [base for base in thing.__mro__ if base.__module__.startswith("airflow_provider_minut.")]
    shown = "".join(inspect.getdoc(base) or "" for base in ours if not base.__name__.startswith("_"))
    handed_on = "".join(re.findall(r":param kwargs:.*", shown))
    for base in ours:
        own = vars(base).get("__init__")
        for name in set(inspect.signature(own).parameters) - {"self", "kwargs"} if own else ():
            assert f":param {name}:" in shown or f"``{name}``" in handed_on, f"{thing.__name__}({name}=)"


@named(ERRORS)
def test_every_error_is_on_its_page_with_cause_and_remedy(thing):
    page = (DOCS / "errors.md").read_text()
    remedy = f"\n**Remedy.** {thing.remedy}\n" if thing.remedy else ""
    assert f"## {thing.__name__}\n\n**Cause.** {thing.cause}\n{remedy}" in page


@pytest.mark.parametrize("page", [configuration_page, tables_page], ids=lambda page: page.PAGE.stem)
def test_page_derived_from_the_code_is_up_to_date(page):
    assert page.PAGE.read_text() == page.page(), "run: uvx nox -s generate"


def test_every_field_of_a_connection_is_on_its_page():
    page = (DOCS / "connection.md").read_text()
    kind = INFO["connection-types"][0]
    for name, field in kind["conn-fields"].items():
        assert f"| {field['label']} | extra `{name}` |" in page
    for name, label in {**kind["ui-field-behaviour"]["relabeling"], "port": "Port"}.items():
        assert f"| {label} | `{name}` |" in page


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.stem)
def test_every_example_dag_is_spoken_of(path):
    assert path.name in (ROOT / "README.md").read_text()
    assert path.name in text_below(DOCS) + text_below(DOCS / "howto")


def test_what_others_are_told_to_import_is_in_the_reference():
    """The reference says what the public interface is; nothing else may be shown."""
    pages = [
        ROOT / "README.md",
        *DOCS.glob("*.md"),
        *(DOCS / "howto").glob("*.md"),
        *(ROOT / "dags").glob("*.py"),
    ]
    reference = text_below(DOCS / "reference")
    told = {
        (module, name)
        for page in pages
        for module, in_brackets, in_line in IMPORT.findall(page.read_text())
        for name in re.findall(r"\w+", in_brackets or in_line)
    }
    assert len(told) > 15
    for module, name in told:
        entry = re.search(
            rf"automodule:: airflow_provider_minut\.{module}\n\s+:members:(?P<only>.*)", reference
        )
        assert entry, f"{module} is not in the reference"
        assert not entry["only"] or name in entry["only"].replace(",", " ").split(), f"{module}.{name}"


def test_messages_in_troubleshooting_are_those_of_the_code():
    """Where the code puts a value there are dots; an error about a field is put together with a colon."""
    texts = {
        node.value
        for path in (ROOT / "airflow_provider_minut").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    quotes = set(QUOTE.findall((DOCS / "troubleshooting.md").read_text())) - AIRFLOWS_OWN
    assert len(quotes) > 20
    for quote in quotes:
        for piece in re.split(r"… |…|: ", quote):
            assert any(piece in text for text in texts), f"{piece} of {quote}"


def anchors(text):
    """Return what GitHub and MyST call the headings."""
    headings = HEADING.findall(CODE_BLOCK.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", AT_THE_TOP)
def test_links_of_pages_at_the_top_lead_somewhere(name):
    """Sphinx does the same for the pages below docs."""
    links = [
        link for link in LINK.findall(CODE_BLOCK.sub("", (ROOT / name).read_text())) if "://" not in link
    ]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = ROOT / (path or name)
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def test_readme_tells_the_two_commands():
    blocks = CODE_BLOCK.findall((ROOT / "README.md").read_text())
    for command in ("minut-demo", "pytest"):
        assert f"```bash\npip install uv && uv run {command}\n```" in blocks
