"""A customer: people and phones, numbers that are his own, habits. Drawn once, from his kind and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.days import ZONES
from ringfence.testing.simulate.dialling import Dialling
from ringfence.testing.simulate.draws import Weighted, between, generator, whole, zipf
from ringfence.testing.simulate.kinds import Kind
from ringfence.testing.simulate.parameters import section


@dataclass
class Phone:
    """One extension."""

    extension: str
    did: str
    """Its own number, E.164 digits."""
    address: str
    agent: str
    remote: bool = False
    fax: bool = False


@dataclass
class Customer:
    """Everything about one customer that doesn't change from day to day."""

    name: str
    kind: Kind
    home: str
    number: int
    """Which of the customers he is; his network follows from it."""
    dialling: Dialling
    phones: list[Phone]
    dids: tuple[str, str]
    """First and last of the numbers that are his own, E.164 digits."""
    area: str
    """How numbers of his area begin."""
    out_per_day: float
    inbound: float
    """Inbound calls for each outbound one."""
    abroad: float
    repeat: float
    answered: float
    countries: list[str]
    """Habitual ones, the most called first."""
    by_country: Weighted[str] = field(init=False)
    owners: dict[str, list[Phone]] = field(default_factory=dict)
    """Who calls a country as part of the job."""

    def __post_init__(self) -> None:
        self.by_country = zipf(self.countries, section("destinations")["zipf"])

    @property
    def zone(self) -> str:
        return ZONES[self.home]

    @property
    def pbx(self) -> str:
        """Address of his PBX."""
        return f"10.{self.number // 100 + 20}.{self.number % 100 * 2}.10"

    @property
    def carrier(self) -> str:
        """Address of his carrier, whom nobody else has: in 100.64.0.0/10, which isn't routed (RFC 6598)."""
        return f"100.{64 + self.number // 62_500}.{self.number // 250 % 250}.{self.number % 250 + 1}"

    @property
    def people(self) -> list[Phone]:
        return [phone for phone in self.phones if not phone.fax]


def customer(seed: int, number: int, kind: Kind) -> Customer:
    """The customer of this number and kind: equal arguments give an equal one."""
    rng = generator(seed, "customer", number, kind.name)
    home = rng.choice(kind.homes)
    count = whole(rng, kind.extensions)
    area, dids = _own_numbers(rng, home, count)
    made = Customer(
        name=f"{kind.name}-{number:03}",
        kind=kind,
        home=home,
        number=number,
        dialling=Dialling(home, kind.outside, not kind.outside and rng.random() < 0.25),
        phones=[],
        dids=dids,
        area=area,
        out_per_day=count * between(rng, kind.out_per_extension),
        inbound=between(rng, kind.inbound),
        abroad=between(rng, kind.abroad),
        repeat=between(rng, kind.repeat),
        answered=between(rng, kind.answered),
        countries=_habitual(rng, home, whole(rng, kind.countries)),
    )
    made.phones = _phones(rng, made, count)
    people = made.people
    made.owners = {country: rng.sample(people, min(len(people), rng.randint(1, 4))) for country in made.countries}
    return made


def _own_numbers(rng: Random, home: str, count: int) -> tuple[str, tuple[str, str]]:
    """How numbers of the area begin, and a block of numbers that holds a direct one for each extension."""
    digits = 2 if count < 90 else 3
    base = directory.number(rng, home, *directory.FIXED)
    block = base[:-digits]
    return base[: 4 if home == "US" else 5], (block + "0" * digits, block + "9" * digits)


def _habitual(rng: Random, home: str, count: int) -> list[str]:
    """Countries without repetition; those that many businesses call come first more often."""
    left = section("countries")[home].split()
    found = []
    for _ in range(min(count, len(left))):
        found.append(zipf(left, 1.0).draw(rng))
        left.remove(found[-1])
    return found


def _phones(rng: Random, owner: Customer, count: int) -> list[Phone]:
    agents = section("agents")
    fleet = rng.sample(agents["phones"], 2)
    first = int(owner.dids[0])
    dialler = rng.choice(agents["diallers"])
    sites = [somewhere(rng) for _ in range(8)]
    phones = []
    for n in range(count):
        extension, did = f"{100 + n}", str(first + n)
        if owner.kind.dialler:
            phones.append(Phone(extension, did, owner.pbx, dialler))
        elif n >= count - owner.kind.fax:
            phones.append(Phone(extension, did, lan(owner, n), rng.choice(agents["fax"]), fax=True))
        elif rng.random() < owner.kind.remote:
            phones.append(_elsewhere(rng, owner, extension, did, sites, agents))
        else:
            phones.append(Phone(extension, did, lan(owner, n), fleet[rng.random() < 0.2]))
    return phones


def _elsewhere(
    rng: Random, owner: Customer, extension: str, did: str, sites: Sequence[str], agents: dict[str, list[str]]
) -> Phone:
    """Somebody at home with a softphone; a wholesale customer's own customers, each behind an address of theirs."""
    if owner.kind.remote == 1.0:
        site = rng.randrange(len(sites))
        return Phone(extension, did, sites[site], agents["phones"][site], remote=True)
    return Phone(extension, did, somewhere(rng), rng.choice(agents["soft"]), remote=True)


def lan(owner: Customer, n: int) -> str:
    """The address of the n-th phone in the house."""
    return f"10.{owner.number // 100 + 20}.{owner.number % 100 * 2 + n // 200}.{n % 200 + 20}"


def anybody(owner: Customer) -> bool:
    """What happens to every customer fits this one."""
    return True


def has_people(owner: Customer) -> bool:
    """Whether people call there, not a dialler."""
    return not owner.kind.dialler


def in_us(owner: Customer) -> bool:
    """Whether islands of the +1 plan are dialled as if at home there."""
    return owner.home == "US"


def somewhere(rng: Random) -> str:
    """An address on the simulated internet: 198.18.0.0/15, which nobody has (RFC 2544), for friend and foe alike."""
    return f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
