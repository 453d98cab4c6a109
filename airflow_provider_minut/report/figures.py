"""What the drawings of a report have in common: margins, axes, time, and the way to SVG.

Nothing here changes matplotlib's global settings, so threads may draw at once, whatever a DAG's author has
set up for plots of their own.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from datetime import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.report import text as words
from airflow_provider_minut.report.model import DAY, Period, ReportData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

INK, FAINT, GRID, MIDNIGHT = "#374151", "#6B7280", "#E5E7EB", "#CBD5E1"
_WIDTH = 9.0  # inches
# Shorter periods have hours on the time axis, longer ones days.
_SHORT = 2.5 * DAY


def new_figure(
    height: float, *, rows: int, top: float, bottom: float, left: float = 0.55, right: float = 0.5
) -> tuple[Figure, list[Axes]]:
    """Return a figure with axes below one another; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), facecolor="none")
    # Margins are fixed, so that plots below one another have the same time above the same place.
    figure.subplots_adjust(
        left=left / _WIDTH,
        right=1 - right / _WIDTH,
        bottom=bottom / height,
        top=1 - top / height,
        hspace=0.18,
    )
    every = [figure.add_subplot(rows, 1, number + 1) for number in range(rows)]
    for axes in every:
        axes.set_facecolor("none")
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(GRID)
        axes.grid(visible=True, axis="y", color=GRID, lw=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", labelsize=9, colors=FAINT, length=0)
    return figure, every


def y_label(axes: Axes, text: str) -> None:
    """Say what an axis shows, and its unit."""
    axes.set_ylabel(text, fontsize=9, color=INK)


def note(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    within: Transform,
    *,
    offset: tuple[float, float],
    **look: Any,
) -> None:
    """Write beside a place; ``offset`` in points."""
    axes.annotate(text, at, xycoords=within, xytext=offset, textcoords="offset points", fontsize=9, **look)


def value_range(values: list[float], step: float, least: Iterable[float] = ()) -> Period:
    """Return limits of an axis, multiples of a step, that include the values and ``least``."""
    low, high = min([*values, *least]), max([*values, *least])
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return (bottom, top) if top > bottom else (bottom - step, top + step)


def time_room(facts: ReportData) -> float:
    """Return the inches that the names on a time axis need."""
    return 0.47 if facts.end - facts.start < _SHORT else 0.3


def time_axis(axes: Axes, facts: ReportData) -> None:
    """Draw lines at midnight and names of days between them; in short periods, hours."""
    axes.set_xlim(facts.start, facts.end)
    axes.tick_params(axis="x", pad=7)  # clear of the lowest value's name
    midnights = [m for day in facts.days if facts.start <= (m := facts.moment(day, time())) < facts.end]
    if facts.end - facts.start < _SHORT:
        ticks = _clock_ticks(facts)
        names = [f"{facts.local(tick):%H:%M}" for tick in ticks]
        for number, tick in enumerate(ticks):
            if number == 0 or facts.local(tick).time() == time():
                names[number] += "\n" + words.day(facts.local(tick))
        axes.set_xticks(ticks, names)
    elif len(facts.days) <= 10:
        edges = [facts.start, *midnights, facts.end]
        wide = [(a, b) for a, b in pairwise(edges) if b - a > DAY / 2]
        axes.set_xticks([(a + b) / 2 for a, b in wide], [words.day(facts.local(a)) for a, _ in wide])
    else:
        midnights = midnights[:: math.ceil(len(midnights) / 9)]
        axes.set_xticks(midnights, [words.day(facts.local(m)) for m in midnights])
    for midnight in midnights:
        axes.axvline(midnight, color=MIDNIGHT, lw=0.8, zorder=0.5)


def _clock_ticks(facts: ReportData) -> list[float]:
    ticks: list[float] = []
    for minutes in (15, 30, 60, 120, 180, 360):
        clocks = [time(m // 60, m % 60) for m in range(0, 1440, minutes)]
        every = {facts.moment(day, clock) for day in facts.days for clock in clocks}
        ticks = sorted(tick for tick in every if facts.start <= tick <= facts.end)
        if len(ticks) <= 10:
            break
    return ticks


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as an element.

    matplotlib makes up IDs from random numbers unless a global setting says otherwise, and they would meet
    those of the page's other figures. Here they become numbers.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    ids: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        ids.setdefault(found, f"{name}-{len(ids)}")
    svg = re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda match: match[1] + ids[match[2]], svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1).rstrip()
