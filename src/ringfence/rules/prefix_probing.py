"""One number behind several prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.permits import digits_of
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class PrefixProbing:
    """The same number abroad, dialled in different ways from one source within a day.

    *Why it matters*

    Attackers don't know the dial plan and try one number behind 00, 011, 9011, 900, 000, 1010xxx011 and so on: 90,000
    prefixes for one number were seen. Numbers are compared after normalisation, so that all of these are one. People
    dial a number in one way, or correct themselves once.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 2 times: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call +442079460018: allow, prefix-probing

    *References*

    Control B4. Traces of LBNL (011, 9011, 1010222011 ... before one number); SIP honeynet of Intuitive Labs.
    """

    slug: ClassVar[str] = "prefix-probing"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "abroad"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of ways."""
        traits = abroad(case)
        if traits is None:
            return
        weight = step(traits.forms, (2, 30), (3, 70), (4, 100))
        if weight:
            digits = digits_of(case.destination.number)
            text = f"+{digits} was dialled in {traits.forms} ways at source {case.source.name} within 24 hours"
            yield weighs(weight, text, traits.forms, 1, 86_400)
