"""Times and lengths in words. Not with strftime: its names follow the process's locale."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_minut.report.model import DeviceData, NoiseLimit, ReportData

_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DASH = "\N{EN DASH}"
_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
# More gaps than this say that a device has a problem, not when.
_MAX_GAPS_LISTED = 5


def day(value: date) -> str:
    """Return a date like ``Mon 3 Mar``."""
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]}"


def moment(facts: ReportData, at: float) -> str:
    """Return a moment in local time, with the zone if clocks show it twice that day."""
    local = facts.local(at)
    text = f"{day(local)}, {local:%H:%M}"
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{text} {local.tzname()}" if twice else text


def period(facts: ReportData) -> str:
    """Return the period; whole days without a time."""
    start, end = facts.local(facts.start), facts.local(facts.end)
    if start.time() == end.time() == time():
        first, last = facts.days[0], facts.days[-1]
        return f"{day(last)} {last.year}" if first == last else f"{day(first)} {DASH} {day(last)} {last.year}"
    if start.date() == end.date():
        return f"{day(start)} {start.year}, {start:%H:%M} {DASH} {end:%H:%M}"
    return f"{moment(facts, facts.start)} {DASH} {moment(facts, facts.end)}, {end.year}"


def length(seconds: float) -> str:
    """Return a duration in days, hours and minutes."""
    minutes = round(seconds / 60)
    if seconds > 0 and minutes == 0:
        return f"under 1{_THIN_SPACE}min"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    told = [f"{n}{_THIN_SPACE}{unit}" for n, unit in parts if n]
    return " ".join(told) or f"0{_THIN_SPACE}min"


def level(value: float) -> str:
    """Return a sound level."""
    return f"{value:.0f}{_THIN_SPACE}dB"


def degrees(value: float) -> str:
    """Return a temperature; zero has no sign."""
    return f"{round(value, 1) + 0.0:.1f}{_THIN_SPACE}°C".replace("-", "\N{MINUS SIGN}")


def count(number: int, what: str) -> str:
    """Return a number of things, ``what`` being one of them."""
    return f"{number:,}{_THIN_SPACE}{what}{'' if number == 1 else 's'}"


def limit(value: NoiseLimit) -> str:
    """Return from which level noise is reported, and when."""
    if value.quiet is None or value.hours is None:
        return level(value.day or 0.0)
    quiet = f"{level(value.quiet)} in quiet hours, {value.hours[0]:%H:%M}{DASH}{value.hours[1]:%H:%M}"
    return quiet if value.day is None else f"{level(value.day)}, {quiet}"


def basis(facts: ReportData) -> str:
    """Return what data the report is made from."""
    what = (("sound_level", "sound"), ("temperature", "temperature"), ("humidity", "humidity"))
    counts = [count(len(facts.values(sensor)), f"{name} reading") for sensor, name in what]
    text = f"Based on {', '.join(counts)} of {count(len(facts.devices), 'device')}"
    if facts.loudest:
        text += f", a sound reading about every {length(facts.interval)}"
    return f"{text}, and {count(len(facts.noises), 'noise event')}."


def gaps(facts: ReportData, device: DeviceData) -> str:
    """Return when a device sent no sound level; empty if it never paused."""
    if not device.gaps:
        return ""
    if not device.points("sound_level"):
        return f"{device.name} sent no sound readings in this period."
    longest = sorted(device.gaps, key=lambda gap: gap[0] - gap[1])[:_MAX_GAPS_LISTED]
    told = [f"{moment(facts, a)} to {moment(facts, b)} ({length(b - a)})" for a, b in sorted(longest)]
    total = length(sum(b - a for a, b in device.gaps))
    more = f", and {len(device.gaps) - len(told)} shorter gaps" if len(told) < len(device.gaps) else ""
    return f"{device.name} sent no sound readings for {total}: {'; '.join(told)}{more}."


def heat_map(facts: ReportData) -> str:
    """Return how to read the heat map."""
    rows = "a row is a week" if facts.days_in_row > 1 else "a row is a day"
    return f"The highest level that any device measured; {rows}, white is no reading."
