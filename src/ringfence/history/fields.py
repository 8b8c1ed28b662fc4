"""What the fields of a call record mean, whatever product wrote them: times, states, numbers, rows of text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo

from ringfence.model.time import SECOND, Instant

LAST = 4_102_444_800 * SECOND
"""The year 2100: what is later, or before 1970, is no time of a call."""
Row = Mapping[str, str]
_EPOCH = re.compile(r"\d{1,16}(\.\d{0,9})?", re.ASCII)
_EXACT = re.compile(r"^\d{1,11}(?:\.\d*)?$|(?:Z|[+-]\d\d(?::?\d\d)?)$", re.ASCII)
"""A time that has one meaning in every zone."""
_ANSWERED = ("", "ANSWERED", "ANSWER")
MIN_DIGITS = 7
"""Of a number that leads out of the house; fewer are an extension or a service of the PBX."""


class Inside(ValueError):
    """The call never left the PBX: there is nothing to judge."""

    def __init__(self) -> None:
        super().__init__("stayed inside the PBX")


def instant(text: str | None, zone: tzinfo) -> Instant:
    """An ISO 8601 time, or seconds since 1970; raises ValueError."""
    text = (text or "").strip()
    if not text:
        raise ValueError("no time")
    try:
        at = int(float(text) * SECOND) if _EPOCH.fullmatch(text) else _iso(text, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no time") from None
    if not 0 < at < LAST:
        raise ValueError(f"{text[:40]!r} is not between 1970 and 2100")
    return at


def _iso(text: str, zone: tzinfo) -> Instant:
    read = datetime.fromisoformat(text)
    return int((read if read.tzinfo is not None else read.replace(tzinfo=zone)).timestamp() * SECOND)


def maybe(text: str | None, zone: tzinfo) -> Instant:
    """The same; 0 where there is none."""
    return instant(text, zone) if text and text.strip() and not text.startswith("0000-") else 0


def times(row: Row, start: Instant, zone: tzinfo) -> tuple[Instant, Instant]:
    """Answer (0: none) and end from `answer`, `end`, `duration`, `billsec` and `disposition`; raises ValueError."""
    if "answer" not in row:
        return _by_seconds(row, start, zone)
    answer = after(start, row["answer"], zone)
    state = (row.get("disposition") or "").strip().upper()
    if answer and state not in _ANSWERED and not seconds(row.get("billsec")):
        answer = 0
    end = after(answer or start, row.get("end"), zone)
    if not end:
        lasts = seconds(row.get("billsec") or row.get("duration")) if answer else seconds(row.get("duration"))
        end = (answer or start) + int(lasts * SECOND)
    return in_order(start, answer, end)


def _by_seconds(row: Row, start: Instant, zone: tzinfo) -> tuple[Instant, Instant]:
    """The same of a record that has no time of answer: what it says to have been talked ends with the call."""
    lasts, billed = int(seconds(row.get("duration")) * SECOND), int(seconds(row.get("billsec")) * SECOND)
    end = after(start, row.get("end"), zone) or start + max(lasts, billed)
    talked = billed if row.get("billsec") else end - start
    answered = billed or (row.get("disposition") or "").strip().upper() in _ANSWERED[1:]
    return in_order(start, end - talked if answered else 0, end)


def after(before: Instant, text: str | None, zone: tzinfo) -> Instant:
    """The time of what follows an instant; 0 where there is none. Raises ValueError."""
    return second_time(before, maybe(text, zone), text or "", zone)


def second_time(before: Instant, at: Instant, text: str, zone: tzinfo) -> Instant:
    """What a local time means where it follows an instant: the hour that autumn has twice may be the second one."""
    if not 0 < at < before or _EXACT.search(text.strip()):
        return at
    again = int(datetime.fromtimestamp(at // SECOND, zone).replace(fold=1).timestamp()) * SECOND + at % SECOND
    return again if again >= before else at


def in_order(start: Instant, answer: Instant, end: Instant) -> tuple[Instant, Instant]:
    """Answer and end; raises ValueError where they don't follow one another."""
    if end < start or end >= LAST or (answer and not start <= answer <= end):
        raise ValueError("its times are not in the order start, answer, end")
    return answer, end


def seconds(text: str | None) -> float:
    """A duration; 0 where there is none. Raises ValueError."""
    try:
        return float(text) if text and text.strip() else 0.0
    except ValueError:
        raise ValueError(f"{text!r:.40} is no number of seconds") from None


def whole(text: str) -> str:
    """A text that can be written: JSON may hold halves of characters, which become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def needed(row: Row, name: str) -> str:
    """A field that can't be empty; raises ValueError."""
    value = row.get(name, "").strip()
    if not value:
        raise ValueError(f"{name} is empty")
    return value


def is_label(caller: str) -> bool:
    """Whether a caller is the name of an extension, or nothing, and not the number that was shown to the carrier.

    A PBX puts the caller ID in when it sends the call on; its record of who called is often from before that.
    """
    return not caller or (caller.isascii() and caller.isdecimal() and len(caller) < MIN_DIGITS)


def leads_out(number: str) -> bool:
    """Whether it is long enough for a number outside."""
    return sum(c.isdigit() for c in number) >= MIN_DIGITS
