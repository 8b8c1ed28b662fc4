"""Calls that are up longer than calls are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls

LOOKED_AT_S = (1800, 3600, 7200, 14_400)
"""Seconds after its answer at which a call abroad is weighed again."""
_WEIGHTS = (20, 35, 60, 80)


@dataclass(frozen=True, slots=True)
class LongCall:
    """A call to a new number abroad that is up longer than any such call of the source was.

    *Why it matters*

    Who is paid by the minute keeps the line open: pumped calls last for hours, with nobody on them. A long call says
    nothing before it is long, so calls are weighed again while they are up, half an hour, one, two and four hours after
    the answer, together with all that is known by then. What comes to `behaviour.block` is hung up.

    *Before*

        [trunk.carrier]
        permit = ["US", "LV"]

        [behaviour]
        mode = "enforce"

        call 01137120000001 for 1700 s: allow

    *After*

        [trunk.carrier]
        permit = ["US", "LV"]

        [behaviour]
        mode = "enforce"

        call 01137120000001 for 7300 s: suspicious-call, long-call

    *References*

    Controls E1, E3, F1.
    """

    slug: ClassVar[str] = "long-call"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """How long it is up."""
        traits = abroad(case)
        if traits is None or traits.new_number in ("", "extension") or traits.up_s <= 1.5 * traits.usual_up_s:
            return
        weight = step(traits.up_s, *zip(LOOKED_AT_S, _WEIGHTS, strict=True))
        if weight:
            usual = f", usual are up to {_minutes(traits.usual_up_s)}" if traits.usual_up_s else ""
            yield weighs(weight, f"it is up for {_minutes(traits.up_s)}{usual}", traits.up_s, traits.usual_up_s)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes"
