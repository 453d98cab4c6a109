"""Every row of the table of faults in tests/integration/faults.

In no row may a secret be in the error, in an attached exception, in the traceback or in any log.
"""

from __future__ import annotations

import os
import re

import pytest

from docs._generate.faults import PAGE, page
from tests.integration.faults.fault import SECRETS, Bench
from tests.integration.faults.table import GROUPS

# The request, the endpoint or the field that caused the error.
SUBJECT = re.compile(
    r"^[a-z_]+: |(GET|POST|PUT|PATCH|DELETE) /\w|[Tt]he token endpoint|access_token|token_type"
)
ROWS = [fault for group in GROUPS.values() for fault in group]


def _parameter(fault):
    reason = "only root can mount a file system or change the owner of a file"
    marks = [pytest.mark.skipif(os.geteuid() != 0, reason=reason)] if fault.needs_root else []
    return pytest.param(fault, id=fault.name, marks=marks)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return Bench(tmp_path, monkeypatch)


@pytest.mark.parametrize("fault", [_parameter(fault) for fault in ROWS])
def test_fault(bench, fault):
    outcome = bench.run(fault)
    assert outcome.error == fault.error, outcome.text or outcome.value
    if fault.error:
        assert fault.message in outcome.text
    else:
        assert outcome.value == fault.value
    if fault.error.startswith("Minut"):
        assert SUBJECT.search(outcome.text), "the request or the field is missing"
    assert fault.log in outcome.logs
    assert len(bench.server.requests) in fault.sent_range
    assert len(bench.server.token_requests) == fault.tokens
    least, most = fault.waits
    assert least <= sum(bench.clock.slept) <= most
    assert outcome.seconds < fault.seconds
    if fault.mebibytes:
        assert outcome.peak < fault.mebibytes
    for secret in SECRETS:
        assert secret not in outcome.evidence
    assert len(outcome.text) < 900
    assert outcome.text.isprintable()
    if fault.check:
        fault.check(bench, outcome)


def test_rows_are_many_and_distinct():
    names = [fault.name for fault in ROWS]
    assert len(set(names)) == len(names) >= 100


def test_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run: uvx nox -s generate"
