"""Calls to where nobody here has called before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import ClassVar

from ringfence.numbers import calling_code
from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, WHOSE, abroad, weighs
from ringfence.rules.permits import digits_of
from ringfence.rules.traits import NOVEL, Calls, Traits

WEIGHTS = {
    ("country", "trunk"): 45,
    ("country", "tenant"): 45,
    ("country", "source"): 35,
    ("country", "extension"): 10,
    ("area", "trunk"): 30,
    ("area", "tenant"): 30,
    ("area", "source"): 25,
    ("area", "extension"): 5,
    ("number", "source"): 10,
}
FIRST_OF_EXTENSION = 10
"""An area that is new for the source, in a country that is new for the extension."""
RISKY, RISK = 35, 10
"""From which risk a destination weighs more, and how much."""


@dataclass(frozen=True, slots=True)
class FirstEverDestination:
    """A country, an area or a number that is new for the extension, the source, the tenant or the trunk.

    *Why it matters*

    Who breaks into a PBX calls numbers that its owner never called: this holds for every attack that was ever
    published, while lists of bad countries decay within months. Widest first: new for the whole trunk weighs more than
    new for one extension of it. What was called once stays new for `settle_h` hours, so that an evening's fraud doesn't
    make itself at home. It weighs something and refuses nothing alone: honest people have first calls too. A travel
    agency calls somewhere new every hour, so there it weighs less: by how often the source's calls go to a new country,
    or within a country to a new area.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018: allow, first-ever-destination
        call 01137167000000: destination-not-permitted, first-ever-destination

    *References*

    Control E2. Sahin and Francillon, NDSS 2021; notes of Simwood on test numbers, 2015.
    """

    slug: ClassVar[str] = "first-ever-destination"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The widest thing that is new."""
        traits = abroad(case)
        if traits is None:
            return
        what, whose = _new(traits)
        weight = WEIGHTS.get((what, whose), 0)
        if not weight:
            return
        often = ""
        if what != "number" and whose != "extension" and traits.novelty > NOVEL:
            weight = round(weight * surprise(traits.novelty))
            often = f", as in {traits.novelty:.0%} of its calls {'abroad' if what == 'country' else 'there'}"
        number, digits = case.destination.number, digits_of(case.destination.number)
        named = {"country": number.region or "this country", "area": f"+{area(digits)}", "number": f"+{digits}"}[what]
        if what == "area" and traits.new_region == "extension":
            weight += FIRST_OF_EXTENSION
        if case.destination.risk >= RISKY and what != "number":
            weight += RISK
        yield weighs(weight, f"first call of {WHOSE[whose]} to {named}, {what} new{often}", whose)


def surprise(probability: float) -> float:
    """How much of a weight counts by how probable it is that something is new: all of it where that is rare.

    The logarithm is what such evidence adds to the odds: in an attack nearly every place is new.
    """
    return min(1.0, log(probability) / log(NOVEL))


def _new(traits: Traits) -> tuple[str, str]:
    """The widest of country, area and number that is new, and for whom."""
    if traits.new_region not in ("", "extension"):
        return "country", traits.new_region
    if traits.new_area not in ("", "extension"):
        return "area", traits.new_area
    if traits.new_number == "source":
        return "number", "source"
    return ("country", "extension") if traits.new_region else ("area", traits.new_area)


def area(digits: str) -> str:
    """Calling code and the next three digits."""
    return digits[: len(calling_code(digits)) + 3]
