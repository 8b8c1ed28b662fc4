"""Reading a claimed caller ID, and whose number it is.

A caller ID is read in its source's plan, as a dialled number is, but without the PBX's own habits: no outside line is
dialled before it and letters are a name, not a keypad. Ownership compares digits, so that a number in a range that the
numbering table doesn't list yet can be owned.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

import msgspec

from ringfence.model.attempt import Naming
from ringfence.model.settings import Source
from ringfence.numbers import DialPlan, Number, PlanSettings
from ringfence.numbers.number import reject

LONGEST = 64
"""Characters; a longer caller ID is no number."""
CACHED = 8192
FEWEST_DIGITS = 7
"""Of a number that means something to a called party; an extension has fewer."""
ANONYMOUS = "anonymous"
"""User part of a caller that asks for privacy (RFC 3323 §4.1.1)."""

Ranges = tuple[tuple[str, str], ...]


class Owned:
    """Ranges of E.164 digits, each of one length, merged so that one bisection answers."""

    def __init__(self, ranges: Ranges) -> None:
        merged: list[tuple[tuple[int, str], tuple[int, str]]] = []
        for low, high in sorted(((len(low), low), (len(high), high)) for low, high in ranges):
            if merged and low <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            else:
                merged.append((low, high))
        self._lows = [low for low, _ in merged]
        self._highs = [high for _, high in merged]

    def __contains__(self, digits: str) -> bool:
        key = len(digits), digits
        place = bisect_right(self._lows, key) - 1
        return place >= 0 and key <= self._highs[place]


def owns(source: Source, digits: str) -> bool:
    """Whether these E.164 digits are the source's."""
    return digits in _owned(source)


@lru_cache(maxsize=1024)
def _owned(source: Source) -> Owned:
    return Owned(source.caller_ids)


def own_number(source: Source, text: str) -> str:
    """The owned number that a caller ID is, E.164 digits; empty where it isn't one of the source's."""
    return _own_number(source, text) if len(text) <= LONGEST else ""


@lru_cache(maxsize=CACHED)
def _own_number(source: Source, text: str) -> str:
    number, owned = read(source.plan, text), _owned(source)
    digits = number.e164 or number.candidate
    if number.status != "short" and digits in owned:
        return digits
    return text if text.isdigit() and text in owned else ""  # E.164 without its plus


def shown_number(source: Source, text: str) -> str:
    """The number that a caller ID shows to the called party; empty for a name or an extension."""
    number = read(source.plan, text)
    if number.status == "ok":
        return number.e164
    return number.candidate if number.reason == "unallocated" else ""


def named(source: Source, text: str) -> tuple[str, Naming]:
    """Who calls by what From shows: a number of the source in one spelling, or the text; and what that is."""
    own = own_number(source, text)
    if own:
        return f"+{own}", "number"
    if not text or text.lower() == ANONYMOUS or _is_number(text) or shown_number(source, text):
        return text, "caller-id"
    return text, "label"


def _is_number(text: str) -> bool:
    """Whether it is made like a number, though no plan may know it."""
    digits = text.removeprefix("+")
    return digits.isdecimal() and (digits != text or len(digits) >= FEWEST_DIGITS)


@lru_cache(maxsize=CACHED)
def read(settings: PlanSettings, text: str) -> Number:
    """A caller ID in the plan of its source."""
    return _plan(settings).normalise(text) if len(text) <= LONGEST else reject("not_a_number")


@lru_cache(maxsize=1024)
def _plan(settings: PlanSettings) -> DialPlan:
    return DialPlan(msgspec.structs.replace(settings, outside=(), ext_len=None, vanity=False))
