"""Calls of somebody who is slowed down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.fact import SLOW_S
from ringfence.model.meter import Charge, MeterKey, Scope
from ringfence.model.verdict import Severity
from ringfence.rules.base import Finding, Limit, Scoped, who

SLOWED = "slowed"
"""The class of the meter, so that it is none of the policy's own."""


@dataclass(frozen=True, slots=True)
class SlowedDown:
    """Calls that come too fast from somebody who is slowed down.

    *Why it matters*

    The first suspect number of an extension may be a mistake. One call abroad in half a minute hinders nobody who
    dials by hand, and takes from a script what it lives on: the many calls before anybody looks.

    *Before*

        contain caller pbx/101 slow

        call 12125550123: allow

    *After*

        contain caller pbx/101 slow

        call 12125550123: allow
        call 12125550124: slowed-down

    *References*

    Controls F1, D3.
    """

    slug: ClassVar[str] = "slowed-down"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Too Many Calls"
    spoofable: ClassVar[bool] = False

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """None of the policy's."""
        return iter(())

    def charge(self, scope: Scope, name: str, enforced: bool) -> Charge:
        """What a call of it is charged."""
        return Charge(MeterKey(scope, name, "rate", SLOWED, 0), 1, limit=1000 // SLOW_S, enforced=enforced, burst=1)

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """`extension pbx/101, slowed is let out one call in 30 s: it would have to wait 29 s`."""
        wait = f"{-(-observed // 1_000_000)} s"
        text = f"{who(limit.charge)} down, is let out one call in {SLOW_S} s: it would have to wait {wait}"
        return Finding(severity, text, "containment.slow_down", wait, f"{SLOW_S} s")
