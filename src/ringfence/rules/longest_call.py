"""Calls that never end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.attempt import DestinationClass
from ringfence.rules.base import Places


@dataclass(frozen=True, slots=True)
class LongestCall:
    """Calls that last longer than trunk, source or tenant allow for their class of destination; they are cut.

    *Why it matters*

    A call left open to a number that pays by the minute earns all night, and is one call only: no cap on calls sees it.
    The shortest of all bounds holds. It runs from the answer; emergency calls are never cut. When the policy changes, a
    call in progress keeps the shorter of old and new.

    *Before*

        call 12125550123 for 36000 s: allow

    *After*

        [trunk.carrier]
        max_call_s = { domestic = 7200, international = 3600 }

        call 12125550123 for 7199 s: allow
        call 12125550123 for 7200 s: longest-call

    *References*

    Control D5.
    """

    slug: ClassVar[str] = "longest-call"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Limit Reached"
    spoofable: ClassVar[bool] = False


def longest(places: Places, klass: DestinationClass) -> tuple[int, str]:
    """Longest duration of a call in seconds and the key that sets it: the shortest of all bounds; (0, "") for none."""
    found = [
        (bounds.max_call_s[klass], f"{place}.max_call_s.{klass}")
        for place, bounds in places
        if klass in bounds.max_call_s
    ]
    return min(found, default=(0, ""))
