"""Times, as Minut writes them."""

from __future__ import annotations

from datetime import UTC

from airflow_provider_minut.api.times import from_text, to_text

SEEDS = (
    b"2026-06-01T12:00:00.000Z",
    b"2026-06-01T14:00:00+02:00",
    b"20260601T120000",
    b"0001-01-01T00:00:00+14:00",
)


def one_input(data: bytes) -> None:
    """Fail unless it is an aware time that can be sent, or none."""
    time = from_text(data.decode("utf-8", "surrogateescape"))
    assert time is None or time.tzinfo is UTC
    assert time is None or from_text(to_text(time)) <= time
