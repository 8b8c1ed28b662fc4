"""Opening hours, against a clock that walks minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rulecase import GB, NEW_YORK, US, at, found, make_case, told

from ringfence.model import SECOND
from ringfence.model.settings import Window
from ringfence.rules.outside_hours import OutsideHours, in_words, is_open

RULE = OutsideHours()
WEEK = frozenset(range(5))
OFFICE = Window(days=WEEK, since=8 * 60, until=18 * 60)
NIGHT = Window(days=frozenset({4}), since=22 * 60, until=6 * 60)
DAILY = Window(days=frozenset(range(7)), since=0, until=1440)
CLOSED = [("block", "trunk.carrier.hours.international")]


def hours(*windows: Window, klass: str = "international") -> dict[str, Any]:
    return {"hours": {klass: windows}}


@pytest.mark.parametrize(
    ("local", "windows", "expected"),
    [
        ("2026-11-27T08:00", (OFFICE,), []),
        ("2026-11-27T07:59:59", (OFFICE,), CLOSED),
        ("2026-11-27T17:59:59", (OFFICE,), []),
        ("2026-11-27T18:00", (OFFICE,), CLOSED),
        ("2026-11-28T12:00", (OFFICE,), CLOSED),  # a Saturday
        ("2026-11-27T22:00", (NIGHT,), []),
        ("2026-11-28T05:59", (NIGHT,), []),  # Friday's night goes on
        ("2026-11-28T06:00", (NIGHT,), CLOSED),
        ("2026-11-27T05:59", (NIGHT,), CLOSED),
        ("2026-11-28T12:00", (OFFICE, DAILY), []),
        ("2026-11-28T23:59:59", (DAILY,), []),
        ("2026-11-27T12:00", (), CLOSED),
    ],
)
def test_windows(local: str, windows: tuple[Window, ...], expected: list[tuple[str, str]]) -> None:
    assert told(RULE, make_case(GB, now=at(local), trunk=hours(*windows))) == expected


def test_a_class_without_hours_is_always_open() -> None:
    night = at("2026-11-28T03:00")
    assert told(RULE, make_case(US, now=night, trunk=hours(OFFICE))) == []
    assert told(RULE, make_case(US, now=night)) == []
    assert told(RULE, make_case(US, now=night, trunk=hours(OFFICE, klass="domestic"))) != []


def test_each_party_may_be_closed() -> None:
    case = make_case(GB, now=at("2026-11-28T03:00"), trunk=hours(OFFICE), source=hours(NIGHT), tenant=hours(OFFICE))
    assert [where for _, where in told(RULE, case)] == [
        "trunk.carrier.hours.international",
        "tenant.hotel.hours.international",
    ]


def test_the_zone_is_the_tenants_else_the_sites() -> None:
    now = at("2026-11-27T09:00", "Asia/Tokyo")  # evening before in New York
    assert told(RULE, make_case(GB, now=now, trunk=hours(OFFICE))) == CLOSED
    assert told(RULE, make_case(GB, now=now, trunk=hours(OFFICE), tenant={"time_zone": "Asia/Tokyo"})) == []


@pytest.mark.parametrize(
    ("local", "holiday", "open_"),
    [
        ("2026-11-27T23:00", "2026-11-27", False),
        ("2026-11-28T03:00", "2026-11-27", False),  # the window that began on the holiday
        ("2026-11-27T23:00", "2026-11-28", True),
        ("2026-11-28T03:00", "2026-11-28", False),
        ("2026-11-28T03:00", "2026-11-26", True),
    ],
)
def test_nothing_is_open_on_a_holiday(local: str, holiday: str, open_: bool) -> None:
    case = make_case(GB, now=at(local), trunk=hours(NIGHT), policy={"holidays": frozenset({holiday})})
    assert told(RULE, case) == ([] if open_ else CLOSED)


def test_it_says_when_it_is_and_when_it_would_be_open() -> None:
    windows = (OFFICE, NIGHT, Window(days=frozenset({5, 6}), since=0, until=1440))
    [finding] = found(RULE, make_case(GB, now=at("2026-11-27T19:30"), trunk=hours(*windows)))
    assert finding.text == (
        "international calls of trunk carrier are open Mon-Fri 08:00-18:00, Fri 22:00-06:00, Sat Sun 00:00-24:00; "
        "it is Fri 2026-11-27 19:30 America/New_York"
    )


@pytest.mark.parametrize(
    ("days", "text"),
    [(range(7), "daily"), (range(1, 4), "Tue-Thu"), ((0, 2, 4), "Mon Wed Fri"), ((5, 6), "Sat Sun"), ((3,), "Thu")],
)
def test_days_in_words(days: Any, text: str) -> None:
    assert in_words((Window(days=frozenset(days), since=0, until=1440),)) == f"{text} 00:00-24:00"


ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
WINDOWS = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    since=st.integers(0, 1439),
    until=st.integers(0, 1440),
)


def walked(window: Window, day: date) -> set[tuple[date, int]]:
    """Every wall-clock minute that a window which begins on a day is open, by walking the clock from its beginning."""
    minutes, minute = set(), window.since
    while True:
        minutes.add((day + timedelta(days=minute // 1440), minute % 1440))
        minute += 1
        if minute in (window.until, window.until + 1440) and minute > window.since:
            return minutes


@given(st.lists(WINDOWS, max_size=3), st.sets(st.integers(0, 6)), st.integers(0, 6), st.integers(0, 1439))
@example([Window(days=frozenset({0}), since=0, until=0)], set(), 1, 0)
@example([Window(days=frozenset({6}), since=1320, until=360)], set(), 0, 180)
@example([NIGHT, Window(days=frozenset({5}), since=0, until=1440)], {4}, 5, 180)
@example([Window(days=frozenset({0}), since=600, until=1440)], set(), 1, 0)
def test_open_is_what_a_walk_over_the_minutes_finds(
    windows: list[Window], holidays: set[int], day: int, minute: int
) -> None:
    monday = date(2026, 11, 23)
    closed = {monday + timedelta(days=n) for n in holidays}
    days = [monday + timedelta(days=n) for n in range(-1, 7)]
    reached = {
        each
        for window in windows
        for begun in days
        if begun.weekday() in window.days and begun not in closed
        for each in walked(window, begun)
    }
    today = monday + timedelta(days=day)
    naive = (today, minute) in reached and today not in closed
    assert is_open(tuple(windows), frozenset(d.isoformat() for d in closed), today, minute) == naive


@given(st.sampled_from(ZONES), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), WINDOWS)
@example("America/New_York", datetime(2026, 11, 1, 5, 30), Window(days=frozenset({6}), since=90, until=91))
@example("America/New_York", datetime(2026, 11, 1, 6, 30), Window(days=frozenset({6}), since=90, until=91))
@example("Europe/Berlin", datetime(2026, 3, 29, 1, 0), Window(days=frozenset({6}), since=120, until=180))
def test_hours_follow_the_wall_clock_through_changes_of_the_time(zone: str, utc: datetime, window: Window) -> None:
    now = int(utc.replace(tzinfo=UTC).timestamp()) * SECOND
    local = utc.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    case = make_case(GB, now=now, trunk=hours(window), policy={"time_zone": zone})
    minutes = walked(window, local.date()) if local.weekday() in window.days else set()
    eve = local.date() - timedelta(days=1)
    minutes |= walked(window, eve) if eve.weekday() in window.days else set()
    is_in = (local.date(), local.hour * 60 + local.minute) in minutes
    assert (told(RULE, case) == []) == is_in


def test_the_hour_that_is_skipped_is_never_and_the_one_that_comes_twice_is_twice() -> None:
    half_past_two = Window(days=frozenset({6}), since=150, until=151)
    half_past_one = Window(days=frozenset({6}), since=90, until=91)

    def open_minutes(day: str, window: Window) -> int:
        start = at(f"{day}T00:00", NEW_YORK)
        moments = (start + minute * 60 * SECOND for minute in range(26 * 60))
        return sum(told(RULE, make_case(GB, now=now, trunk=hours(window))) == [] for now in moments)

    assert open_minutes("2026-03-08", half_past_two) == 0
    assert open_minutes("2026-11-01", half_past_one) == 2
