"""The files of the guides that are run as a whole are in their pages, as text that can be copied."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.conftest import ROOT

HOWTO = ROOT / "docs" / "howto"
LANGUAGES = {".py": "python", ".sql": "jinja", ".yml": "yaml"}
PAGES = {"dbt": "feed-dbt.md", "dlt": "feed-dlt.md"}
FILES = sorted(path for folder in PAGES for path in (HOWTO / folder).rglob("*.*") if path.suffix in LANGUAGES)


def test_there_are_files():
    assert len(FILES) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOWTO)))
def test_page_names_the_file_and_has_its_text(path):
    folder = path.relative_to(HOWTO).parts[0]
    page = (HOWTO / PAGES[folder]).read_text()
    assert f"```{LANGUAGES[path.suffix]}\n{path.read_text()}```\n" in page
    assert f"`{path.relative_to(HOWTO / folder)}`" in page


@pytest.mark.parametrize("folder", PAGES)
def test_page_has_no_code_of_another_file(folder):
    """Other blocks are commands and settings."""
    page = (HOWTO / PAGES[folder]).read_text()
    blocks = re.findall(r"^```(\w+)\n", page, re.MULTILINE)
    ours = [path for path in FILES if path.relative_to(HOWTO).parts[0] == folder]
    assert sum(language in LANGUAGES.values() for language in blocks) == len(ours)


EXCERPT = re.compile(r"<!-- from (\S+) -->\n\n```python\n(.*?)```\n", re.DOTALL)
EXCERPTS = [
    pytest.param(*found, id=page.stem)
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for found in EXCERPT.findall(page.read_text())
]


def test_there_are_excerpts():
    assert len(EXCERPTS) >= 17
    assert not [page for page in HOWTO.glob("*.md") if "{literalinclude}" in page.read_text()]


@pytest.mark.parametrize(("path", "text"), EXCERPTS)
def test_excerpt_in_a_page_is_as_in_the_file(path, text):
    # Between functions, the formatter wants one empty line inside a DAG and two outside.
    source, text = (re.sub(r"\n\n+", "\n\n", each) for each in ((ROOT / path).read_text(), text))
    indented = [textwrap.indent(text, " " * depth) for depth in (0, 4, 8)]
    assert any(each in source for each in indented)
