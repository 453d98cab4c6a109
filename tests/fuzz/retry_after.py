"""The headers that say when to come again."""

from __future__ import annotations

import math

from airflow_provider_minut.api.http.response import retry_after

SEEDS = (
    b"120",
    b"Mon, 23 Nov 2020 10:00:21 GMT\nMon, 23 Nov 2020 10:00:00 GMT",
    b"Sun Nov  6 08:49:37 1994\nSunday, 06-Nov-94 08:49:37 GMT",
    b"Mon, 23 Nov 9999 23:59:59 -9959\n1",
)


def one_input(data: bytes) -> None:
    """Fail unless it is a number of seconds, or nothing."""
    wanted, _, date = data.decode("latin-1").partition("\n")
    wait = retry_after({"Retry-After": wanted, "Date": date})
    assert wait is None or 0 <= wait < math.inf
