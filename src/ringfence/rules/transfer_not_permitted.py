"""Transfers that would have somebody else place a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding


@dataclass(frozen=True, slots=True)
class TransferNotPermitted:
    """A call is to be transferred (REFER) by the carrier, or by a source at the carrier's word, and may not be.

    *Why it matters*

    With REFER one side of a call asks the other to call somebody. Asked by a PBX, the carrier places a call that is
    billed and never comes past here: its end can't be seen, and it can't be cut. Asked by the carrier's side, a PBX
    that obeys calls whom a stranger chose. A PBX that transfers by itself, as nearly all do, needs neither. Where
    `transfers = "judge"` says so, the number is judged, counted and charged like a direct call of the source; but a
    call that we placed is never left to the carrier, since it would go on unseen as well, and nobody outside has the
    PBX call an emergency number. This rule always refuses.

    *Before*

        [trunk.carrier]
        transfers = "judge"

        transfer to 12125550123 by carrier: allow

    *After*

        transfer to 12125550123 by carrier: transfer-not-permitted
        transfer to 12125550123 by source: transfer-not-permitted
        transfer to 911 by source: transfer-not-permitted

    *References*

    Control C10. RFC 3515 (REFER), RFC 3891 (Replaces), RFC 5589 (transfer).
    """

    slug: ClassVar[str] = "transfer-not-permitted"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Transfer Not Allowed"
    spoofable: ClassVar[bool] = False

    def find_refused(self, case: Case) -> Finding | None:
        """Why it may not be transferred; None for what is no transfer, and for one that may."""
        by = case.attempt.transfer
        if not by:
            return None
        party = case.source if by == "source" else case.trunk
        where = f"source.{party.name}.transfers" if by == "source" else f"trunk.{party.name}.transfers"
        who = f"source {party.name}" if by == "source" else f"the carrier of trunk {party.name}"
        if party.transfers == "refuse":
            return Finding("block", f"{who} may not be asked to place a call (REFER)", where, by, party.transfers)
        if by == "source" and case.destination.klass == "emergency":
            return Finding("block", "somebody else asks for a call to an emergency number", "", case.attempt.dialled)
        if by == "both":
            text = f"{who} would keep the transferred call up beside the new one, and both cost"
            return Finding("block", text, "", by)
        return None
