"""Many numbers of one range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.permits import digits_of
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class OneRange:
    """Several numbers of the same thousand called from a source within a day, a thousand that is new for it.

    *Why it matters*

    Revenue-share numbers are rented by the range, and a pump goes round in it. Honest people who call a new firm call
    one or two of its numbers. A range that the source has called before is its partner's.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011442079460023: allow, one-range
        call 011442079460047: allow, one-range

    *References*

    Control E3. NDSS 2021: closeness of test numbers; PRISM test-number lists.
    """

    slug: ClassVar[str] = "one-range"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of numbers."""
        traits = abroad(case)
        if traits is None or not traits.new_block:
            return
        weight = step(traits.block_numbers, (2, 20), (3, 35), (5, 60), (10, 90))
        if weight:
            digits = digits_of(case.destination.number)
            new = f"a range that is new for source {case.source.name}"
            text = f"{traits.block_numbers} numbers of +{digits[:-3]}xxx within 24 hours, {new}"
            yield weighs(weight, text, traits.block_numbers, 1, 86_400)
