"""Calls back a number that rang once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class Wangiri:
    """A call to a new number abroad from whose range missed calls came within two days.

    *Why it matters*

    One ring from a number that nobody knows, and curiosity does the rest: the call back goes to a range that pays who
    rang. Many phones of a site are rung from one range within hours. A customer who was missed and is called back is
    known, or at home.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        missed 442079460018 to 12125550100
        missed 442079460019 to 12125550101
        missed 442079460020 to 12125550102
        call 011442079460018: allow, wangiri

    *References*

    Control E5. Telenor Hungary: 99 % of call-backs last under a minute; FCC on one-ring scams.
    """

    slug: ClassVar[str] = "wangiri"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The missed calls."""
        traits = abroad(case)
        if traits is None or not traits.rings or traits.new_number != "source" or not traits.new_block:
            return
        weight = step(traits.rings, (1, 25), (2, 50), (3, 80), (5, 100)) + step(traits.rung, (2, 20))
        text = f"{traits.rings} missed calls came from this range within two days, to {traits.rung} of your numbers"
        yield weighs(weight, text, traits.rings, 0, 2 * 86_400)
