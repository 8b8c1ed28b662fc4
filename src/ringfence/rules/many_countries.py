"""Many countries within an hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls

LEAST = 3
"""Countries that nobody is suspect for."""


@dataclass(frozen=True, slots=True)
class ManyCountries:
    """Calls of one extension to more countries within an hour than it ever called.

    *Why it matters*

    Attackers try which destinations a trunk lets through, and spread their calls so that no limit of one country
    catches them: 37 countries in 16 minutes in a published case. People have a few countries, and not within an hour.
    Refused calls count too.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 01137167000000: destination-not-permitted
        call 0115352041234: destination-not-permitted
        call 011442079460019: allow, many-countries

    *References*

    Control E2. TransNexus, Anatomy of a fraud attack, 2019.
    """

    slug: ClassVar[str] = "many-countries"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count, if it is over what is usual."""
        traits = abroad(case)
        if traits is None or not traits.new_number:
            return
        regions, usual = traits.regions_hour, traits.usual_regions_hour
        weight = step(regions - usual, (2, 20), (3, 40), (5, 60)) if regions >= LEAST else 0
        if weight:
            text = f"{regions} countries within an hour from this extension, at most {usual} before"
            yield weighs(weight, text, regions, usual, 3600)
