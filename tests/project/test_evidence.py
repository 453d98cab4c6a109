"""Each statement about Minut's API in the documentation carries its evidence: documented, seen or inferred."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
LEGEND = DOCS / "api-facts.md"
EVIDENCE = {"ᵈ": "documented", "ˢ": "seen", "ⁱ": "inferred"}
# Their texts come from the code and its tests, and are about the provider.
GENERATED = {"configuration.md", "errors.md", "faults.md"}
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted(DOCS.glob("*.md")) if path != LEGEND and path.name not in GENERATED),
    *sorted((DOCS / "howto").glob("*.md")),
]

MARK = re.compile(r"\[([ᵈˢⁱ])\]")
DEFINITION = re.compile(r'^\[([ᵈˢⁱ])\]: (\S+) "(\w+)[^"]*"$', re.MULTILINE)
NO_TEXT = re.compile(
    r"^(```).*?^\1|<!-- measured -->.*?<!-- end -->|<!--.*?-->|“[^”]*”|!\[[^\]]*\]\(\S+\)|^\[\S+\]: .*?$",
    re.DOTALL | re.MULTILINE,
)
ITEM = re.compile(r"^ *(?:[-*]|\d+\.) ", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.!?])(?:\*\*)?\s+")

STATEMENT = re.compile(
    r"""
    # Minut as a subject, unless it is that of a condition: "if Minut rejects", "what Minut sends".
      (?<!\b[Ii]f\ )(?<!\b[Ww]hen\ )(?<!\bwhether\ )(?<!\bunless\ )(?<!\b[Uu]ntil\ )(?<!\bwhile\ )
      (?<!\bthat\ )(?<!\bwhat\ )(?<!\bas\ )(?<!\bbecause\ )
      \bMinut(?:'s\ (?:API|backend|servers?))?\ (?:also\ |never\ |then\ )?
      (?!(?:as|is|was|connections|credentials|devices|events|homes|webhooks)\b)[a-z]+s\b
    # What devices do.
    | \b[Dd]evices\ (?:check|apply|upload|report|contact)\b
    | (?<!\bwhen\ a\ )\b[Dd]evice\ (?:checks|applies|uploads|reports|contacts)\b
    | \b(?:needs\ API\ access|[Qq]uiet\ hours\ are|[Nn]oise\ belongs|grace\ period)\b
    # Fields of the API.
    | (?:\bits|'s|\bthe)\ `next_heartbeat_at`|`(?:hook_secret|latest_sensor_values|X-Minut-Signature)`
    # Numbers of the documented rate limit.
    | \b(?:5|20|50|120)\ (?:requests\ )?(?:/|a|per|in\ a)\ (?:second|minute|min)\b
    """,
    re.VERBOSE,
)
ENDPOINT = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE)`?\ `?/(?!minut/|api/|_sandbox)")
# Here, endpoints are those of the sandbox.
NO_ENDPOINTS = {"docs/sandbox.md"}
NOT_KNOWN = re.compile(r"not document|not known|unknown whether|[Nn]o (?:public )?source")

# Sentences that look like statements about the API and are none: page, a part of the sentence, the reason.
EXCEPTIONS = [
    ("docs/soak.md", "Until it is done, Minut rejects", "this Minut is the sandbox"),
    ("docs/troubleshooting.md", "If the request is `POST /oauth/token`", "a condition"),
]

# Guesses are not facts: a sentence about the first carries the second.
GUESSES = [
    (r"noise_(?:detected|quieted)`.*`disturbance_|`disturbance_.*`noise_(?:detected|quieted)", "ⁱ"),
    (r"time_resolution.*\b(?:epoch|multiple)|\b(?:epoch|multiple)s?\b.*time_resolution", "ⁱ"),
    (r"`X-Minut-Signature`", "ⁱ"),
    (r"value of the `Authorization`", "ˢ"),
    (r"settings/api-clients", "ˢ"),
]
# It is advice, and noise is an event only after it has lasted for minutes.
WRONG = re.compile(
    r"Minut (?:requires|demands) that|as Minut requires|within seconds of (?:a|the) noise\b", re.IGNORECASE
)


def units(page):
    """Yield the headings, table rows and sentences of a page."""
    for block in re.split(r"\n\s*\n", NO_TEXT.sub("\n", page)):
        if block.lstrip().startswith("|"):
            yield from (line.strip() for line in block.strip().splitlines())
            continue
        for item in ITEM.split(block):
            yield from SENTENCE_END.split(" ".join(item.split()))


def without_evidence(page, *, endpoints=True):
    """Return the statements about the API that carry no mark."""
    return [
        unit
        for unit in units(page)
        if (STATEMENT.search(unit) or (endpoints and ENDPOINT.search(unit)))
        and not MARK.search(unit)
        and not NOT_KNOWN.search(unit)
    ]


def guesses_as_facts(page):
    """Return the sentences about something that is not documented without the mark for it."""
    return [
        unit
        for unit in units(page)
        if any(re.search(pattern, unit) and mark not in MARK.findall(unit) for pattern, mark in GUESSES)
    ]


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_statement_about_the_api_carries_its_evidence(page):
    ours = [part for name, part, _reason in EXCEPTIONS if name == name_of(page)]
    found = without_evidence(page.read_text(), endpoints=name_of(page) not in NO_ENDPOINTS)
    left = [unit for unit in found if not any(part in unit for part in ours)]
    assert not left, "add [ᵈ], [ˢ] or [ⁱ], see docs/api-facts.md, or an exception with its reason"
    assert not [part for part in ours if not any(part in unit for unit in found)], "not needed any more"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_marks_of_a_page_lead_to_the_legend(page):
    text = page.read_text()
    defined = {mark: (target, word) for mark, target, word in DEFINITION.findall(text)}
    assert defined.keys() == set(MARK.findall(DEFINITION.sub("", text)))
    for mark, (target, word) in defined.items():
        path, _, anchor = target.partition("#")
        assert (page.parent / path).resolve() == LEGEND
        assert f"\n## {anchor}\n" in LEGEND.read_text().lower()
        assert word == EVIDENCE[mark]


def test_legend_explains_each_mark():
    for mark, word in EVIDENCE.items():
        assert f"\n| {mark} | {word} | " in LEGEND.read_text()


def test_each_known_fact_has_its_evidence_and_its_source():
    rows = [line.split(" | ") for line in LEGEND.read_text().splitlines() if line.startswith("| ")]
    facts = [
        row for row in rows if len(row) == 3 and row[1] != "Evidence" and row[0].strip("| ") not in EVIDENCE
    ]
    assert len(facts) > 60
    for statement, evidence, source in facts:
        assert evidence in EVIDENCE.values(), statement
        assert source.strip("| "), statement


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_guess_is_marked_as_what_it_is(page):
    assert guesses_as_facts(page.read_text()) == []


def test_advice_is_not_told_as_a_demand_anywhere():
    code = [*(ROOT / "airflow_provider_minut").rglob("*.py"), *(ROOT / "dags").glob("*.py")]
    for path in [*PAGES, LEGEND, *code]:
        found = WRONG.search(" ".join(path.read_text().split()))
        assert not found, f"{path}: {found}"


@pytest.mark.parametrize(
    "statement",
    [
        "Minut allows 120 requests a minute.",
        "This is known, but Minut blocks clients.",
        "Minut's backend also delays requests.",
        "Devices check in about once an hour.",
        "A device applies a change later.",
        "- It calls `GET /homes/{home_id}/events`.",
        "1. The rate is 20 requests per second[ᵈ].\n2. It is 50 in a second.",
        "| Field | Meaning |\n|---|---|\n| `hook_secret` | the key |",
        "Minut sends events[ᵈ]. Minut also\nsends them late.",
    ],
)
def test_statement_without_evidence_is_found(statement):
    assert len(without_evidence(f"# Page\n\nSome text.\n\n{statement}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Minut allows 120 requests a minute[ᵈ].",
        "If Minut rejects the credentials, the task fails.",
        "The files contain every field that Minut sends.",
        "Minut does not document the order.",
        "```bash\ncurl 'GET /homes'  # Minut returns homes\n```",
        "The page lists Minut connections.",
    ],
)
def test_other_text_needs_no_evidence(text):
    assert without_evidence(f"# Page\n\n{text}\n") == []


@pytest.mark.parametrize(
    "guess",
    [
        "`noise_detected` corresponds to `disturbance_first_notice`[ᵈ].",
        "The buckets of `time_resolution` are aligned to the epoch[ˢ].",
        "The header is `X-Minut-Signature`[ˢ].",
        "Create it at <https://web.minut.com/settings/api-clients>[ᵈ].",
    ],
)
def test_guess_that_is_marked_as_a_fact_is_found(guess):
    assert len(guesses_as_facts(f"# Page\n\n{guess}\n")) == 1
