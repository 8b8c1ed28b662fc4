"""More calls at once than in this hour of any week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC
from ringfence.rules.traits import Calls

OVER = 1.1
LEAST = 10
"""Calls at once under which a trunk is too small to tell."""
WEIGHT = 20
"""For a call abroad."""


@dataclass(frozen=True, slots=True)
class ChannelsOverUsual:
    """Over 110 % of the most calls that were ever up at once on the trunk in this hour of the week.

    *Why it matters*

    A trunk fills up when somebody else uses it. The most that was up at once in the same hour of the weeks before is
    learned; ten per cent over it are told, and make a call abroad a little more suspect. From ten calls at once on.

    *Before*

        call 12125550143 12 times: allow

    *After*

        used to 12125550143 since 30 days with 10 at once

        call 12125550143 at 2026-12-01T11:00 11 times: allow
        call 12125550143: allow, channels-over-usual

    *References*

    Control E1.
    """

    slug: ClassVar[str] = "channels-over-usual"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "all"

    def find(self, case: Case) -> Iterator[Finding]:
        """Both numbers."""
        traits = case.traits
        if traits is None or traits.usual_channels < LEAST or traits.channels <= OVER * traits.usual_channels:
            return
        before = f"at most {traits.usual_channels} in this hour of the week before"
        text = f"{traits.channels} calls at once on trunk {case.trunk.name}; {before}"
        weight = WEIGHT if traits.foreign else 0
        yield Finding("alert", text, "behaviour", str(traits.channels), str(traits.usual_channels), 0, weight)
