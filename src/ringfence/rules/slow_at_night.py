"""A few calls a night to ever new areas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import QUIET, Calls


@dataclass(frozen=True, slots=True)
class SlowAtNight:
    """A new area in an hour where nobody calls, after other nights with the same.

    *Why it matters*

    The careful thief places one to six calls a night, never in parallel, to cheap countries and a new range each night,
    under every limit. No night alone is remarkable; two in two weeks are.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 at 2026-12-01T03:00 for 200 s: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 at 2026-12-01T03:00 for 200 s: allow
        call 011441314960018 at 2026-12-02T03:00 for 200 s: allow, slow-at-night

    *References*

    Control E2. Yates 2020: fraud moved to countries of low risk.
    """

    slug: ClassVar[str] = "slow-at-night"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of nights before."""
        traits = abroad(case)
        if traits is None or not traits.new_destination or min(traits.hour_share, traits.foreign_hour_share) >= QUIET:
            return
        weight = step(traits.nights, (1, 20), (2, 35), (3, 50))
        if weight:
            night = f"a new area in an hour where source {case.source.name} hardly calls"
            text = f"{night}, as on {traits.nights} nights within two weeks"
            yield weighs(weight, text, traits.nights, 0, 14 * 86_400)
