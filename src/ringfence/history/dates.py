"""Dates as carriers write them, beside ISO 8601 and seconds since 1970.

`27.11.2026 12:00:05`, `27-Nov-2026 12:00`, `20261127120005` and the like can be read one way only. `03/04/2026` can't:
whether the day or the month comes first is told by the other dates of the file, or has to be said as a format of
strptime.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Literal

from ringfence.errors import RingfenceError
from ringfence.history.cdr import CdrError
from ringfence.history.fields import LAST, instant, second_time
from ringfence.model.time import SECOND, Instant

Order = Literal["", "day", "month"]
"""What comes first where dates have slashes; empty: not known."""
DAYS = ("%d.%m.%Y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%Y/%m/%d", "%Y.%m.%d")
SLASHED: dict[Order, tuple[str, ...]] = {
    "day": ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y"),
    "month": ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y"),
}
TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%H.%M.%S")
SOLID = ("%Y%m%d%H%M%S", "%Y%m%d %H%M%S", "%Y%m%d %H:%M:%S")
LONGEST = 64
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{2}|\d{4})\b", re.ASCII)
_SOLID = re.compile(r"(?:19|20)\d{12}", re.ASCII)


class DateFormatError(RingfenceError):
    """A format of dates can't be used."""


def order_of(texts: Iterable[str]) -> Order:
    """Whether day or month comes first, by the first date that can be meant one way only."""
    for text in texts:
        found = _SLASHED.match(text.strip())
        if found is not None and int(found[1]) > 12:
            return "day"
        if found is not None and int(found[2]) > 12:
            return "month"
    return ""


def dates_of(path: Path, zone: tzinfo, form: str, texts: Iterable[str]) -> Dates:
    """What reads the dates of a file, by some of them; raises CdrError where they may be meant two ways."""
    if form:
        return Dates(zone, form)
    seen, order = itertools.tee(texts)
    found = order_of(order)
    two_ways = next((text for text in seen if _SLASHED.match(text.strip())), "")
    if two_ways and not found:
        raise CdrError(
            f"{path}: dates such as {two_ways[:40]!r} may have the day or the month first; say it with --date-format, "
            "such as '%d/%m/%Y %H:%M:%S'"
        )
    return Dates(zone, order=found)


class Dates:
    """Reads the times of one file. `form` is one of strptime; raises DateFormatError where that is none."""

    def __init__(self, zone: tzinfo, form: str = "", order: Order = "") -> None:
        self._zone = zone
        self._form = form
        self._order = order
        self._last = ""
        """The form that fitted last: a file has one mostly."""
        if form:
            _checked(form)

    def read(self, text: str, before: Instant = 0) -> Instant:
        """An instant, of something that followed another one; raises ValueError."""
        return second_time(before, self._read(text), text, self._zone)

    def _read(self, text: str) -> Instant:
        text = " ".join(text.split())
        if len(text) > LONGEST:
            raise ValueError(f"{text[:40]!r} is no time")
        if self._form:
            return self._by(self._form, text)
        if self._last:
            try:
                return self._by(self._last, text)
            except ValueError:
                self._last = ""
        if not _SOLID.fullmatch(text) and not _SLASHED.match(text):
            try:
                return instant(text, self._zone)
            except ValueError:
                pass
        return self._other(text)

    def _other(self, text: str) -> Instant:
        if _SLASHED.match(text) and not self._order:
            raise ValueError(
                f"{text[:40]!r}: day or month first? say it with --date-format, such as '%d/%m/%Y %H:%M:%S'"
            )
        for form in (*SOLID, *(f"{day} {time}" for day in (*DAYS, *SLASHED.get(self._order, ())) for time in TIMES)):
            try:
                found = self._by(form, text)
            except ValueError:
                continue
            self._last = form
            return found
        raise ValueError(f"{text[:40]!r} is no time; --date-format says how it is written")

    def _by(self, form: str, text: str) -> Instant:
        try:
            read = datetime.strptime(text, form)
            at = int((read if read.tzinfo is not None else read.replace(tzinfo=self._zone)).timestamp() * SECOND)
        except (ValueError, OverflowError):
            raise ValueError(f"{text[:40]!r} is not written as {form}") from None
        if not 0 < at < LAST:
            raise ValueError(f"{text[:40]!r} is not between 1970 and 2100")
        return at


def _checked(form: str) -> None:
    """That a format reads back what it writes, to the minute."""
    probe = datetime(2026, 11, 27, 12, 34)
    try:
        back = datetime.strptime(probe.strftime(form), form).replace(second=0, microsecond=0, tzinfo=None)
    except (ValueError, re.error) as error:
        raise DateFormatError(f"--date-format {form!r}: {error}") from None
    if back != probe:
        raise DateFormatError(f"--date-format {form!r} doesn't say day and minute; write one like '%d/%m/%Y %H:%M:%S'")
