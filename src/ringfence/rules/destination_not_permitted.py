"""Calls to where nobody said they may go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.permits import admits, digits_of, exception_for, region_of


@dataclass(frozen=True, slots=True)
class DestinationNotPermitted:
    """Calls to a country or prefix that trunk, source and tenant don't all permit.

    *Why it matters*

    Fraud calls where the money is, and that changes every month: a list of bad countries is always late. A list of the
    few countries that are called is short and right. A trunk without a list permits its home country only; a source or
    tenant without one sets no limit of its own. Short numbers of home are domestic. An exception admits a destination
    for somebody until a day.

    *Before*

        [trunk.carrier]
        permit = ["US", "CI"]

        call 0112250712345678: allow

    *After*

        # Ivory Coast is country code 225, Baton Rouge area code 225; Jamaica looks like a number at home.
        [trunk.carrier]
        permit = ["US"]

        call 0112250712345678: destination-not-permitted
        call 12253442000: allow
        call 18769221234: destination-not-permitted

    *References*

    Controls C2, C4, C8 (exceptions), A10.
    """

    slug: ClassVar[str] = "destination-not-permitted"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Destination Not Allowed"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """One finding for each party that doesn't permit it; info where an exception does."""
        number = case.destination.number
        digits, region = digits_of(number), region_of(number, case.source.plan.home)
        if number.rejected and not digits:
            return  # no destination at all: unusable-number has said so
        refused = [(place, permit) for place, permit in _lists(case) if not admits(permit, region, digits)]
        if not refused:
            return
        what = words.destination(number, case.attempt.dialled)
        lifted = exception_for(case)
        for place, permit in refused:
            text = f"{what} isn't permitted for {place.replace('.', ' ', 1)}"
            if lifted is not None:
                yield lifted.finding(case, text)
            else:
                yield Finding("block", text, f"{place}.permit", region or digits, ", ".join(sorted(permit)))


def _lists(case: Case) -> Iterator[tuple[str, frozenset[str]]]:
    """Every list that has to admit the call, with whose it is; the trunk always has one."""
    (carrier, own), *others = case.bounds
    yield carrier, frozenset((case.policy.home_country,)) if own.permit is None else own.permit
    for place, bounds in others:
        if bounds.permit is not None:
            yield place, bounds.permit
