"""Local days: hours as instants, and public holidays of the homes that the simulator knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

ZONES = {"US": "America/New_York", "GB": "Europe/London", "DE": "Europe/Berlin"}
"""A time zone for each home."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_FIXED = {
    "US": ((1, 1), (7, 4), (11, 11), (12, 25)),
    "GB": ((1, 1), (12, 25), (12, 26)),
    "DE": ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)),
}
_NTH = {
    "US": ((1, 0, 3), (5, 0, -1), (9, 0, 1), (11, 3, 4)),
    "GB": ((5, 0, 1), (5, 0, -1), (8, 0, -1)),
    "DE": (),
}
"""Month, weekday, and which of them in the month."""
_EASTER = {"US": (), "GB": (-2, 1), "DE": (-2, 1, 39, 50)}
"""Days after Easter Sunday."""


@cache
def holidays(home: str, year: int) -> frozenset[date]:
    """Public holidays of a home: federal (US), England (GB), all states (DE)."""
    fixed = [date(year, month, day) for month, day in _FIXED[home]]
    nth = [_nth(year, *rule) for rule in _NTH[home]]
    return frozenset([*fixed, *nth, *(_easter(year) + timedelta(days=after) for after in _EASTER[home])])


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    """The n-th such weekday of a month, counted from its end where n is negative."""
    if which < 0:
        last = (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature 1876-04-20)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def is_holiday(home: str, day: date) -> bool:
    """Whether a day is a public holiday there."""
    return day in holidays(home, day.year)


def at_ms(zone: str, day: date, hour: float = 0.0) -> int:
    """The instant of a local hour of a day, counted on the wall clock; 24 and more are on the days after."""
    whole = int(hour)
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(hours=whole)
    return round(local.astimezone(UTC).timestamp() * 1000) + round((hour - whole) * HOUR_MS)


def days_from(first: date, count: int) -> Iterator[date]:
    """So many days, one after the other."""
    return (first + timedelta(days=n) for n in range(count))


class Clock:
    """Instants as ISO 8601 with the offset of a zone, quickly: an hour's beginning is formatted once."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._hours: dict[int, tuple[str, str]] = {}

    def iso(self, at_ms: int) -> str:
        """To the millisecond, `2026-10-05T09:00:00.000-04:00`."""
        hour, rest = divmod(at_ms, HOUR_MS)
        head, offset = self._hours.get(hour) or self._hour(hour)
        seconds, millis = divmod(rest, 1000)
        return f"{head}{seconds // 60:02}:{seconds % 60:02}.{millis:03}{offset}"

    def _hour(self, hour: int) -> tuple[str, str]:
        """Every zone here is a whole number of hours from UTC."""
        local = datetime.fromtimestamp(hour * 3600, UTC).astimezone(self._zone)
        if len(self._hours) > 1000:
            self._hours.clear()
        found = self._hours[hour] = (local.strftime("%Y-%m-%dT%H:"), local.isoformat()[-6:])
        return found
