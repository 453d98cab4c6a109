"""One home's noise and climate on one page, for a property manager to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import resources
from typing import Any

from airflow_provider_minut.report import text as words
from airflow_provider_minut.report.analysis import gather


def noise_report(
    home: Mapping[str, Any],
    devices: Iterable[Mapping[str, Any]],
    readings: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    *,
    start_at: datetime,
    end_at: datetime,
) -> str:
    """Return a report about a home as one HTML page that loads nothing from elsewhere.

    Everything but the IDs may be missing; the page then says what it lacks. Times are in the home's time
    zone. The same input gives the same bytes. Threads may call it. It needs the extra ``report``.

    :param home: ``home_id``, ``name``, ``timezone`` (an IANA name; without one, times are in UTC).
    :param devices: each with ``device_id``, ``description``, ``home``, ``reactions``, ``quiet_hours`` as the
        API has them. Those of another home are left out, with their readings.
    :param readings: each with ``device_id``, ``sensor`` (``sound_level`` in dB, ``temperature`` in °C,
        ``humidity`` in %; others are ignored), ``time`` (aware) and ``value``.
    :param events: each with ``event_id``, ``event_type``, ``event_time`` (aware) and ``home_id``;
        ``noise_detected`` and ``noise_quieted`` are looked at. To tell noise that began before the period,
        give the events from some hours before it too.
    :param start_at: where the period begins, aware.
    :param end_at: where it ends, aware, itself not part of it.
    :raises MinutConfigurationError: for a time without a zone, or a period that ends before it begins.
    :raises ImportError: without matplotlib.
    """
    facts = gather(home, devices, readings, events, start_at=start_at, end_at=end_at)
    # Drawing is expensive to import, and an extra: nobody pays for it who makes no report.
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from airflow_provider_minut.report import charts as plots

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = page.from_string(resources.files(__name__).joinpath("page.html").read_text(encoding="utf-8"))

    def draw(name: str) -> Markup:
        # The drawings hold no text from outside, so there is nothing in them to escape.
        return Markup(getattr(plots, name)(facts))  # noqa: S704 - see above

    return template.render(facts=facts, draw=draw, words=words, legends=plots.legends(facts)) + "\n"
