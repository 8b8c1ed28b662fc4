"""Calls while the office is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from ringfence.model.settings import Window
from ringfence.model.time import SECOND
from ringfence.rules import words
from ringfence.rules.base import Case, Finding

MINUTE = 60 * SECOND
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class OutsideHours:
    """Calls to a class of destination outside the opening hours of trunk, source or tenant.

    *Why it matters*

    Fraud comes when nobody looks: at night, from Friday evening to Monday, at Christmas. An office that calls abroad in
    office hours loses nothing by a trunk that is closed for it at other times. Hours are the wall clock of the tenant's
    zone, else the site's; when clocks change, the hours change with them. On `site.holidays` nothing is open, and a
    window that begins on a holiday stays shut past midnight too.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460000 at 2027-01-30T03:12: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]
        hours = { international = "Mon-Fri 08:00-18:00" }

        call 011442079460000 at 2027-01-30T03:12: outside-hours
        call 011442079460000 at 2027-01-29T17:59: allow
        call 12125550123 at 2027-01-30T03:12: allow

    *References*

    Control C7.
    """

    slug: ClassVar[str] = "outside-hours"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Outside Hours"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """One finding for each party that is closed."""
        klass = case.destination.klass
        for place, bounds in case.bounds:
            windows = bounds.hours.get(klass) if bounds.hours else None
            if windows is not None and not _open_now(case, windows):
                hours = in_words(windows)
                text = f"{klass} calls of {place.replace('.', ' ', 1)} are open {hours}; it is {_wall_clock(case)}"
                yield Finding("block", text, f"{place}.hours.{klass}", _wall_clock(case), hours)


def zone_of(case: Case) -> str:
    """The time zone of a case: the tenant's, else the site's."""
    return case.tenant.time_zone if case.tenant is not None else case.policy.time_zone


def is_open(windows: tuple[Window, ...], holidays: frozenset[str], day: date, minute: int) -> bool:
    """Whether a minute (since midnight) of a local day lies in a window."""
    if holidays and day.isoformat() in holidays:
        return False
    weekday = day.weekday()
    for window in windows:
        overnight = window.until <= window.since
        if weekday in window.days and window.since <= minute and (overnight or minute < window.until):
            return True
        if (
            overnight
            and minute < window.until
            and (weekday - 1) % 7 in window.days
            and not _after_holiday(day, holidays)
        ):
            return True
    return False


def _after_holiday(day: date, holidays: frozenset[str]) -> bool:
    """Whether the day before is a holiday."""
    return bool(holidays) and (day - timedelta(days=1)).isoformat() in holidays


def in_words(windows: tuple[Window, ...]) -> str:
    """Windows as the policy writes them: `Mon Tue 08:00-18:00, Sat 09:00-13:00`."""
    return ", ".join(f"{_days(window.days)} {_clock(window.since)}-{_clock(window.until)}" for window in windows)


def _days(days: frozenset[int]) -> str:
    if len(days) == 7:
        return "daily"
    first, last = min(days), max(days)
    if len(days) > 2 and len(days) == last - first + 1:
        return f"{DAYS[first]}-{DAYS[last]}"
    return " ".join(DAYS[day] for day in sorted(days))


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _open_now(case: Case, windows: tuple[Window, ...]) -> bool:
    local = words.local(zone_of(case), case.now // MINUTE)
    return is_open(windows, case.policy.holidays, local.date(), local.hour * 60 + local.minute)


def _wall_clock(case: Case) -> str:
    return words.moment(case.now, zone_of(case))
