"""Calls that come too fast while many are up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from ringfence.model.meter import UNLIMITED, Charge
from ringfence.model.verdict import Hit
from ringfence.rules.base import Finding, who
from ringfence.rules.caps import counts_of
from ringfence.rules.evidence import PUBLIC

BUSY = 0.8
"""Share of the cap on calls at once from which they are many, where no alert says so."""
WEIGHT = 20
"""For a call abroad or to a special kind."""


@dataclass(frozen=True, slots=True)
class FastWhileBusy:
    """A rate of calls over its limit while the calls in progress are at their alert, or at 80 % of their cap.

    *Why it matters*

    A busy dialler now and then runs into its rate, and a full office into its channels; both at once is what a stolen
    account looks like that fills every line as fast as it can. Refusing the calls over the limit isn't enough then:
    those under it go on. So people are told, and a call abroad becomes a little more suspect. Trunk, source, tenant,
    extension and class are each compared with their own two limits.

    *Before*

        [trunk.carrier]
        calls_per_second = { block = 1, burst = 4 }
        concurrent = { alert = 20, block = 30 }

        call 12125550123 4 times: allow
        call 12125550123: calls-per-second

    *After*

        [trunk.carrier]
        calls_per_second = { block = 1, burst = 4 }
        concurrent = { alert = 4, block = 30 }

        call 12125550123 4 times: allow
        call 12125550123: calls-per-second, fast-while-busy

    *References*

    Controls D3, E1.
    """

    slug: ClassVar[str] = "fast-while-busy"
    status: ClassVar[int] = 480
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False

    def find(self, fast: Hit, busy: Charge, calls: int, foreign: bool) -> Iterator[Finding]:
        """What was found of the rate, if so many calls are many for the same party."""
        high = ceil(BUSY * busy.limit) if busy.alert >= UNLIMITED else busy.alert
        if calls < high:
            return
        text = f"{calls} calls in progress on {who(busy)}, many from {high} on, and {fast.text}"
        where = f"{counts_of(busy.meter)}.concurrent"
        yield Finding("alert", text, where, str(calls), str(high), 0, WEIGHT if foreign else 0)
