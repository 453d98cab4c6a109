"""docs/errors.md says what the code says."""

from __future__ import annotations

from docs._generate.errors import FAULTS, PAGE, classes, page, texts


def test_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run: uvx nox -s generate"


def test_every_error_that_is_raised_has_a_text():
    found = texts()
    assert sum(map(len, found.values())) == len(FAULTS)
    raised = {kind.__name__ for kind in classes() if not kind.__subclasses__()}
    assert set(found) == raised


def test_causes_and_remedies_are_distinct():
    own = [kind for kind in classes() if "remedy" in vars(kind)]
    assert len({kind.remedy for kind in own}) == len(own) >= 9
    assert len({kind.cause for kind in classes()}) == len(classes())
