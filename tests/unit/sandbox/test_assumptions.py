"""Each behaviour of the sandbox says how it is known."""

from __future__ import annotations

import re

import pytest

from airflow_provider_minut.sandbox.assumptions import ASSUMPTIONS
from tests.conftest import ROOT

CLIENT = re.compile(r"[\w .,/-]+ (\(v\d+\)|\(unknown version\)|before v\d+)")


@pytest.mark.parametrize("known", ASSUMPTIONS, ids=lambda known: known.text[:40])
def test_kind_is_one_of_three_and_what_was_seen_names_the_client(known):
    assert known.kind in {"documented", "seen", "ours"}
    assert bool(known.clients) == (known.kind == "seen")
    assert known.mark == (f"seen in {known.clients}" if known.clients else known.kind)
    for client in re.split(r"(?<=\)), |(?<=\d), ", known.clients) if known.clients else ():
        assert CLIENT.fullmatch(client), client
    assert re.fullmatch(r".+\.", known.text)


def test_every_kind_occurs_and_no_behaviour_twice():
    assert {known.kind for known in ASSUMPTIONS} == {"documented", "seen", "ours"}
    assert len({known.text for known in ASSUMPTIONS}) == len(ASSUMPTIONS) > 40


def test_page_lists_every_behaviour_with_its_mark_and_nothing_else():
    page = (ROOT / "docs" / "sandbox.md").read_text()
    section = page.partition("\n## How each behaviour is known\n")[2].partition("\n## ")[0]
    section = section.partition("\n[ᵈ]: ")[0]
    listed = [" ".join(entry.split()) for entry in section.split("\n- ")[1:]]
    evidence = {"documented": "ᵈ", "seen": "ˢ", "ours": "ⁱ"}
    expected = [f"**{known.mark}**[{evidence[known.kind]}]: {known.text}" for known in ASSUMPTIONS]
    assert listed == expected
