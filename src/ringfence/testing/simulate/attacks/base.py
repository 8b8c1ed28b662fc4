"""What attacks share: where the money is, and how somebody gets in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.campaign import Campaign, moved
from ringfence.testing.simulate.customer import Customer, Phone, anybody, somewhere
from ringfence.testing.simulate.draws import Weighted, between, talk_s
from ringfence.testing.simulate.parameters import section


class Attack(NamedTuple):
    """An attack kind."""

    kind: str
    what: str
    """What happens, in a line for people."""
    make: Callable[[Campaign], None]
    fits: Callable[[Customer], bool] = anybody
    """Whether it can happen to a customer."""


class Targets:
    """Numbers that one fraudster was sold: some countries of the published lists, some of anywhere.

    Careful ones have only numbers that exist; others dial as the published shares of bad numbers say.
    """

    def __init__(self, rng: Random, pool: str = "") -> None:
        found, numbers = section("attack.targets"), section("attack.numbers")
        self._rng = rng
        self._pool: list[str] = found[pool].split() if pool else []
        self._named: list[str] = found["named"].split()
        self._named_share = between(rng, found["named_share"])
        self._kinds = Weighted((kind, weight) for kind, weight in numbers["kinds"].items())
        careful = rng.random() < numbers["careful"]
        self._wrong_length = 0.0 if careful else numbers["wrong_length"]
        self._unallocated = 0.0 if careful else numbers["unallocated"]

    def country(self) -> str:
        """One country of the pool; without a pool a named one by its share, else any."""
        if self._pool:
            return self._rng.choice(self._pool)
        named = self._rng.random() < self._named_share
        return self._rng.choice(self._named if named else directory.countries())

    def countries(self, count: int) -> list[str]:
        """Different ones."""
        found: dict[str, None] = {}
        while len(found) < min(count, len(self._pool) or count):
            found[self.country()] = None
        return list(found)

    def number(self, country: str = "") -> str:
        """A number there, perhaps a bad one."""
        country = country or self.country()
        which = self._rng.random()
        if which < self._unallocated:
            return directory.unallocated(self._rng, country)
        kind = self._kinds.draw(self._rng)
        satellite = kind == "satellite"
        found = directory.number(self._rng, "001" if satellite else country, kind)
        return directory.wrong_length(self._rng, found) if which > 1 - self._wrong_length else found

    def range(self, country: str, count: int) -> list[str]:
        """Numbers of one range, as they are sold."""
        first = self.number(country)
        return [first, *(directory.beside(self._rng, first, 2) for _ in range(count - 1))]


def pumped_s(rng: Random) -> float:
    """How long a fraudulent call lasts."""
    found = section("attack.talk")
    return max(30.0, rng.lognormvariate(found["mu"], found["sigma"]))


def stolen(run: Campaign, phone: Phone | None = None) -> Phone:
    """An extension whose password somebody else has: his address, his software."""
    agent = run.rng.choice(section("agents")["attackers"])
    return moved(phone or run.somebody(), somewhere(run.rng), agent)


def through_pbx(run: Campaign, phone: Phone | None = None) -> Phone:
    """An extension misused from inside, as when the PBX itself is hacked: nothing about the phone changes."""
    phone = phone or run.somebody()
    return phone if run.rng.random() < 0.5 else moved(phone, run.owner.pbx, phone.agent)


def intruder(run: Campaign) -> Phone:
    """Either of the two."""
    return stolen(run) if run.rng.random() < 0.6 else through_pbx(run)


def intruders(run: Campaign, count: int) -> list[Phone]:
    """Several extensions in the hands of one fraudster, who comes from one address."""
    people = run.rng.sample(run.owner.people, min(count, len(run.owner.people)))
    if run.rng.random() < 0.4:
        return [through_pbx(run, phone) for phone in people]
    first = stolen(run, people[0])
    return [first, *(moved(phone, first.address, first.agent) for phone in people[1:])]


def test_calls(run: Campaign, phone: Phone, countries: list[str], at: int) -> None:
    """A few short calls to ordinary numbers, to see whether they go through."""
    found = section("attack.test_calls")
    for _ in range(run.rng.randint(*found["calls"])):
        number = directory.number(run.rng, run.rng.choice(countries), *directory.FIXED)
        run.call(at, phone, number, between(run.rng, found["talk_s"]))
        at += int(run.rng.expovariate(1 / 240) * 1000) + 20_000


def ordinary_s(run: Campaign) -> float:
    """A talk time as the customer's own calls have it."""
    return float(talk_s(run.rng, run.owner.kind.talk_abroad))
