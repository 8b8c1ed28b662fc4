"""Many more calls abroad within an hour than an extension ever made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls

LEAST_CALLS, LEAST_NUMBERS = 4, 2
"""What is usual for everybody."""


@dataclass(frozen=True, slots=True)
class InternationalBurst:
    """More calls abroad, or to more new numbers abroad, within an hour than is usual for the extension.

    *Why it matters*

    A pump has to place calls: 111 in 16 minutes in a published attack on a clinic. Counted are the calls abroad of one
    extension within an hour, and the new numbers among them, refused calls too; both are held against the most that
    this extension ever had in an hour of a clean day, and what is further over it weighs. Calls to numbers it always
    calls don't count as new.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011441214960018: allow
        call 011441314960018: allow, international-burst
        call 011441414960018: allow, international-burst

    *References*

    Control E2. TransNexus, Anatomy of a fraud attack, 2019; OpenSIPS fraud_detection.
    """

    slug: ClassVar[str] = "international-burst"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count that is furthest over what is usual."""
        traits = abroad(case)
        if traits is None:
            return
        if not traits.new_number:
            return
        numbers, usual = traits.numbers_hour, traits.usual_numbers_hour
        weight, what = _over(numbers, max(usual, LEAST_NUMBERS)), f"{numbers} new numbers abroad"
        calls, usual_calls = traits.calls_hour, traits.usual_calls_hour
        by_calls = _over(calls, max(usual_calls, LEAST_CALLS)) if numbers > 1 else 0
        if by_calls > weight:
            weight, what, numbers, usual = by_calls, f"{calls} calls abroad", calls, usual_calls
        if weight:
            text = f"{what} of this extension within an hour, at most {usual} before"
            yield weighs(weight, text, numbers, usual, 3600)


def _over(count: int, usual: int) -> int:
    return step(count / usual, (1.5, 20), (2.5, 40), (4, 60))
