"""The report about a home for a property manager."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.report import noise_report
from airflow_provider_minut.report.analysis import analyze
from airflow_provider_minut.report.model import MAX_DAY_ROWS

pytest.importorskip("matplotlib")

ZONE = ZoneInfo("Europe/Stockholm")
HOME = {"home_id": "h1", "name": "Harbour Loft", "timezone": "Europe/Stockholm"}
DEVICE = {
    "device_id": "d1",
    "description": "Kitchen",
    "home": "h1",
    "reactions": [
        {"type": "sound_level_high", "value": 75, "duration_seconds": 600},
        {"type": "sound_level_high_quiet_hours", "value": 65, "duration_seconds": 600},
    ],
    "quiet_hours": {"enabled": True, "start": "22:00", "end": "07:00"},
}
START, END = datetime(2025, 3, 3, tzinfo=ZONE), datetime(2025, 3, 10, tzinfo=ZONE)


def levels(*values, start=START, minutes=10, device="d1", sensor="sound_level"):
    begin = start.astimezone(UTC)
    return [
        {
            "device_id": device,
            "sensor": sensor,
            "time": begin + timedelta(minutes=minutes * n),
            "value": value,
        }
        for n, value in enumerate(values)
    ]


def event(kind, *at, home="h1"):
    when = datetime(2025, 3, *at, tzinfo=ZONE)
    return {"event_id": f"{kind}{at}", "event_type": kind, "event_time": when, "home_id": home}


def page(home=HOME, devices=(DEVICE,), readings=(), events=(), start=START, end=END):
    return noise_report(home, devices, readings, events, start_at=start, end_at=end)


def report_data(home=HOME, devices=(DEVICE,), readings=(), events=(), start=START, end=END):
    return analyze(home, devices, readings, events, start_at=start, end_at=end)


def text(html):
    """Return the visible text outside the charts."""
    html = re.sub(r"<(style|svg|head)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\N{EN DASH}", "-").split())


def week():
    readings = [r for s, v in (("sound_level", 40.0), ("temperature", 21.0), ("humidity", 45.0)) for r in levels(*(v + n % 7 for n in range(1008)), sensor=s)]  # fmt: skip
    return {
        "readings": readings,
        "events": [event("noise_detected", 7, 22, 30), event("noise_quieted", 7, 23, 35)],
    }


def test_page_shows_what_happened():
    seen = text(page(**week()))
    assert (
        "Harbour Loft Noise report · Mon 3 Mar - Sun 9 Mar 2025 All times are local times (Europe/Stockholm)."
        in seen
    )
    assert "Noise events 1 longest 1 h 5 min Total noise duration 1 h 5 min" in seen
    assert "Loudest reading 46 dB Mon 3 Mar, 01:00 · Kitchen" in seen
    assert "Average temperature 24.0 °C 21.0 °C to 27.0 °C" in seen
    assert "1 Fri 7 Mar, 22:30 Fri 7 Mar, 23:35 1 h 5 min 46 dB" in seen
    assert (
        "Based on 1,008 sound readings (about one every 10 min per device), 1,008 temperature readings and 1,008 humidity readings from 1 device, and on 1 noise event."
        in seen
    )
    assert "sent no" not in seen


def test_limits_and_quiet_hours_are_listed_and_drawn():
    html = page(**week())
    assert "Limit 75 dB, 65 dB in quiet hours, 22:00-07:00" in text(html)
    drawn = {" ".join(label.split()) for label in re.findall(r"<!-- (.*?) -->", html)}
    assert {"75 dB", "65 dB"} <= drawn
    plain = {
        "device_id": "d2",
        "description": "Hall",
        "reactions": [{"type": "sound_level_high", "value": 80}],
    }
    assert "Limit 80 dB (Hall)" in text(page(devices=[DEVICE, plain], **week()))
    assert "Limit" not in text(
        page(devices=[{"device_id": "d1", "reactions": None, "quiet_hours": None}], **week())
    )


def test_quiet_hours_hold_at_night_only_and_over_midnight():
    spans = report_data().quiet_spans
    assert len(spans) == 8
    assert [f"{report_data().local(edge):%d %H:%M}" for edge in (*spans[0], *spans[1], *spans[-1])] == [
        "03 00:00", "03 07:00", "03 22:00", "04 07:00", "09 22:00", "10 00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hours",
    [
        {"enabled": False, "start": "22:00", "end": "07:00"},
        {"enabled": True, "start": "late"},
        {"enabled": True},
    ],
)
def test_quiet_hours_that_are_off_or_not_understood_are_none(hours):
    found = report_data(devices=[DEVICE | {"quiet_hours": hours}])
    assert found.quiet_spans == []
    assert [limit.quiet for limit in found.limits] == [None]


def test_names_are_escaped_and_no_formulas():
    name = '<script>alert("1")</script> $x_{1$ & 家'
    html = page(HOME | {"name": name}, [DEVICE | {"description": name}], **week())
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "$x_{1$ &amp; 家" in html


def test_everything_may_be_missing():
    html = noise_report({"home_id": "h1"}, [], [], [], start_at=START, end_at=END)
    seen = text(html)
    assert seen.startswith(
        "h1 Noise report · Sun 2 Mar, 23:00 - Sun 9 Mar, 23:00, 2025 The home has no time zone"
    )
    assert "Loudest reading - no sound readings" in seen
    assert "This home has no devices." in seen
    assert "<svg" not in html, "no empty charts"


def test_fields_may_be_missing():
    readings = [{"device_id": "d9"}, {"device_id": "d9", "sensor": "sound_level", "time": START}]
    seen = text(
        page({"home_id": "h1", "timezone": None}, [{"device_id": "d1"}], readings, [{"event_id": "e1"}])
    )
    assert "d1 sent no sound readings in this period. d9 sent no sound readings in this period." in seen


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "Europe", "a\0b", 5, "<b>"])
def test_unknown_time_zone_is_reported(name):
    html = page(HOME | {"timezone": name}, **week())
    assert "is unknown, so times are in UTC." in text(html)
    assert "<b>”" not in html


def test_values_that_are_no_numbers_are_no_readings():
    found = report_data(readings=levels(40, None, float("nan"), "loud", True, 50))
    assert found.values("sound_level") == [40, 50]


def test_lines_break_at_gaps_and_gaps_are_listed():
    readings = levels(*[40.0] * 432) + levels(*[40.0] * 432, start=START + timedelta(days=4))
    found = report_data(readings=readings)
    assert [len(line) for line in found.devices[0].lines["sound_level"]] == [432, 432]
    assert "Kitchen sent no sound readings for 1 d: Wed 5 Mar, 23:50 to Fri 7 Mar, 00:00 (1 d)." in text(
        page(readings=readings)
    ).replace(" 10 min", "")
    html = page(readings=readings)
    (path,) = re.findall(r'<path d="([^"]*)" clip-path="[^"]*" style="[^"]*stroke: #2f6da8', html)
    assert path.count("M") == 2, "the line is interrupted once"


def test_a_reading_without_value_breaks_the_line_but_is_no_gap():
    found = report_data(readings=levels(*[40.0] * 500, None, *[40.0] * 507))
    assert [len(line) for line in found.devices[0].lines["sound_level"]] == [500, 507]
    assert found.devices[0].gaps == []


def test_many_gaps_are_summed_up():
    readings = [r for n in range(12) for r in levels(*[40.0] * 40, start=START + timedelta(hours=14 * n))]
    assert re.search(
        r"Kitchen sent no sound readings for .*; .*, and 7 shorter gaps\.", text(page(readings=readings))
    )
    assert ", and 1 shorter gap." in text(page(readings=readings, end=START + timedelta(hours=14 * 6)))


def test_noise_that_is_not_quieted_is_ongoing():
    seen = text(page(readings=week()["readings"], events=[event("noise_detected", 9, 23, 0)]))
    assert "longest 1 h, latest ongoing" in seen
    assert "1 Sun 9 Mar, 23:00 ongoing 1 h in this period 46 dB" in seen


def test_noise_from_before_the_period_counts_from_its_start():
    seen = text(page(events=[event("noise_quieted", 3, 0, 20)]))
    assert "1 before this period Mon 3 Mar, 00:20 20 min in this period -" in seen


def test_events_are_paired_in_order_whatever_their_order():
    events = [
        event("noise_quieted", 4, 2), event("noise_detected", 4, 1), event("noise_detected", 4, 1, 30),
        event("noise_quieted", 4, 3), event("door_opened", 4, 1, 10), event("noise_detected", 5, 1, home="h2"),
        event("noise_detected", 1, 1), event("noise_quieted", 1, 2), event("noise_detected", 11, 1),
    ]  # fmt: skip
    (noise,) = report_data(events=events).noise_periods
    assert noise.end - noise.start == 3600
    assert not noise.before
    assert not noise.ongoing


def test_devices_of_other_homes_are_ignored():
    other = {"device_id": "d2", "home": "h2", "description": "Elsewhere"}
    found = report_data(
        devices=[DEVICE, other], readings=levels(40) + levels(90, device="d2") + levels(50, device="d3")
    )
    assert [device.name for device in found.devices] == ["Kitchen", "d3"]
    assert found.loudest == (50, START.timestamp(), "d3")


def test_days_of_dst_changes():
    """In Stockholm, DST begins on 30 March 2025 at 2:00 and ends on 26 October at 3:00."""
    start, end = datetime(2025, 3, 29, tzinfo=ZONE), datetime(2025, 3, 31, tzinfo=ZONE)
    events = [event("noise_detected", 30, 1, 30), event("noise_quieted", 30, 3, 30)]
    spring = report_data(start=start, end=end, events=events)
    assert spring.is_long, "two days in local time, though only 47 hours"
    assert spring.noise_seconds == 3600
    assert [b - a for a, b in spring.quiet_spans] == [7 * 3600, 8 * 3600, 2 * 3600]
    assert "Sun 30 Mar, 01:30 Sun 30 Mar, 03:30 1 h -" in text(page(start=start, end=end, events=events))

    start, end = datetime(2025, 10, 25, tzinfo=ZONE), datetime(2025, 10, 27, tzinfo=ZONE)
    begin = datetime(2025, 10, 26, 2, 30, tzinfo=ZONE).astimezone(UTC)
    events = [
        {"event_id": kind, "event_type": kind, "event_time": begin + timedelta(hours=n), "home_id": "h1"}
        for n, kind in enumerate(["noise_detected", "noise_quieted"])
    ]
    html = page(start=start, end=end, events=events, readings=levels(*range(294), start=start))
    assert "Sun 26 Oct, 02:30 CEST Sun 26 Oct, 02:30 CET 1 h" in text(html)
    assert "sent no" not in text(html)


def test_heat_map_is_for_two_days_or_more():
    readings = week()["readings"]
    assert "Loudest by hour of day" in page(readings=readings, end=START + timedelta(days=2))
    assert "Loudest by hour of day" not in page(readings=readings, end=START + timedelta(hours=47))


def test_heat_map_of_a_year_stays_readable():
    readings = levels(*[40.0] * 8784, minutes=60)
    end = datetime(2026, 3, 3, tzinfo=ZONE)
    assert report_data(end=end).days[MAX_DAY_ROWS] == date(2025, 5, 4)
    html = page(readings=readings, end=end)
    assert "Each row is a week" in text(html)
    assert len(html) < 1_000_000


@pytest.mark.parametrize("minutes", [1, 40, 60 * 5, 60 * 30, 60 * 24 * 3 + 7, 60 * 24 * 15])
def test_any_length_can_be_drawn(minutes):
    end = START + timedelta(minutes=minutes)
    assert (
        page(readings=levels(*[40.0] * 3000), events=[event("noise_detected", 3, 0, 0)], end=end).count(
            "<svg"
        )
        >= 1
    )


def test_month_of_three_devices_is_small():
    readings = [
        reading
        for device in ("d1", "d2", "d3")
        for sensor in ("sound_level", "temperature", "humidity")
        for reading in levels(
            *(40 + n * 7 % 31 for n in range(6377)), minutes=7, device=device, sensor=sensor
        )
    ]
    html = page(readings=readings, end=START + timedelta(days=31))
    assert len(html) < 1_000_000
    assert "70 dB" in text(html), "downsampling keeps the loudest"


def test_same_input_gives_the_same_bytes_in_threads_too():
    first = page(**week())
    with ThreadPoolExecutor(4) as pool:
        assert {first} == set(pool.map(lambda _: page(**week()), range(4)))


def test_page_loads_nothing_from_elsewhere():
    html = page(**week())
    assert set(re.findall(r"https?://[^\s\"'<>)]*", html)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.search(r"<(script|img|image|link|iframe|object|embed)\b|@import|data:", html)
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', html))


def test_charts_are_well_formed_and_their_ids_unique():
    html = page(**week())
    charts = re.findall(r"<svg\b.*?</svg>", html, flags=re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        ET.fromstring(chart)  # noqa: S314
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', html)) <= set(ids)


def test_times_without_zone_and_periods_that_end_first_are_rejected():
    naive = datetime(2025, 3, 3)  # noqa: DTZ001
    with pytest.raises(MinutConfigurationError, match="start_at: must have a time zone"):
        page(start=naive)
    with pytest.raises(MinutConfigurationError, match="time: must have a time zone"):
        page(readings=[{"device_id": "d1", "sensor": "sound_level", "time": naive, "value": 1}])
    with pytest.raises(MinutConfigurationError, match="end_at: must be after start_at"):
        page(end=START)


def test_importing_loads_no_matplotlib_and_drawing_no_pyplot():
    code = (
        "import sys; from datetime import UTC, datetime; from airflow_provider_minut.report import noise_report; "
        "import airflow_provider_minut.report.charts; assert 'matplotlib' not in sys.modules; "
        "at = datetime(2025, 3, 3, tzinfo=UTC); later = datetime(2025, 3, 4, tzinfo=UTC); "
        "readings = [{'device_id': 'd', 'sensor': 'sound_level', 'time': at, 'value': 40}]; "
        "noise_report({'home_id': 'h'}, [], readings, [], start_at=at, end_at=later); "
        "assert 'matplotlib' in sys.modules; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
