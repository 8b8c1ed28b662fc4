"""The sum of what speaks against a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.verdict import Severity
from ringfence.rules.base import Finding
from ringfence.rules.evidence import PUBLIC


@dataclass(frozen=True, slots=True)
class SuspiciousCall:
    """Calls against which the evidence of all behaviour rules together reaches `behaviour.block`.

    *Why it matters*

    No single sign tells fraud from business: a new country, a late hour, a second call at once are all honest most of
    the time. Together they are not. Each behaviour rule weighs what it finds; the weights of those that enforce are
    summed before the call is let out, and again while it is up. The sum refuses at `behaviour.block`, tells at
    `behaviour.alert`, and names everything that it is made of.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011441214960018: allow
        call 011441314960018: allow
        call 011441414960018: allow
        call 011441514960018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        [behaviour]
        mode = "enforce"

        call 011442079460018: allow
        call 011441214960018: allow
        call 011441314960018: suspicious-call
        call 011441414960018: suspicious-call

    *References*

    Controls E1 to E5, F1.
    """

    slug: ClassVar[str] = "suspicious-call"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False

    def find(self, score: int, level: int, weighed: Sequence[tuple[int, str]], severity: Severity = "block") -> Finding:
        """`evidence of 115, refused from 100 on: ... (45); ... (40); ... (30)`, the heaviest first."""
        parts = "; ".join(f"{text} ({weight})" for weight, text in sorted(weighed, reverse=True))
        does = "refused" if severity == "block" else "told"
        return Finding(
            severity,
            f"evidence of {score}, {does} from {level} on: {parts}",
            f"behaviour.{severity}",
            str(score),
            str(level),
        )
