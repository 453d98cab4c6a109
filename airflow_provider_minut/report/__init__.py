"""A report about the noise and climate in a home, for a property manager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import resources
from typing import Any

from airflow_provider_minut.report import text
from airflow_provider_minut.report.analysis import analyze


def noise_report(
    home: Mapping[str, Any],
    devices: Iterable[Mapping[str, Any]],
    readings: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    *,
    start_at: datetime,
    end_at: datetime,
) -> str:
    """Return a report about a home as one self-contained HTML page, which loads no external resources.

    All fields except the IDs are optional; the page states what is missing. Times are in the home's time
    zone. The same input gives the same bytes. The function is thread-safe. It requires the extra ``report``.

    :param home: ``home_id``, ``name``, ``timezone`` (an IANA name; without it, times are in UTC).
    :param devices: each with ``device_id``, ``description``, ``home``, ``reactions``, ``quiet_hours`` as
        returned by the API, the last two also in ``configuration``. Devices of other homes are ignored, and
        so are their readings.
    :param readings: each with ``device_id``, ``sensor`` (``sound_level`` in dB, ``temperature`` in °C,
        ``humidity`` in %; others are ignored), ``time`` (timezone-aware) and ``value``.
    :param events: each with ``event_id``, ``event_type``, ``event_time`` (timezone-aware) and ``home_id``;
        only ``noise_detected`` and ``noise_quieted`` are used. To include noise that began before the
        period, also pass the events of the preceding hours.
    :param start_at: start of the period, timezone-aware.
    :param end_at: end of the period (exclusive), timezone-aware.
    :raises MinutConfigurationError: if a time has no time zone, or ``end_at`` is not after ``start_at``.
    :raises ImportError: if matplotlib is not installed.
    """
    data = analyze(home, devices, readings, events, start_at=start_at, end_at=end_at)
    # matplotlib is slow to import and an extra: import it only if a report is rendered.
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from airflow_provider_minut.report import charts

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files(__name__).joinpath("page.html").read_text(encoding="utf-8")

    def draw(name: str) -> Markup:
        return Markup(getattr(charts, name)(data))  # noqa: S704 - a chart has no text from the input to escape

    html = environment.from_string(source).render(
        data=data, draw=draw, text=text, legends=charts.legends(data)
    )
    return html + "\n"
