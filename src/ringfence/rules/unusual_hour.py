"""Calls abroad at an hour where nobody calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import OFFICE_CALLS, Calls, Traits

KNOWN = 10
"""The most it weighs for a number that the source has called before."""


@dataclass(frozen=True, slots=True)
class UnusualHour:
    """A call abroad to a new number in an hour of the week in which the source hardly ever calls.

    *Why it matters*

    Most attacks run at night, at weekends and on holidays, when nobody looks. What is usual is learned by hour of the
    week from the source's own calls, so that a travel desk that is open all night isn't suspect at three in the
    morning. Where little is known yet, an office is assumed. Numbers that the source has called before weigh less.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 at 2026-12-01T11:00: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 at 2026-12-01T03:00: allow, unusual-hour

    *References*

    Control E2. ITSPA fraud survey: 02:00 to 06:00 particularly popular; Christmas, Easter, bank holidays.
    """

    slug: ClassVar[str] = "unusual-hour"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "abroad"

    def find(self, case: Case) -> Iterator[Finding]:
        """The share of the hour, if it is small."""
        traits = abroad(case)
        if traits is None:
            return
        weight = step(-traits.hour_share, (-0.30, 15), (-0.15, 30), (-0.05, 45))
        what = "calls"
        if not weight and traits.foreign_hour_share < 0.10:
            weight, what = 20, "calls abroad"
        if traits.new_number != "source":
            weight = min(weight, KNOWN)
        if weight:
            share = traits.hour_share if what == "calls" else traits.foreign_hour_share
            zone = case.tenant.time_zone if case.tenant is not None else case.policy.time_zone
            usual = f"{share:.0%} of the usual {what} of {_whose(case, traits)}"
            yield weighs(weight, f"{words.moment(case.now, zone)} is an hour with {usual}", f"{share:.2f}")


def _whose(case: Case, traits: Traits) -> str:
    source = f"source {case.source.name}"
    if traits.history >= OFFICE_CALLS:
        return source
    return f"an office, assumed of {source} until {OFFICE_CALLS} of its calls are known"
