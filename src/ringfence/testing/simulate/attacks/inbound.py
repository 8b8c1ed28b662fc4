"""Attacks that begin with an inbound call."""

from __future__ import annotations

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.attacks.base import Attack, Targets, pumped_s
from ringfence.testing.simulate.campaign import MINUTE, SECOND, Campaign
from ringfence.testing.simulate.customer import has_people
from ringfence.testing.simulate.draws import between, whole
from ringfence.testing.simulate.parameters import section


def wangiri(run: Campaign) -> None:
    """One ring on hundreds of numbers from one foreign range; some people call back."""
    found = section("attack.wangiri")
    targets = Targets(run.rng, "caribbean" if run.owner.home == "US" and run.rng.random() < 0.5 else "")
    first = directory.number(run.rng, targets.country(), "mobile", *directory.FIXED)
    rate, back = between(run.rng, found["called_back"]), 0
    at = run.working_hour(run.rng.randint(0, 4), 9, 14)
    rings = whole(run.rng, found["rings"])
    for n in range(rings):
        caller, phone = directory.beside(run.rng, first, 2), run.somebody()
        run.incoming(at, phone, caller, 0, run.rng.uniform(0.8, 3.5))
        if run.rng.random() < rate or (n == rings - 1 and not back):
            back += 1
            talk = run.rng.uniform(5, 58) if run.rng.random() < found["under_a_minute"] else run.rng.uniform(60, 600)
            run.call(at + int(run.rng.lognormvariate(5.5, 1.2) * SECOND), phone, caller, talk)
        at += int(run.rng.expovariate(1 / 12) * SECOND)


def forwarding(run: Campaign) -> None:
    """An extension's forwarding is set to a number that pays; then its own number is called, again and again."""
    targets, phone = Targets(run.rng), run.somebody()
    number = targets.number()
    at, accomplice = run.night(run.rng.randint(0, 5)), directory.number(run.rng, run.owner.home, "mobile", "voip")
    for _ in range(run.rng.randint(30, 200)):
        leg = run.incoming(at, phone, accomplice, 1, 2)
        run.onward(leg, phone, number, pumped_s(run.rng))
        at += int(run.rng.expovariate(1 / 25) * SECOND)


def dial_through(run: Campaign) -> None:
    """The PIN of a dial-in is guessed in short calls; then each inbound call dials out through the PBX."""
    targets, phone = Targets(run.rng), run.somebody()
    accomplice = directory.number(run.rng, run.owner.home, "mobile", "fixed_or_mobile")
    at = run.night(run.rng.randint(0, 5))
    for _ in range(run.rng.randint(8, 40)):
        run.incoming(at, phone, accomplice, run.rng.uniform(4, 15), 1)
        at += run.rng.randint(15, 60) * SECOND
    at += int(run.rng.uniform(1, 120) * MINUTE)
    for _ in range(run.rng.randint(10, 60)):
        talk = pumped_s(run.rng)
        leg = run.incoming(at, phone, accomplice, talk + 20, 1)
        call = run.call(leg.answer_ms + run.rng.randint(8, 18) * SECOND, phone, targets.number(), talk)
        call.source_ip, call.user_agent = run.owner.pbx, ""
        at += int(run.rng.expovariate(1 / 90) * SECOND)


ATTACKS: tuple[Attack, ...] = (
    Attack("wangiri", "one ring from a foreign range, and people who call back", wangiri, has_people),
    Attack("forwarding", "a forwarded extension that is called again and again", forwarding, has_people),
    Attack("dial-through", "a guessed PIN, then calls through the PBX", dial_through, has_people),
)
