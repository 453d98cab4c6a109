"""Times, durations and values as text. ``strftime`` is not used for names: they depend on the locale."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_minut.report.model import DeviceData, NoiseLimit, ReportData

_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DASH = "\N{EN DASH}"
_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
# With more gaps than this, the device has a problem and the individual times no longer matter.
_MAX_GAPS_LISTED = 5


def day(value: date) -> str:
    """Return a date like ``Mon 3 Mar``."""
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]}"


def local_time(data: ReportData, timestamp: float) -> str:
    """Return a timestamp in local time, with the zone if that local time occurs twice on the day."""
    local = data.local(timestamp)
    result = f"{day(local)}, {local:%H:%M}"
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{result} {local.tzname()}" if twice else result


def period(data: ReportData) -> str:
    """Return the period; without times if it consists of whole days."""
    start, end = data.local(data.start), data.local(data.end)
    if start.time() == end.time() == time():
        first, last = data.days[0], data.days[-1]
        return f"{day(last)} {last.year}" if first == last else f"{day(first)} {DASH} {day(last)} {last.year}"
    if start.date() == end.date():
        return f"{day(start)} {start.year}, {start:%H:%M} {DASH} {end:%H:%M}"
    return f"{local_time(data, data.start)} {DASH} {local_time(data, data.end)}, {end.year}"


def duration(seconds: float) -> str:
    """Return a duration in days, hours and minutes."""
    minutes = round(seconds / 60)
    if seconds > 0 and minutes == 0:
        return f"under 1{_THIN_SPACE}min"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    return " ".join(f"{n}{_THIN_SPACE}{unit}" for n, unit in parts if n) or f"0{_THIN_SPACE}min"


def level(value: float) -> str:
    """Return a sound level in dB."""
    return f"{value:.0f}{_THIN_SPACE}dB"


def temperature(value: float) -> str:
    """Return a temperature in °C; zero has no sign."""
    return f"{round(value, 1) + 0.0:.1f}{_THIN_SPACE}°C".replace("-", "\N{MINUS SIGN}")


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    :param noun: the noun in the singular; its plural ends in "s".
    """
    return f"{number:,}{_THIN_SPACE}{noun}{'' if number == 1 else 's'}"


def limit(value: NoiseLimit) -> str:
    """Return the level from which noise is reported, with the quiet hours if they have a level."""
    if value.quiet is None or value.hours is None:
        return level(value.day or 0.0)
    quiet = f"{level(value.quiet)} in quiet hours, {value.hours[0]:%H:%M}{DASH}{value.hours[1]:%H:%M}"
    return quiet if value.day is None else f"{level(value.day)}, {quiet}"


def basis(data: ReportData) -> str:
    """Return how many readings and events the report is based on."""
    sensors = (("sound_level", "sound"), ("temperature", "temperature"), ("humidity", "humidity"))
    sound, *climate = (count(len(data.values(sensor)), f"{name} reading") for sensor, name in sensors)
    if data.loudest:
        sound += f" (about one every {duration(data.interval)} per device)"
    devices, events = count(len(data.devices), "device"), count(len(data.noise_periods), "noise event")
    return f"Based on {sound}, {' and '.join(climate)} from {devices}, and on {events}."


def gaps(data: ReportData, device: DeviceData) -> str:
    """Return when a device sent no sound readings; empty if it has no gaps."""
    if not device.gaps:
        return ""
    if not device.points("sound_level"):
        return f"{device.name} sent no sound readings in this period."
    longest = sorted(device.gaps, key=lambda gap: gap[0] - gap[1])[:_MAX_GAPS_LISTED]
    listed = [
        f"{local_time(data, a)} to {local_time(data, b)} ({duration(b - a)})" for a, b in sorted(longest)
    ]
    total = duration(sum(b - a for a, b in device.gaps))
    unlisted = len(device.gaps) - len(listed)
    more = f", and {count(unlisted, 'shorter gap')}" if unlisted else ""
    return f"{device.name} sent no sound readings for {total}: {'; '.join(listed)}{more}."


def heat_map_note(data: ReportData) -> str:
    """Return how to read the heat map."""
    row = "week" if data.days_in_row > 1 else "day"
    return f"The highest level measured by any device. Each row is a {row}; white means no readings."
