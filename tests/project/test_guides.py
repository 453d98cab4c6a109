"""The files of the guides that are run as a whole are in their pages, as text that can be copied."""

from __future__ import annotations

import re

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
