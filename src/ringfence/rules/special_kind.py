"""Calls to kinds of number whose owner earns with them, or that are dear wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.numbers import is_domestic
from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.permits import named_exception
from ringfence.rules.price_over_ceiling import first_minute_micros

KINDS = {kind: kind for kind in ("premium", "shared_cost", "personal", "satellite", "iprs", "upt", "global")} | {
    "short_premium": "premium"
}
"""Type of a number -> the name that permits it."""

SERVICE_CHARGE = "service_charge"
"""Mark of numbers such as 0845 whose price is regulated, though the plan calls them premium."""


@dataclass(frozen=True, slots=True)
class SpecialKind:
    """Calls to premium, shared-cost, personal, satellite and other special numbers that nobody permitted by name.

    *Why it matters*

    These numbers share their revenue with whoever holds them, or cost several units a minute wherever they are: they
    are what toll fraud calls. They exist in every country, also at home, so a permit list of countries doesn't stop
    them. A kind passes if the trunk names it in `special`. A source or tenant that names kinds is confined to these;
    one that names none sets no limit of its own. Everyday shared-cost numbers at home (0845, 0180) may pass under
    `shared_cost_ceiling` instead, if the deck knows their price.

    *Before*

        [trunk.carrier]
        special = ["premium"]

        call 19005550123: allow

    *After*

        [trunk.carrier]
        special = []

        call 19005550123: special-kind

    *References*

    Control C3. ITU-T E.169.2 (+979), Ofcom National Telephone Numbering Plan (service charge numbers).
    """

    slug: ClassVar[str] = "special-kind"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Destination Not Allowed"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """One finding for each party that doesn't name the kind; info where an exception names the number."""
        kind = KINDS.get(case.destination.number.type)
        if kind is None:
            return
        refused = [place for place, named in _lists(case) if kind not in named]
        if not refused or _under_ceiling(case):
            return
        what = words.destination(case.destination.number, case.attempt.dialled)
        lifted = named_exception(case)
        for place in refused:
            text = f"{what} is a {kind} number, which {place.replace('.', ' ', 1)} doesn't permit by name"
            if lifted is not None:
                yield lifted.finding(case, text)
            else:
                yield Finding("block", text, f"{place}.special", kind)


def _lists(case: Case) -> Iterator[tuple[str, frozenset[str]]]:
    """Every list that has to name the kind; the trunk's always."""
    (carrier, own), *others = case.bounds
    yield carrier, own.special
    yield from ((place, bounds.special) for place, bounds in others if bounds.special)


def _under_ceiling(case: Case) -> bool:
    """Whether it is an everyday shared-cost number at home that isn't dearer than the trunk allows."""
    ceiling, price, number = case.trunk.shared_cost_ceiling, case.destination.price, case.destination.number
    if ceiling is None or price is None or not is_domestic(number, case.source.plan.home):
        return False
    everyday = number.type == "shared_cost" or SERVICE_CHARGE in number.flags
    return everyday and first_minute_micros(price) <= ceiling
