"""Parts shared by all charts: figures, axes, time axes, conversion to SVG.

matplotlib's global settings stay unchanged, so several threads may draw charts at the same time, whatever a
DAG author has configured for other plots.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from datetime import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.report import text
from airflow_provider_minut.report.model import DAY, Period, ReportData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

INK, FAINT, GRID, MIDNIGHT = "#374151", "#6B7280", "#E5E7EB", "#CBD5E1"
_WIDTH = 9.0  # inches
# In shorter periods the time axis shows hours, in longer ones days.
_SHORT = 2.5 * DAY


def new_figure(
    height: float, *, rows: int, top: float, bottom: float, left: float = 0.55, right: float = 0.5
) -> tuple[Figure, list[Axes]]:
    """Return a figure with vertically stacked axes; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), facecolor="none")
    # Fixed margins: the time axes of all charts on the page are aligned.
    figure.subplots_adjust(
        left=left / _WIDTH,
        right=1 - right / _WIDTH,
        bottom=bottom / height,
        top=1 - top / height,
        hspace=0.18,
    )
    stacked = [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]
    for axes in stacked:
        axes.set_facecolor("none")
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(GRID)
        axes.grid(visible=True, axis="y", color=GRID, lw=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", labelsize=9, colors=FAINT, length=0)
    return figure, stacked


def y_label(axes: Axes, label: str) -> None:
    """Set the label of the y-axis: quantity and unit."""
    axes.set_ylabel(label, fontsize=9, color=INK)


def annotate(
    axes: Axes,
    label: str,
    xy: tuple[float, float],
    transform: Transform,
    *,
    offset: tuple[float, float],
    **style: Any,
) -> None:
    """Write a label next to a position.

    :param xy: the position, in coordinates of ``transform``.
    :param offset: distance of the label from the position, in points.
    """
    axes.annotate(
        label, xy, xycoords=transform, xytext=offset, textcoords="offset points", fontsize=9, **style
    )


def value_range(values: list[float], step: float, least: Iterable[float] = ()) -> Period:
    """Return limits of an axis that are multiples of ``step`` and include ``values`` and ``least``."""
    low, high = min([*values, *least]), max([*values, *least])
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return (bottom, top) if top > bottom else (bottom - step, top + step)


def time_axis_height(data: ReportData) -> float:
    """Return the height of the labels of a time axis, in inches."""
    return 0.47 if data.end - data.start < _SHORT else 0.3


def time_axis(axes: Axes, data: ReportData) -> None:
    """Draw lines at midnight, and label the days between them; in short periods label hours."""
    axes.set_xlim(data.start, data.end)
    axes.tick_params(axis="x", pad=7)  # do not touch the lowest label of the y-axis
    midnights = [m for day in data.days if data.start <= (m := data.timestamp(day, time())) < data.end]
    if data.end - data.start < _SHORT:
        ticks = _clock_ticks(data)
        labels = [f"{data.local(tick):%H:%M}" for tick in ticks]
        for index, tick in enumerate(ticks):
            if index == 0 or data.local(tick).time() == time():
                labels[index] += "\n" + text.day(data.local(tick))
        axes.set_xticks(ticks, labels)
    elif len(data.days) <= 10:
        edges = [data.start, *midnights, data.end]
        wide = [(a, b) for a, b in pairwise(edges) if b - a > DAY / 2]
        axes.set_xticks([(a + b) / 2 for a, b in wide], [text.day(data.local(a)) for a, _ in wide])
    else:
        midnights = midnights[:: math.ceil(len(midnights) / 9)]
        axes.set_xticks(midnights, [text.day(data.local(m)) for m in midnights])
    for midnight in midnights:
        axes.axvline(midnight, color=MIDNIGHT, lw=0.8, zorder=0.5)


def _clock_ticks(data: ReportData) -> list[float]:
    ticks: list[float] = []
    for minutes in (15, 30, 60, 120, 180, 360):
        clocks = [time(m // 60, m % 60) for m in range(0, 1440, minutes)]
        candidates = {data.timestamp(day, clock) for day in data.days for clock in clocks}
        ticks = sorted(tick for tick in candidates if data.start <= tick <= data.end)
        if len(ticks) <= 10:
            break
    return ticks


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as an SVG element for embedding in HTML.

    matplotlib generates random IDs unless a global setting is changed, and they may collide with those of
    the page's other figures. They are replaced with ``name`` and a number.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    ids: dict[str, str] = {}
    for original in re.findall(r'\bid="([^"]+)"', svg):
        ids.setdefault(original, f"{name}-{len(ids)}")
    svg = re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda match: match[1] + ids[match[2]], svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1).rstrip()
