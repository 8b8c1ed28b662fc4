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
        refused = [party for party in _lists(case) if not admits(party[2], region, digits)]
        if not refused:
            return
        what = words.destination(number, case.attempt.dialled)
        lifted = exception_for(case)
        for scope, name, permit in refused:
            text = f"{what} isn't permitted for {scope} {name}"
            if lifted is not None:
                yield lifted.finding(case, text)
            else:
                yield Finding("block", text, f"{scope}.{name}.permit", region or digits, ", ".join(sorted(permit)))


def _lists(case: Case) -> list[tuple[str, str, frozenset[str]]]:
    """Every list that has to admit the call, with whose it is."""
    permit, own = case.trunk.bounds.permit, case.source.bounds.permit
    lists = [("trunk", case.trunk.name, frozenset((case.policy.home_country,)) if permit is None else permit)]
    if own is not None:
        lists.append(("source", case.source.name, own))
    if case.tenant is not None and case.tenant.bounds.permit is not None:
        lists.append(("tenant", case.tenant.name, case.tenant.bounds.permit))
    return lists
