"""The documentation as a site: built as the gate does it, and strict enough to notice."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.project.test_docs import CLASSES, ERRORS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def build(source, target):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", target)
    assert done.returncode == 0, done.stderr
    return target


def test_every_public_class_is_in_the_reference(site):
    from sphinx.util.inventory import InventoryFile  # the cells of the matrix, which leave this out, lack it

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    found = {name for kind in ("py:class", "py:exception") for name in inventory.data[kind]}
    missing = {f"{thing.__module__}.{thing.__name__}" for thing in (*CLASSES, *ERRORS)} - found
    assert missing == set()


def test_every_argument_is_described_where_its_class_is(site):
    pages = "".join(path.read_text() for path in (site / "reference").glob("*.html"))
    for thing in CLASSES:
        own = vars(thing).get("__init__")
        after = pages.split(f'id="{thing.__module__}.{thing.__name__}"', 1)[1]
        described = re.findall(r"<strong>(\w+)</strong>", after.split('id="airflow_provider_minut.', 1)[0])
        arguments = set(inspect.signature(own).parameters) - {"self", "kwargs"} if own else set()
        assert arguments <= set(described), thing.__name__


@pytest.fixture
def two_pages(tmp_path):
    pages = tmp_path / "docs"
    pages.mkdir()
    shutil.copy(ROOT / "docs/conf.py", pages)
    shutil.copytree(ROOT / "docs/static", pages / "static")
    (tmp_path / "dags").symlink_to(ROOT / "dags")
    (pages / "index.md").write_text("# One\n\n```{toctree}\nother\n```\n")
    (pages / "other.md").write_text("# Another\n\n## Heading\n")
    return pages


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("[a page](nowhere.md)", "cross-reference target not found: 'nowhere.md'"),
        ("[a heading](other.md#nowhere)", "local id not found in doc 'other': 'nowhere'"),
        ("![a picture](nowhere.png)", "image file not readable: nowhere.png"),
        (
            "{py:class}`airflow_provider_minut.Nowhere`",
            "reference target not found: airflow_provider_minut.Nowhere",
        ),
        (
            "```{literalinclude} ../dags/minut_export.py\n:start-at: nowhere\n```",
            "start-at pattern not found: nowhere",
        ),
    ],
    ids=["page", "anchor", "picture", "class", "piece of a DAG"],
)
def test_what_leads_nowhere_breaks_the_build(two_pages, tmp_path, mistake, message):
    right = "[a heading](other.md#heading)"
    page = two_pages / "other.md"
    page.write_text(page.read_text() + right)
    assert build(two_pages, tmp_path / "site").returncode == 0
    page.write_text(f"{page.read_text()}\n\n{mistake}\n")
    done = build(two_pages, tmp_path / "site")
    assert done.returncode == 1
    assert message in done.stderr


def test_page_in_no_menu_breaks_the_build(two_pages, tmp_path):
    (two_pages / "lost.md").write_text("# A third\n")
    done = build(two_pages, tmp_path / "site")
    assert done.returncode == 1
    assert "document isn't included in any toctree" in done.stderr
