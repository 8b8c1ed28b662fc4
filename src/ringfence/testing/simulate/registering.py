"""Hard negatives of which no call record tells: honest phones that register as an attack would. Played live only."""

from __future__ import annotations

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.campaign import MINUTE, SECOND, Campaign
from ringfence.testing.simulate.customer import Phone, has_people
from ringfence.testing.simulate.draws import whole
from ringfence.testing.simulate.knock import THROUGH_PBX
from ringfence.testing.simulate.negatives import Negative
from ringfence.testing.simulate.parameters import section


def reboot(run: Campaign) -> None:
    """The power comes back: all phones of the house register within seconds, from one address."""
    at = run.working_hour(run.rng.randint(0, 4))
    for phone in run.owner.people:
        _register(run, at, phone, "right")
        at += int(run.rng.expovariate(1 / section("negative.reboot")["gap_s"]) * SECOND)
    _usual_call(run, at + MINUTE, run.somebody())


def old_password(run: Campaign) -> None:
    """A phone that was forgotten when passwords were changed: it tries with the old one, until somebody comes by."""
    found, phone = section("negative.old_password"), run.somebody()
    at = run.working_hour(run.rng.randint(0, 4), 8, 12)
    for _ in range(whole(run.rng, found["wrong"])):
        _register(run, at, phone, "wrong")
        at += int(run.rng.uniform(0.9, 1.1) * found["gap_s"] * SECOND)
    _register(run, at, phone, "right")
    _usual_call(run, at + int(run.rng.uniform(1, 20) * MINUTE), phone)


def _register(run: Campaign, at: int, phone: Phone, password: str) -> None:
    run.knock(at, "REGISTER", f"+{phone.did}", phone.agent, password=password, stranger=THROUGH_PBX)


def _usual_call(run: Campaign, at: int, phone: Phone) -> None:
    run.call(at, phone, directory.number(run.rng, run.owner.home, *directory.FIXED), 60)


NEGATIVES: tuple[Negative, ...] = (
    Negative("reboot", "all phones of the house register at once", reboot, has_people),
    Negative("old-password", "a phone that still has the old password", old_password, has_people),
)
