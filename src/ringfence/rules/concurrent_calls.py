"""More calls at once than there should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.verdict import Severity
from ringfence.rules.base import Finding, Limit, Scoped, who
from ringfence.rules.caps import counted, counts_of, meter_of


@dataclass(frozen=True, slots=True)
class ConcurrentCalls:
    """More calls in progress at once than a trunk, source, tenant, extension or destination class may have.

    *Why it matters*

    Toll fraud earns by the minute, so it needs many calls at the same time: hundreds have been seen through a PBX with
    four lines. The cap counts from the moment a call is asked for until it ends in whatever way, and holds exactly,
    also for a burst in one millisecond. Put the alert over the usual peak, the block over the alert and under what the
    carrier allows.

    *Before*

        call 12125550123 6 times: allow

    *After*

        [trunk.carrier]
        concurrent = { alert = 4, block = 5 }

        call 12125550123 5 times: allow
        call 12125550123: concurrent-calls

    *References*

    Controls D1, D7.
    """

    slug: ClassVar[str] = "concurrent-calls"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Too Many Calls"
    spoofable: ClassVar[bool] = False

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """One charge of one slot, limited or only counted."""
        yield counted(meter_of(scoped, "calls", 0), scoped.caps.concurrent, f"{scoped.where}.concurrent")

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """`51 calls in progress on trunk carrier; at most 50`."""
        charge = limit.charge
        level = charge.limit if severity == "block" else charge.alert
        bound = f"at most {level}" if severity == "block" else f"alert from {level}"
        text = f"{observed} calls in progress on {who(charge)}; {bound}"
        where = f"{counts_of(charge.meter)}.concurrent.{severity}"
        return Finding(severity, text, where, str(observed), str(level))
