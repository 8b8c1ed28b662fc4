"""Attacks that knock before they call, or only knock: they leave no call record, and are played live only."""

from __future__ import annotations

import math
from typing import Any, Literal

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.attacks.base import Attack, Targets, pumped_s, stolen
from ringfence.testing.simulate.campaign import MINUTE, SECOND, Campaign
from ringfence.testing.simulate.customer import has_people
from ringfence.testing.simulate.draws import between, whole
from ringfence.testing.simulate.knock import THROUGH_PBX
from ringfence.testing.simulate.parameters import section


def options_scan(run: Campaign) -> None:
    """Somebody asks from outside what answers here: each half hour, or a sweep of one burst."""
    found = section("attack.options_scan")
    slow = run.rng.random() < 0.5
    gap_s, count = (
        (found["slow_gap_s"], found["slow"]) if slow else (found["burst_gap_s"], whole(run.rng, found["burst"]))
    )
    at, agent = run.night(run.rng.randint(0, 5)), run.rng.choice(found["agents"])
    for _ in range(count):
        run.knock(at, "OPTIONS", "100", agent)
        at += int(run.rng.uniform(0.9, 1.1) * gap_s * SECOND)


def register_flood(run: Campaign) -> None:
    """Passwords guessed from one address, as fast as it goes, from midnight on."""
    found = section("attack.register_flood")
    at, rate = run.at(run.rng.randint(1, 6), run.rng.uniform(0, 0.5)), between(run.rng, found["per_s"])
    for number in range(int(rate * between(run.rng, found["span_s"]))):
        run.knock(at, "REGISTER", str(100 + number % found["extensions"]), found["agent"], password="wrong")
        at += max(1, round(run.rng.expovariate(rate) * SECOND))


def register_slow(run: Campaign) -> None:
    """Passwords guessed a few a minute through a night, by an ordinary phone as it seems, from one address or many."""
    found = section("attack.register_slow")
    addresses = 1 if run.rng.random() < 0.5 else whole(run.rng, found["addresses"])
    at = run.night(run.rng.randint(0, 5))
    for _ in range(found["requests"]):
        password: Literal["", "wrong"] = "wrong" if run.rng.random() < found["with_password"] else ""
        account = str(100 + run.rng.randrange(found["extensions"]))
        stranger = 1 + run.rng.randrange(addresses)
        run.knock(at, "REGISTER", account, found["agent"], password=password, stranger=stranger)
        at += _gap(run, found)


def register_and_invite(run: Campaign) -> None:
    """Registrations and calls from outside in turn, to two numbers behind two prefixes."""
    found = section("attack.register_and_invite")
    targets, at = Targets(run.rng), run.night(run.rng.randint(0, 5))
    numbers = [directory.number(run.rng, targets.country(), *directory.MOBILE) for _ in range(found["targets"])]
    kinds = ["REGISTER"] * found["registers"] + ["INVITE"] * found["invites"]
    run.rng.shuffle(kinds)
    for kind in kinds:
        account = str(100 + run.rng.randrange(found["extensions"]))
        if kind == "REGISTER":
            run.knock(at, "REGISTER", account, found["agent"])
        else:
            dialled = run.rng.choice(found["prefixes"]) + run.rng.choice(numbers)
            run.knock(at, "INVITE", account, found["agent"], dialled=dialled)
        at += _gap(run, found)


def guessed_password(run: Campaign) -> None:
    """An account that registers through the guard: wrong passwords, the right one, and its first calls abroad."""
    found = section("attack.guessed_password")
    phone, first = stolen(run), directory.number(run.rng, Targets(run.rng).country(), *directory.MOBILE)
    account, at = f"+{phone.did}", run.night(run.rng.randint(0, 5))
    for _ in range(whole(run.rng, found["wrong"])):
        run.knock(at, "REGISTER", account, phone.agent, password="wrong", stranger=THROUGH_PBX)
        at += _gap(run, section("attack.register_slow"))
    run.knock(at, "REGISTER", account, phone.agent, password="right", stranger=THROUGH_PBX)
    at += int(run.rng.uniform(1, 30) * MINUTE)
    numbers = [first, *(directory.beside(run.rng, first, 2) for _ in range(9))]
    for _ in range(whole(run.rng, found["calls"])):
        run.call(at, phone, run.rng.choice(numbers), pumped_s(run.rng), answered=0.9)
        at += int(run.rng.expovariate(1 / 30) * SECOND)


def _gap(run: Campaign, found: dict[str, Any]) -> int:
    """Milliseconds to the next one, by the measured median and 95th percentile."""
    sigma = math.log(found["gap_p95_s"] / found["gap_p50_s"]) / 1.645
    return int(found["gap_p50_s"] * run.rng.lognormvariate(0, sigma) * SECOND)


ATTACKS: tuple[Attack, ...] = (
    Attack("options-scan", "somebody asks from outside what answers here", options_scan),
    Attack("register-flood", "passwords guessed from outside, a hundred a second", register_flood),
    Attack("register-slow", "passwords guessed from outside, three a minute all night", register_slow),
    Attack("register-and-invite", "registrations and calls from outside, in turn", register_and_invite),
    Attack("guessed-password", "a password guessed through the PBX, then calls", guessed_password, has_people),
)
