"""Which campaigns happen to whom: every attack kind and every hard negative, as evenly as they fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from ringfence.testing.simulate.attacks import ATTACKS, Attack
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.campaign import Campaign, campaign
from ringfence.testing.simulate.customer import Customer, customer
from ringfence.testing.simulate.draws import generator
from ringfence.testing.simulate.kinds import KINDS, Kind
from ringfence.testing.simulate.negatives import NEGATIVES, Negative

FRAUD, HONEST = "fraud", "honest"


class Planned(NamedTuple):
    """A campaign that happens to a customer in a week."""

    monday: date
    label: str
    """FRAUD or HONEST."""
    what: Attack | Negative
    name: str

    def made(self, seed: int, owner: Customer) -> Campaign:
        """It with all that happens in it."""
        run = campaign(seed, owner, self.monday, self.label, self.what.kind, self.name)
        self.what.make(run)
        return run

    def calls(self, seed: int, owner: Customer) -> list[Call]:
        """Its calls, in order of start."""
        return self.made(seed, owner).done()


def customers(seed: int, count: int, kinds: Sequence[Kind] = KINDS) -> list[Customer]:
    """So many customers, the kinds in turn."""
    return [customer(seed, number, kinds[number % len(kinds)]) for number in range(count)]


def spread(
    seed: int, owners: Sequence[Customer], what: Sequence[Attack] | Sequence[Negative], each: int
) -> dict[str, list[Attack | Negative]]:
    """So many different kinds for each customer, by name: those first that were used least and fit fewest."""
    used: Counter[str] = Counter()
    fits = {one.kind: sum(one.fits(owner) for owner in owners) for one in what}
    found: dict[str, list[Attack | Negative]] = {}
    for owner in owners:
        rng = generator(seed, owner.name, "spread", what[0].kind)
        order = {one.kind: (used[one.kind], fits[one.kind], rng.random()) for one in what if one.fits(owner)}
        chosen = sorted((one for one in what if one.kind in order), key=lambda one: order[one.kind])[:each]
        used.update(one.kind for one in chosen)
        found[owner.name] = list(chosen)
    return found


def planned(
    seed: int,
    owners: Sequence[Customer],
    last_week: date,
    *,
    attacks: Sequence[Attack] = ATTACKS,
    attacks_each: int = 3,
    negatives_each: int = 2,
    weeks: int = 6,
) -> dict[str, list[Planned]]:
    """Campaigns by customer: attacks in the last week; hard negatives then, and now and then before."""
    fraud = spread(seed, owners, attacks, attacks_each) if attacks else {}
    honest = spread(seed, owners, NEGATIVES, negatives_each)
    found: dict[str, list[Planned]] = {}
    for owner in owners:
        named = [(last_week, FRAUD, one) for one in fraud.get(owner.name, ())]
        named += [(last_week, HONEST, one) for one in honest[owner.name]]
        if negatives_each:
            named += [(monday, HONEST, one) for monday, one in _before(seed, owner, last_week, weeks)]
        found[owner.name] = [Planned(*one, f"{owner.name}/{n}") for n, one in enumerate(named)]
    return found


def _before(seed: int, owner: Customer, last_week: date, weeks: int) -> list[tuple[date, Negative]]:
    """Hard negatives of the weeks before: one in every second week."""
    rng = generator(seed, owner.name, "before")
    fitting = [one for one in NEGATIVES if one.fits(owner)]
    mondays = [last_week - timedelta(weeks=n) for n in range(weeks - 1, 0, -1)]
    return [(monday, rng.choice(fitting)) for monday in mondays if fitting and rng.random() < 0.5]
