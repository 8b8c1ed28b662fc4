"""Attacks that are fast: as many calls as the lines carry, until somebody notices."""

from __future__ import annotations

import heapq

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.attacks.base import Attack, Targets, intruder, intruders, pumped_s, stolen, test_calls
from ringfence.testing.simulate.campaign import HOUR, MINUTE, SECOND, Campaign
from ringfence.testing.simulate.customer import Customer, Phone, in_us
from ringfence.testing.simulate.draws import Weighted, between, whole
from ringfence.testing.simulate.parameters import section


def weekend(run: Campaign) -> None:
    """From Friday evening on: hour-long calls, as many at once as the way out carries."""
    found = section("attack.weekend")
    targets, phones = Targets(run.rng), intruders(run, run.rng.randint(1, 6))
    numbers = [number for country in targets.countries(run.rng.randint(2, 8)) for number in targets.range(country, 8)]
    at, ends = run.at(4, run.rng.uniform(18, 28)), [0] * whole(run.rng, found["at_once"])
    until = run.at(6, 23)
    for _ in range(whole(run.rng, found["calls"])):
        at = max(at + int(run.rng.expovariate(1 / found["gap_s"]) * SECOND), ends[0])
        if at > until:
            break
        call = run.call(at, run.rng.choice(phones), run.rng.choice(numbers), 3600 * between(run.rng, found["talk_h"]))
        heapq.heapreplace(ends, call.end_ms)


def clinic(run: Campaign) -> None:
    """The case that TransNexus published: 111 calls in 16 minutes to 89 numbers of 37 countries by several users."""
    found = section("attack.clinic")
    targets, phones = Targets(run.rng), intruders(run, 4)
    countries = targets.countries(found["countries"])
    numbers = [targets.number(country) for country in countries]
    while len(numbers) < found["numbers"]:
        numbers.append(targets.number(run.rng.choice(countries)))
    dialled = numbers + run.rng.choices(numbers, k=found["calls"] - len(numbers))
    run.rng.shuffle(dialled)
    at = run.night(run.rng.randint(0, 5))
    for number, gap in zip(dialled, clinic_gaps(run), strict=True):
        at += round(gap * SECOND)
        run.call(at, run.rng.choice(phones), number, run.rng.gauss(1, 0.25) * found["talk_s"], answered=0.9)


def clinic_gaps(run: Campaign) -> list[float]:
    """Seconds before each call: the published least, mean and most."""
    gap, calls = section("attack.clinic")["gap_s"], section("attack.clinic")["calls"]
    drawn = [run.rng.expovariate(1.0) for _ in range(calls - 3)]
    rest = gap["mean"] * (calls - 1) - gap["min"] - gap["max"] - gap["min"] * len(drawn)
    gaps = [gap["min"], gap["max"], *(gap["min"] + rest * one / sum(drawn) for one in drawn)]
    run.rng.shuffle(gaps)
    return [0.0, *(min(one, gap["max"]) for one in gaps)]


def test_then_burst(run: Campaign) -> None:
    """Short calls to ordinary numbers, hours or days before; then hundreds to the ranges that pay."""
    targets, phone = Targets(run.rng), intruder(run)
    countries = targets.countries(run.rng.randint(1, 5))
    day = run.rng.randint(2, 5)
    burst = run.night(day)
    test_calls(run, phone, countries, burst - int(run.rng.uniform(0.1, 48) * HOUR))
    numbers = [number for country in countries for number in targets.range(country, 10)]
    for _ in range(run.rng.randint(50, 300)):
        burst += int(run.rng.expovariate(1 / 12) * SECOND)
        run.call(burst, phone, run.rng.choice(numbers), pumped_s(run.rng), answered=0.92)


def single_country(run: Campaign) -> None:
    """One extension's password, one country, all day: 27,220 dollars in a day to Grenada (Bell County, Texas)."""
    targets, phone = Targets(run.rng), stolen(run)
    numbers = targets.range(targets.country(), 25)
    at = run.at(run.rng.randint(0, 6), run.rng.uniform(0, 12))
    for _ in range(run.rng.randint(150, 500)):
        at += int(run.rng.expovariate(1 / 60) * SECOND)
        run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng), answered=0.9)


def caribbean(run: Campaign) -> None:
    """Islands of the +1 plan, dialled as if at home, at a steady pace through a night."""
    targets, phone = Targets(run.rng, "caribbean"), intruder(run)
    numbers = [number for country in targets.countries(3) for number in targets.range(country, 6)]
    at = run.night(run.rng.randint(0, 6))
    for _ in range(run.rng.randint(40, 160)):
        at += int(run.rng.expovariate(1 / 45) * SECOND)
        run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng), answered=0.9)


def sequential(run: Campaign) -> None:
    """A range called number by number."""
    targets, phone = Targets(run.rng), intruder(run)
    numbers = directory.in_order(run.rng, targets.country(), directory.MOBILE, run.rng.randint(30, 150))
    at = run.night(run.rng.randint(0, 6))
    for number in numbers:
        at += int(run.rng.uniform(4, 40) * SECOND)
        run.call(at, phone, number, pumped_s(run.rng), answered=0.85)


def one_number(run: Campaign) -> None:
    """Dozens of calls at once from one extension to very few numbers."""
    targets, phone = Targets(run.rng), intruder(run)
    numbers = targets.range(targets.country(), run.rng.randint(1, 3))
    at = run.night(run.rng.randint(0, 6))
    for _ in range(run.rng.randint(20, 90)):
        at += int(run.rng.expovariate(1 / 8) * SECOND)
        run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng))


def dialler_hijack(run: Campaign) -> None:
    """A campaign's list has foreign numbers slipped in, in working hours, by the dialler's own seats."""
    targets = Targets(run.rng)
    countries = targets.countries(run.rng.randint(1, 4))
    numbers = [number for country in countries for number in targets.range(country, 30)]
    at = run.working_hour(run.rng.randint(0, 4), 9, 17)
    for _ in range(run.rng.randint(80, 400)):
        at += int(run.rng.expovariate(1 / 9) * SECOND)
        run.call(at, run.somebody(), run.rng.choice(numbers), pumped_s(run.rng), answered=0.9)


def toll_free(run: Campaign) -> None:
    """Toll-free numbers called from the victim's PBX while their owner pays: equally long, around the clock."""
    numbers = [directory.number(run.rng, run.owner.home, "toll_free") for _ in range(run.rng.randint(2, 6))]
    phones, talk = intruders(run, 3), run.rng.uniform(120, 420)
    at = run.at(run.rng.randint(0, 5), run.rng.uniform(0, 24))
    for _ in range(run.rng.randint(300, 900)):
        at += int(run.rng.expovariate(1 / 30) * SECOND)
        run.call(at, run.rng.choice(phones), run.rng.choice(numbers), talk + run.rng.uniform(-3, 3))


def domestic_premium(run: Campaign) -> None:
    """Premium numbers at home."""
    phone: Phone = intruder(run)
    kinds = [kind for kind in ("premium", "shared_cost") if directory.has(run.owner.home, kind)]
    kind = Weighted((kind, 1.0 if kind == "premium" else 0.3) for kind in kinds).draw(run.rng)
    first = directory.number(run.rng, run.owner.home, kind)
    numbers = [first, *(directory.beside(run.rng, first, 2) for _ in range(4))]
    at = run.night(run.rng.randint(0, 6))
    for _ in range(run.rng.randint(20, 120)):
        at += int(run.rng.expovariate(1 / 150) * SECOND) + MINUTE
        run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng) / 2, answered=0.95)


def _is_dialler(owner: Customer) -> bool:
    return owner.kind.dialler


ATTACKS: tuple[Attack, ...] = (
    Attack("weekend-burst", "hour-long calls from Friday evening on, as many at once as the lines carry", weekend),
    Attack("published-case", "111 calls in 16 minutes to 37 countries (TransNexus 2019)", clinic),
    Attack("test-then-burst", "test calls to ordinary numbers, then hundreds to ranges that pay", test_then_burst),
    Attack("single-country", "one stolen extension and one country, all day", single_country),
    Attack("caribbean", "islands of the +1 plan, dialled as if at home", caribbean, in_us),
    Attack("sequential-numbers", "a range called number by number", sequential),
    Attack("one-number", "dozens of calls at once to very few numbers", one_number),
    Attack("dialler-hijack", "foreign numbers slipped into a dialler's list", dialler_hijack, _is_dialler),
    Attack("toll-free-pumping", "toll-free numbers held for as long as their owner pays", toll_free),
    Attack("domestic-premium", "premium numbers at home", domestic_premium),
)
