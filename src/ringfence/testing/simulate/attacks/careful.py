"""Attacks that stay under limits: few calls at a time, at ordinary hours or over many nights."""

from __future__ import annotations

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.attacks.base import (
    Attack,
    Targets,
    intruder,
    ordinary_s,
    pumped_s,
    stolen,
    test_calls,
    through_pbx,
)  # fmt: skip
from ringfence.testing.simulate.call import FAILED
from ringfence.testing.simulate.campaign import MINUTE, SECOND, Campaign
from ringfence.testing.simulate.draws import between, whole
from ringfence.testing.simulate.parameters import section


def night_trickle(run: Campaign) -> None:
    """One to six calls a night on one channel, another range each night, in countries that aren't on lists."""
    found = section("attack.slow")
    targets, phone = Targets(run.rng, "cheap" if run.rng.random() < 0.6 else ""), intruder(run)
    for night in range(7):
        numbers, at = targets.range(targets.country(), 4), run.night(night)
        for _ in range(whole(run.rng, found["calls_per_night"])):
            call = run.call(at, phone, run.rng.choice(numbers), between(run.rng, found["talk_s"]))
            at = call.end_ms + int(run.rng.expovariate(1 / 20) * MINUTE)


def country_rotation(run: Campaign) -> None:
    """Never twice into one country: a call each few minutes through some nights."""
    targets, phone = Targets(run.rng), intruder(run)
    countries = iter(targets.countries(60))
    for night in sorted(run.rng.sample(range(7), run.rng.randint(1, 3))):
        at = run.night(night)
        for _, country in zip(range(run.rng.randint(10, 20)), countries, strict=False):
            call = run.call(at, phone, targets.number(country), pumped_s(run.rng), answered=0.9)
            at = call.start_ms + int(run.rng.uniform(4, 15) * MINUTE)


def stolen_extension(run: Campaign) -> None:
    """Right credentials from another network and software, in working hours and at a normal pace."""
    targets, phone = Targets(run.rng), stolen(run)
    countries = targets.countries(run.rng.randint(1, 4))
    first = run.rng.randint(0, 3)
    for day in range(first, min(5, first + run.rng.randint(1, 3))):
        at = run.working_hour(day, 9, 12)
        for _ in range(run.rng.randint(8, 25)):
            number = targets.number(run.rng.choice(countries))
            run.call(at, phone, number, pumped_s(run.rng), answered=0.85)
            at += int(run.rng.expovariate(1 / 12) * MINUTE)


def known_country(run: Campaign) -> None:
    """Numbers of a country that the customer calls anyway, in office hours: only range and people are new."""
    country = run.rng.choice(run.owner.countries[:3])
    first = directory.number(run.rng, country, "mobile", "fixed_or_mobile")
    numbers = [first, *(directory.beside(run.rng, first, 3) for _ in range(9))]
    phone = intruder(run)
    for day in range(run.rng.randint(0, 2), 5):
        at = run.working_hour(day, 9, 13)
        for _ in range(run.rng.randint(6, 18)):
            run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng), answered=0.92)
            at += int(run.rng.expovariate(1 / 15) * MINUTE)


def prefix_probing(run: Campaign) -> None:
    """One number behind one prefix after the other; what works is used at once."""
    found = section("attack.probe")
    targets, phone = Targets(run.rng), stolen(run)
    at = run.night(run.rng.randint(0, 6))
    for _ in range(run.rng.randint(1, 3)):
        number = directory.number(run.rng, targets.country(), *directory.MOBILE)
        for prefix in run.rng.sample(found["prefixes"], run.rng.randint(6, len(found["prefixes"]))):
            dialled = run.owner.dialling.access(prefix, number)
            if dialled == run.owner.dialling.dial(number):
                continue
            run.unanswered(at, phone, number, FAILED, dialled=dialled)
            at += int(run.rng.lognormvariate(found["gap_mu"], found["gap_sigma"]) * SECOND)
        for _ in range(run.rng.randint(5, 30)):
            run.call(at, phone, number, pumped_s(run.rng))
            at += int(run.rng.expovariate(1 / 40) * SECOND)
        at += int(run.rng.uniform(0.8, 1.2) * found["pause_s"] * SECOND)


def long_calls(run: Campaign) -> None:
    """A handful of calls that are left open for hours."""
    targets, phone = Targets(run.rng), through_pbx(run)
    for day in sorted(run.rng.sample(range(7), run.rng.randint(2, 4))):
        at = run.night(day)
        for _ in range(run.rng.randint(1, 3)):
            call = run.call(at, phone, targets.number(), run.rng.uniform(3, 10) * 3600)
            at = call.start_ms + int(run.rng.uniform(1, 30) * MINUTE)


def short_stopping(run: Campaign) -> None:
    """Ordinary numbers that never ring where they should: a carrier on the way answers, each time equally long."""
    targets, phone = Targets(run.rng), intruder(run)
    country, talk = targets.country(), run.rng.uniform(180, 900)
    numbers = [directory.number(run.rng, country, *directory.FIXED) for _ in range(run.rng.randint(5, 20))]
    test_calls(run, phone, [country], run.working_hour(run.rng.randint(0, 1)))
    at = run.at(run.rng.randint(2, 5), run.rng.uniform(0, 24))
    for _ in range(run.rng.randint(60, 200)):
        call = run.call(at, phone, run.rng.choice(numbers), talk + run.rng.uniform(-2, 2))
        call.ring_ms = run.rng.randint(300, 900)
        at += int(run.rng.expovariate(1 / 100) * SECOND)


def like_the_house(run: Campaign) -> None:
    """Somebody of the house or with its phone calls ranges that pay, at its hours and with its durations."""
    targets, phone = Targets(run.rng, "cheap"), through_pbx(run)
    numbers = targets.range(targets.country(), 6)
    for day in range(run.rng.randint(0, 2), 5):
        for _ in range(run.rng.randint(5, 14)):
            run.call(run.working_hour(day, 9, 18), phone, run.rng.choice(numbers), ordinary_s(run) + 120, answered=0.8)


ATTACKS: tuple[Attack, ...] = (
    Attack("night-trickle", "a few calls a night on one channel, another range each night", night_trickle),
    Attack("country-rotation", "never twice into one country", country_rotation),
    Attack("stolen-extension", "right credentials from another network, in working hours", stolen_extension),
    Attack("known-country", "a country that the customer calls anyway, in office hours", known_country),
    Attack("prefix-probing", "one number behind many prefixes, then calls", prefix_probing),
    Attack("long-calls", "a handful of calls left open for hours", long_calls),
    Attack("short-stopping", "ordinary numbers answered on the way, equally long each time", short_stopping),
    Attack("like-the-house", "few calls a day at the house's own hours and durations", like_the_house),
)
