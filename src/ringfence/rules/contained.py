"""Calls of what is contained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules import words
from ringfence.rules.base import Case, Finding


@dataclass(frozen=True, slots=True)
class Contained:
    """Calls of an extension, source, tenant or trunk that is contained, or to a contained range.

    *Why it matters*

    Once a fraud is seen, the next call is the one to stop. A containment is narrow (one extension, one range, one class
    of destination), has an owner, a reason and an end, and can be undone. Emergency calls pass it.

    *Before*

        call 12125550123: allow

    *After*

        contain caller pbx/101

        call 12125550123: contained

    *References*

    Controls F1, F2, E11.
    """

    slug: ClassVar[str] = "contained"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Declined"
    spoofable: ClassVar[bool] = True

    def find(self, case: Case) -> Iterator[Finding]:
        """One finding for each containment in force that refuses, narrowest first."""
        for held in case.contained:
            if held.action != "refuse":
                continue
            until = words.moment(held.until, case.policy.time_zone)
            text = f"{words.contained(held)} until {until} by {held.owner}: {held.why}"
            yield Finding("block", text, observed=held.id)
