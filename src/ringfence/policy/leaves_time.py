"""Time zones, opening hours, days and moments."""

from __future__ import annotations

import re
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ringfence.model.settings import Window
from ringfence.policy.kinds import Leaf, Wrong, listing
from ringfence.policy.leaves import as_text, shown

_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _time_zone(value: Any) -> str:
    string = as_text(value, _ZONE)
    try:
        ZoneInfo(string)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise Wrong("this machine has no time zone data", "apt install tzdata") from None
        near = get_close_matches(string, known, n=1, cutoff=0.5)
        raise Wrong(f"must be {_ZONE}, not {shown(value)}", f'did you mean "{near[0]}"?' if near else "") from None
    return string


_ZONE = "a time zone such as America/New_York"
TIME_ZONE = Leaf(_ZONE, _time_zone, {"type": "string"})

_HOURS = 'opening hours such as "Mon-Fri 08:00-18:00, Sat 09:00-13:00"'


def _hours(value: Any) -> tuple[Window, ...]:
    return tuple(_window(part.strip(), value) for part in as_text(value, _HOURS).split(","))


def _window(part: str, value: Any) -> Window:
    """`Mon-Fri 08:00-18:00`, `Mon Wed 22:00-06:00`, `daily 00:00-24:00`."""
    *days, clock = part.split() or [""]
    match = _CLOCK.fullmatch(clock)
    if match is None or not days:
        raise Wrong(f"must be {_HOURS}, not {shown(value)}", "days, then the time from and until, each HH:MM")
    since, until = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if since >= 1440 or until > 1440:
        raise Wrong(f"has a time after 24:00: {shown(value)}")
    return Window(days=frozenset().union(*(_day_span(day, value) for day in days)), since=since, until=until)


def _day_span(days: str, value: Any) -> frozenset[int]:
    """Days from `Mon`, `Fri-Mon` (over the week's end) or `daily`."""
    if days == "daily":
        return frozenset(range(7))
    ends = days.split("-")
    if len(ends) > 2 or any(end not in _DAYS for end in ends):
        raise Wrong(f"{days!r} is no day in {shown(value)}", f"days are {listing(_DAYS)}, Mon-Fri, daily")
    first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
    return frozenset((first + i) % 7 for i in range((last - first) % 7 + 1))


HOURS = Leaf(_HOURS, _hours, {"type": "string"})


def _day(value: Any) -> date:
    if type(value) is date:
        return value
    raise Wrong(f"must be a day such as 2027-01-31, not {shown(value)}", _unquoted(value))


def _unquoted(value: Any) -> str:
    """The way out for a day in quotes, which is text to TOML."""
    return "without quotes" if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII) else ""


DAY = Leaf("a day such as 2027-01-31", _day, {"type": "string", "format": "date"})


def _moment(value: Any) -> date | datetime:
    if isinstance(value, date):  # a datetime is one too
        if 2000 <= value.year < 2200:
            return value
        raise Wrong(f"must be between 2000 and 2199, not {shown(value)}", "an exception is for a while")
    text = f"must be a day such as 2027-01-31 or a day and time such as 2027-01-31T18:00:00, not {shown(value)}"
    raise Wrong(text, _unquoted(value))


MOMENT = Leaf(
    "a day such as 2027-01-31 or a day and time such as 2027-01-31T18:00:00",
    _moment,
    {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]},
)
