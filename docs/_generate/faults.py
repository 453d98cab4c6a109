"""docs/faults.md: the table of faults that the integration tests try, as a page to read."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults.table import GROUPS

PAGE = Path(__file__).parents[1] / "faults.md"

INTRODUCTION = """\
# What happens when something goes wrong

Written by `nox -s generate` from the table that `tests/integration/test_faults.py` tries,
row by row, over real sockets, files and processes; a test compares this page with it.

Of every row these are checked too: no secret (client secret, Basic value, access token, passwords) is in the error,
in what is behind it, in its traceback, or in any log down to DEBUG; the text of an error is one short line; it takes
bounded time; its error names the request or the field; and the server counts its requests. Where a time limit is
named it is short for the test's sake; the defaults are in [connection.md](connection.md).
"""


def page() -> str:
    """Return the page as Markdown."""
    count = sum(map(len, GROUPS.values()))
    parts = [f"{INTRODUCTION}\n{count} faults.\n"]
    for title, faults in GROUPS.items():
        rows = [f"| {_cell(f.what)} | {_cell(f.seen)} | {_cell(f.spared)} |\n" for f in faults]
        parts.append(
            f"## {title}\n\n| Fault | What the user sees | What does not happen |\n|---|---|---|\n{''.join(rows)}"
        )
    return "\n".join(parts)


def _cell(text):
    return text.replace("|", "\\|")
