"""The charts of a report, as SVG elements for embedding in HTML.

Charts contain no text from the input: names may contain characters that the font lacks, and "$", which
matplotlib parses as a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.report import text
from airflow_provider_minut.report.figures import (
    FAINT,
    annotate,
    new_figure,
    time_axis,
    time_axis_height,
    to_svg,
    value_range,
    y_label,
)
from airflow_provider_minut.report.model import NoiseLimit, Period, Points, ReportData

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distinguishable with any colour vision, and a contrast of at least 3:1 on white.
_COLORS = ("#2F6DA8", "#C0771A", "#23857A", "#8A559B", "#6B7280", "#7A4A2B")
_CSS_STYLES = {"-": "solid", "--": "dashed", ":": "dotted"}
_NOISE, _NOISE_AREA, _QUIET, _LIMIT = "#C2413A", "#F3C9C5", "#E9ECF5", "#A3302B"
_HEAT = ("#EAF1F5", "#F7DFB5", "#E5954D", "#B5432F", "#6A1B2A")
# More points than this in a line cannot be distinguished.
_BUCKETS = 500


def sound(data: ReportData) -> str:
    """Return a chart of sound levels, limits, quiet hours and noise over time."""
    figure, (axes,) = new_figure(3.6, rows=1, top=0.3, bottom=time_axis_height(data))
    levels = [*data.values("sound_level"), *(v for lim in data.limits for v in (lim.day, lim.quiet) if v)]
    bottom, top = value_range(levels, 10.0, least=(30.0, 80.0))
    axes.set_ylim(bottom, top)
    y_label(axes, "Sound level, dB")
    for span in data.quiet_spans:
        axes.axvspan(*span, color=_QUIET, lw=0, zorder=0)
    _draw_noise_periods(axes, data)
    for index, device in enumerate(data.devices):
        _draw_lines(axes, data, device.lines["sound_level"], index, _peak)
    for limit in data.limits:
        _draw_limit(axes, data, limit, _limit_color(data, limit))
    time_axis(axes, data)
    return to_svg(figure, "sound", "Sound level over time")


def climate(data: ReportData) -> str:
    """Return charts of temperature and humidity over time."""
    figure, rows = new_figure(3.9, rows=2, top=0.1, bottom=time_axis_height(data))
    for axes, sensor, label, step, usual in (
        (rows[0], "temperature", "Temperature, °C", 2.0, (18.0, 24.0)),
        (rows[1], "humidity", "Humidity, %", 10.0, (30.0, 60.0)),
    ):
        axes.set_ylim(*value_range(data.values(sensor) or list(usual), step))
        y_label(axes, label)
        for index, device in enumerate(data.devices):
            _draw_lines(axes, data, device.lines[sensor], index, _average)
        time_axis(axes, data)
    rows[0].tick_params(axis="x", which="both", labelbottom=False)
    return to_svg(figure, "climate", "Temperature and humidity over time")


def heat_map(data: ReportData) -> str:
    """Return a heat map of the loudest level by day and hour. In very long periods a row is a week."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    days = data.days[:: data.days_in_row]
    cells = [[math.nan] * 24 for _ in days]
    for device in data.devices:
        for timestamp, value in device.points("sound_level"):
            local = data.local(timestamp)
            row = cells[(local.date() - data.days[0]).days // data.days_in_row]
            row[local.hour] = value if math.isnan(row[local.hour]) else max(row[local.hour], value)
    height = len(days) * (0.28 if len(days) <= 14 else 0.17)
    figure, (axes,) = new_figure(height + 0.35, rows=1, top=0.1, bottom=0.25, left=0.85, right=0.75)
    values = [value for row in cells for value in row if not math.isnan(value)]
    bottom, top = value_range(values, 10.0, least=(50.0, 70.0))
    colors: Any = {
        "cmap": LinearSegmentedColormap.from_list("loudness", _HEAT),
        "norm": Normalize(bottom, top),
    }
    edges = [n - 0.5 for n in range(len(days) + 1)]
    axes.pcolormesh(range(25), edges, cells, **colors, edgecolors="white", linewidth=0.8)
    axes.set_ylim(len(days) - 0.5, -0.5)
    step = math.ceil(len(days) / 31)
    axes.set_yticks(range(0, len(days), step), [text.day(day) for day in days[::step]])
    axes.set_xticks(range(0, 25, 3), [f"{hour:02}:00" for hour in range(0, 25, 3)])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    position = axes.get_position()
    bar_axes = figure.add_axes((position.x1 + 0.02, position.y0, 0.015, position.height))
    # Not matplotlib's own colour bar: it is a bitmap, which the page's content security policy blocks.
    shades = [bottom + (top - bottom) * n / 40 for n in range(41)]
    bar_axes.pcolormesh([0, 1], shades, [[shade] for shade in shades[:-1]], **colors, edgecolors="face")
    bar_axes.set_frame_on(False)
    bar_axes.set_xticks([])
    bar_axes.yaxis.tick_right()
    bar_axes.tick_params(labelsize=9, colors=FAINT, length=0)
    bar_axes.yaxis.set_major_formatter("{x:.0f} dB")
    return to_svg(figure, "heat", "Loudest sound level by day and hour")


def legends(data: ReportData) -> dict[str, list[tuple[str, str]]]:
    """Return the legend of each chart: a CSS border and an unescaped label for each line and area.

    Legends are HTML, where the browser has fonts for every script and wraps labels on narrow screens.
    """
    lines = []
    for index, device in enumerate(data.devices):
        color, style = _line_style(index)
        lines.append((f"3px {_CSS_STYLES[style]} {color}", device.name))
    rest = []
    for limit, indexes in data.limits.items():
        names = ", ".join(data.devices[index].name for index in indexes)
        label = f"Limit {text.limit(limit)}" + (f" ({names})" if len(data.limits) > 1 else "")
        rest.append((f"2px dashed {_limit_color(data, limit)}", label))
    if data.noise_periods:
        rest.append((f"12px solid {_NOISE_AREA}", "Noise, numbered as in the table"))
    if data.quiet_spans:
        rest.append((f"12px solid {_QUIET}", "Quiet hours"))
    return {"sound": lines + rest, "climate": lines}


def _line_style(index: int) -> tuple[str, str]:
    return _COLORS[index % len(_COLORS)], list(_CSS_STYLES)[index // len(_COLORS) % len(_CSS_STYLES)]


def _limit_color(data: ReportData, limit: NoiseLimit) -> str:
    return _LIMIT if len(data.limits) == 1 else _line_style(data.limits[limit][0])[0]


def _draw_lines(
    axes: Axes, data: ReportData, lines: list[Points], index: int, reduce: Callable[[Points], Period]
) -> None:
    """Draw a device's line, interrupted at gaps. A single reading between two gaps is a dot."""
    color, style = _line_style(index)
    xs, ys = [], []
    dots: Points = []
    for line in lines:
        points = _downsample(line, data, reduce)
        if len(points) == 1:
            dots += points
        else:
            xs += [x for x, _ in points] + [math.nan]
            ys += [y for _, y in points] + [math.nan]
    axes.plot(xs, ys, color=color, ls=style, lw=1.1, solid_joinstyle="round")
    axes.plot([x for x, _ in dots], [y for _, y in dots], color=color, ls="", marker="o", ms=2, mew=0)


def _downsample(line: Points, data: ReportData, reduce: Callable[[Points], Period]) -> Points:
    width = (data.end - data.start) / _BUCKETS
    buckets: dict[int, Points] = {}
    for point in line:
        buckets.setdefault(int((point[0] - data.start) // width), []).append(point)
    return [reduce(points) for points in buckets.values()]


def _peak(points: Points) -> Period:
    return max(points, key=lambda point: point[1])


def _average(points: Points) -> Period:
    return fmean(x for x, _ in points), fmean(y for _, y in points)


def _draw_noise_periods(axes: Axes, data: ReportData) -> None:
    """Shade noise and label it with its number in the table; adjacent noise shares a label."""
    duration = data.end - data.start
    above = axes.get_xaxis_transform()
    labels: list[list[tuple[int, float]]] = []
    for number, noise in enumerate(data.noise_periods, 1):
        # Ten minutes in a month would be narrower than a pixel.
        middle, half = (noise.start + noise.end) / 2, max(noise.end - noise.start, 0.003 * duration) / 2
        axes.axvspan(middle - half, middle + half, color=_NOISE_AREA, lw=0, zorder=1)
        axes.plot(middle, 1.0, marker="v", ms=5, mew=0, color=_NOISE, clip_on=False, transform=above)
        if labels and middle - labels[-1][0][1] < 0.035 * duration:
            labels[-1].append((number, middle))
        else:
            labels.append([(number, middle)])
    for label in labels:
        (first, left), (last, right) = label[0], label[-1]
        numbers = str(first) if first == last else f"{first}{text.DASH}{last}"
        annotate(axes, numbers, ((left + right) / 2, 1.0), above, offset=(0, 5), ha="center", color=_NOISE)


def _draw_limit(axes: Axes, data: ReportData, limit: NoiseLimit, color: str) -> None:
    """Draw the level for quiet hours during them, and the other level between them."""
    quiet = data.quiet_spans_of(limit.hours)
    edges = [data.start, *(edge for span in quiet for edge in span), data.end]
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
        annotate(axes, text.level(level), (1, level), right, offset=(4, 0), va="center", color=color)
