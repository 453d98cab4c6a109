"""``airflow minut check`` and ``minut-check``: compare what Minut sends with what the provider expects."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.cli.connection import CONN_ID, open_client, print_line

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient
    from airflow_provider_minut.api_check.analysis import Finding
    from airflow_provider_minut.api_check.features import Assessment
    from airflow_provider_minut.api_check.replies import Reply

DESCRIPTION = """\
Compare what Minut sends with what the provider expects. Each known endpoint is requested once, within the
rate limit, for the last day; nothing is written to Minut. The output and the report contain names and types
of fields, but no values. The exit code is 1 if a feature of the provider does not work, or only in part."""
REPORT: dict[str, Any] = {"metavar": "FILE", "help": "write a report as JSON, to attach to an issue"}
# Each endpoint is requested once, so a request that fails is not retried.
SETTINGS: dict[str, Any] = {"max_attempts": 1}
WIDTH = 100
INDENT = 17


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code, see :func:`run_check`."""
    parser = argparse.ArgumentParser(prog="minut-check", description=DESCRIPTION)
    parser.add_argument("conn_id", **CONN_ID)
    parser.add_argument("--report", **REPORT)
    args = parser.parse_args(argv)
    return run_check(args.conn_id, args.report)


def run_check(conn_id: str, report_path: str | None) -> int:
    """Check the API with a connection; return 1 if a feature does not work, or only in part, else 0.

    :param conn_id: ID of the connection.
    :param report_path: Path of the report; ``None`` for no report.
    """
    client = open_client(conn_id, SETTINGS)
    # Whether the report can be written is found out before the first request.
    if client is None or (report_path and not _write(report_path, "", mode="a")):
        return 1
    with client:
        findings = _findings(_request_all(client))

    from airflow_provider_minut.api_check.features import FEATURES, assess
    from airflow_provider_minut.api_check.report import report

    by_path = {finding.endpoint.path: finding for finding in findings}
    assessments = [assess(feature, by_path) for feature in FEATURES]
    _print_findings([finding for finding in findings if finding.reply.answered])
    works = _print_assessments(assessments)
    if not report_path:
        print_line("Report", "none; --report FILE writes one without any value, to attach to an issue")
        return int(not works)
    content = json.dumps(report(client.settings.base_url, findings, assessments), indent=2)
    written = _write(report_path, f"{content}\n")
    if written:
        print_line("Report", report_path)
        print_line("", "It contains no values. Read it, then attach it to an issue.")
    return int(not (works and written))


def _request_all(client: MinutClient) -> list[Reply]:
    from airflow_provider_minut.api_check.endpoints import ENDPOINTS
    from airflow_provider_minut.api_check.replies import request_all

    print_line("API", client.settings.base_url)
    count, width = len(ENDPOINTS), max(len(endpoint.name) for endpoint in ENDPOINTS)
    print(f"\nRequesting {count} endpoints once, for the last day. Nothing is written to Minut.\n")
    replies = []
    for number, reply in enumerate(request_all(client, datetime.now(UTC)), start=1):
        note = "; optional" if reply.endpoint.use and not reply.answered else ""
        print(f"[{number:2}/{count}] {reply.endpoint.name:{width}}  {reply.outcome}{note}", flush=True)
        replies.append(reply)
    if replies[0].error:
        print("\nFor the message of the error, run: airflow minut status (Airflow 3.1: minut-status)")
    return replies


def _findings(replies: Collection[Reply]) -> list[Finding]:
    from airflow_provider_minut.api_check.analysis import analyse
    from airflow_provider_minut.api_check.field_names import FieldNames

    shown = FieldNames(reply.data for reply in replies)
    return [analyse(reply, shown) for reply in replies]


def _print_findings(findings: Collection[Finding]) -> None:
    if not findings:
        return
    print("\nShapes, and differences from what the provider expects. In parentheses, the source of the")
    print("expectation: documented by Minut, seen in a public client, or inferred.")
    for finding in findings:
        _print_finding(finding)


def _print_finding(finding: Finding) -> None:
    print(f"\n{finding.endpoint.name}")
    _print_wrapped("shape", _shape_text(finding.shape))
    if finding.problem:
        _print_wrapped("problem", finding.problem)
    fields: dict[str, list[str]] = {}
    for difference in finding.differences:
        fields.setdefault(f"{difference.text} ({difference.source})", []).append(difference.field)
    for text, names in fields.items():
        _print_wrapped("differs", f"{', '.join(names)}: {text}")
    if finding.unknown:
        _print_wrapped("also sends", ", ".join(finding.unknown))


def _shape_text(shape: Any) -> str:
    """Return a shape as text that is shorter than JSON."""
    if isinstance(shape, list):
        return f"[{', '.join(map(_shape_text, shape))}]"
    if not isinstance(shape, dict):
        return str(shape)
    if shape.keys() == {"one of"}:
        return " or ".join(map(_shape_text, shape["one of"]))
    return f"{{{', '.join(f'{name}: {_shape_text(inner)}' for name, inner in shape.items())}}}"


def _print_assessments(assessments: Collection[Assessment]) -> bool:
    """Print which features work; return whether all do that were tested."""
    from airflow_provider_minut.api_check.features import Verdict

    print("\nFeatures of the provider\n")
    for found in assessments:
        _print_wrapped(found.verdict.value, found.feature.name)
        for reason in found.reasons:
            _print_wrapped("", f"- {reason}", hanging="  ")
    counts = Counter(found.verdict for found in assessments)
    print()
    print_line("Result", ", ".join(f"{verdict}: {counts[verdict]}" for verdict in Verdict if counts[verdict]))
    return not (counts[Verdict.FAILS] or counts[Verdict.PARTLY])


def _print_wrapped(label: str, text: str, hanging: str = "") -> None:
    print(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"  {label}".ljust(INDENT),
            subsequent_indent=" " * INDENT + hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _write(path: str, content: str, mode: str = "w") -> bool:
    """Write a file; return whether that worked, and print why it did not."""
    try:
        with Path(path).open(mode) as file:
            file.write(content)
    except OSError as error:
        print_line("Error", f"The report {path} cannot be written: {error.strerror or error}")
        return False
    return True
