"""The drawings of a report, as SVG to put into HTML.

No text from outside is drawn: names may hold what fonts lack and what matplotlib takes for formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.report import text as words
from airflow_provider_minut.report.figures import (
    FAINT,
    new_figure,
    note,
    time_axis,
    time_room,
    to_svg,
    value_range,
    y_label,
)
from airflow_provider_minut.report.model import NoiseLimit, Period, Points, ReportData

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart with any colour vision, and at least 3:1 on white.
_COLORS = ("#2F6DA8", "#C0771A", "#23857A", "#8A559B", "#6B7280", "#7A4A2B")
_CSS_STYLES = {"-": "solid", "--": "dashed", ":": "dotted"}
_NOISE, _NOISE_AREA, _QUIET, _LIMIT = "#C2413A", "#F3C9C5", "#E9ECF5", "#A3302B"
_HEAT = ("#EAF1F5", "#F7DFB5", "#E5954D", "#B5432F", "#6A1B2A")
# More points than this in a line cannot be seen.
_BUCKETS = 500


def sound(facts: ReportData) -> str:
    """Draw sound levels, limits, quiet hours and noise over time."""
    figure, (axes,) = new_figure(3.6, rows=1, top=0.3, bottom=time_room(facts))
    levels = [*facts.values("sound_level"), *(v for lim in facts.limits for v in (lim.day, lim.quiet) if v)]
    bottom, top = value_range(levels, 10.0, least=(30.0, 80.0))
    axes.set_ylim(bottom, top)
    y_label(axes, "Sound level, dB")
    for span in facts.quiet_spans:
        axes.axvspan(*span, color=_QUIET, lw=0, zorder=0)
    _noises(facts, axes)
    for number, device in enumerate(facts.devices):
        _draw(axes, facts, device.lines["sound_level"], number, _peak)
    for limit in facts.limits:
        _draw_limit(axes, facts, limit, _limit_color(facts, limit))
    time_axis(axes, facts)
    return to_svg(figure, "sound", "Sound level over time")


def climate(facts: ReportData) -> str:
    """Draw temperature and humidity over time."""
    figure, rows = new_figure(3.9, rows=2, top=0.1, bottom=time_room(facts))
    for axes, sensor, label, step, usual in (
        (rows[0], "temperature", "Temperature, °C", 2.0, (18.0, 24.0)),
        (rows[1], "humidity", "Humidity, %", 10.0, (30.0, 60.0)),
    ):
        axes.set_ylim(*value_range(facts.values(sensor) or list(usual), step))
        y_label(axes, label)
        for number, device in enumerate(facts.devices):
            _draw(axes, facts, device.lines[sensor], number, _average)
        time_axis(axes, facts)
    rows[0].tick_params(axis="x", which="both", labelbottom=False)
    return to_svg(figure, "climate", "Temperature and humidity over time")


def heat_map(facts: ReportData) -> str:
    """Draw the loudest level by day and hour. In very long periods a row is a week."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    days = facts.days[:: facts.days_in_row]
    cells = [[math.nan] * 24 for _ in days]
    for device in facts.devices:
        for moment, value in device.points("sound_level"):
            local = facts.local(moment)
            row = cells[(local.date() - facts.days[0]).days // facts.days_in_row]
            row[local.hour] = value if math.isnan(row[local.hour]) else max(row[local.hour], value)
    height = len(days) * (0.28 if len(days) <= 14 else 0.17)
    figure, (axes,) = new_figure(height + 0.35, rows=1, top=0.1, bottom=0.25, left=0.85, right=0.75)
    known = [value for row in cells for value in row if not math.isnan(value)]
    bottom, top = value_range(known, 10.0, least=(50.0, 70.0))
    colors: Any = {
        "cmap": LinearSegmentedColormap.from_list("loudness", _HEAT),
        "norm": Normalize(bottom, top),
    }
    edges = [n - 0.5 for n in range(len(days) + 1)]
    axes.pcolormesh(range(25), edges, cells, **colors, edgecolors="white", linewidth=0.8)
    axes.set_ylim(len(days) - 0.5, -0.5)
    every = math.ceil(len(days) / 31)
    axes.set_yticks(range(0, len(days), every), [words.day(day) for day in days[::every]])
    axes.set_xticks(range(0, 25, 3), [f"{hour:02}:00" for hour in range(0, 25, 3)])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    place = axes.get_position()
    bar_axes = figure.add_axes((place.x1 + 0.02, place.y0, 0.015, place.height))
    # Not matplotlib's own colour bar: that is a bitmap, which the page's policy does not let in.
    shades = [bottom + (top - bottom) * n / 40 for n in range(41)]
    bar_axes.pcolormesh([0, 1], shades, [[shade] for shade in shades[:-1]], **colors, edgecolors="face")
    bar_axes.set_frame_on(False)
    bar_axes.set_xticks([])
    bar_axes.yaxis.tick_right()
    bar_axes.tick_params(labelsize=9, colors=FAINT, length=0)
    bar_axes.yaxis.set_major_formatter("{x:.0f} dB")
    return to_svg(figure, "heat", "Loudest sound level by day and hour")


def legends(facts: ReportData) -> dict[str, list[tuple[str, str]]]:
    """Return what the lines and areas are, each as a CSS border and a text to be escaped.

    Legends are HTML, where every script has a font and a text breaks on a phone.
    """
    lines = []
    for number, device in enumerate(facts.devices):
        color, style = _look(number)
        lines.append((f"3px {_CSS_STYLES[style]} {color}", device.name))
    rest = []
    for limit, numbers in facts.limits.items():
        names = ", ".join(facts.devices[number].name for number in numbers)
        text = f"Limit {words.limit(limit)}" + (f" ({names})" if len(facts.limits) > 1 else "")
        rest.append((f"2px dashed {_limit_color(facts, limit)}", text))
    if facts.noises:
        rest.append((f"12px solid {_NOISE_AREA}", "Noise, numbered as in the table"))
    if facts.quiet_spans:
        rest.append((f"12px solid {_QUIET}", "Quiet hours"))
    return {"sound": lines + rest, "climate": lines}


def _look(number: int) -> tuple[str, str]:
    return _COLORS[number % len(_COLORS)], list(_CSS_STYLES)[number // len(_COLORS) % len(_CSS_STYLES)]


def _limit_color(facts: ReportData, limit: NoiseLimit) -> str:
    return _LIMIT if len(facts.limits) == 1 else _look(facts.limits[limit][0])[0]


def _draw(
    axes: Axes, facts: ReportData, lines: list[Points], number: int, pick: Callable[[Points], Period]
) -> None:
    """Draw a device's line, broken where readings are missing. What is alone there is a dot."""
    color, style = _look(number)
    xs, ys = [], []
    dots: Points = []
    for line in lines:
        thin = _thin(line, facts, pick)
        if len(thin) == 1:
            dots += thin
        else:
            xs += [x for x, _ in thin] + [math.nan]
            ys += [y for _, y in thin] + [math.nan]
    axes.plot(xs, ys, color=color, ls=style, lw=1.1, solid_joinstyle="round")
    axes.plot([x for x, _ in dots], [y for _, y in dots], color=color, ls="", marker="o", ms=2, mew=0)


def _thin(line: Points, facts: ReportData, pick: Callable[[Points], Period]) -> Points:
    width = (facts.end - facts.start) / _BUCKETS
    buckets: dict[int, Points] = {}
    for point in line:
        buckets.setdefault(int((point[0] - facts.start) // width), []).append(point)
    return [pick(points) for points in buckets.values()]


def _peak(points: Points) -> Period:
    return max(points, key=lambda point: point[1])


def _average(points: Points) -> Period:
    return fmean(x for x, _ in points), fmean(y for _, y in points)


def _noises(facts: ReportData, axes: Axes) -> None:
    """Shade noise, with the number that it has in the table; neighbours share a label."""
    length = facts.end - facts.start
    above = axes.get_xaxis_transform()
    labels: list[list[tuple[int, float]]] = []
    for number, noise in enumerate(facts.noises, 1):
        # Ten minutes of a month would be thinner than a pixel.
        middle, half = (noise.start + noise.end) / 2, max(noise.end - noise.start, 0.003 * length) / 2
        axes.axvspan(middle - half, middle + half, color=_NOISE_AREA, lw=0, zorder=1)
        axes.plot(middle, 1.0, marker="v", ms=5, mew=0, color=_NOISE, clip_on=False, transform=above)
        if labels and middle - labels[-1][0][1] < 0.035 * length:
            labels[-1].append((number, middle))
        else:
            labels.append([(number, middle)])
    for label in labels:
        (first, left), (last, right) = label[0], label[-1]
        text = str(first) if first == last else f"{first}{words.DASH}{last}"
        note(axes, text, ((left + right) / 2, 1.0), above, offset=(0, 5), ha="center", color=_NOISE)


def _draw_limit(axes: Axes, facts: ReportData, limit: NoiseLimit, color: str) -> None:
    """Draw each level when it holds: the one for quiet hours in them, the other one in between."""
    quiet = facts.quiet_spans_of(limit.hours)
    edges = [facts.start, *(edge for span in quiet for edge in span), facts.end]
    between = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    for level, spans in ((limit.day, between), (limit.quiet, quiet)):
        if level is None or not spans:
            continue
        axes.hlines(
            [level] * len(spans),
            [a for a, _ in spans],
            [b for _, b in spans],
            color=color,
            ls=(0, (5, 2)),
            lw=1.2,
        )
        right = axes.get_yaxis_transform()
        note(axes, words.level(level), (1, level), right, offset=(4, 0), va="center", color=color)
