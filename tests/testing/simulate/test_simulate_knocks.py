"""Attacks that knock: what is published of each, and what strangers and registrars are told."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import pytest

from ringfence.testing.peer import Peer, response_to
from ringfence.testing.simulate.attacks import BY_KIND, KNOCKS, Attack
from ringfence.testing.simulate.campaign import Campaign, campaign
from ringfence.testing.simulate.knock import THROUGH_PBX, Knock
from ringfence.testing.simulate.knocking import Knocked, Knocking, Strangers
from ringfence.testing.simulate.plan import FRAUD, customers

MONDAY = date(2026, 11, 9)
OWNER = customers(3, 1)[0]
WEEKS = range(12)


def made(what: Attack, name: str = "x") -> Campaign:
    run = campaign(3, OWNER, MONDAY, FRAUD, what.kind, name)
    what.make(run)
    return run


def gaps(knocks: list[Knock]) -> list[float]:
    return [(after.start_ms - before.start_ms) / 1000 for before, after in pairwise(knocks)]


@pytest.mark.parametrize("what", KNOCKS, ids=lambda what: what.kind)
def test_they_are_marked_in_order_and_their_own(what: Attack) -> None:
    run = made(what)
    assert {one.mark for one in (*run.knocks, *run.calls)} == {(FRAUD, "x", what.kind)}
    assert all(gap >= 0 for gap in gaps(run.knocks))
    assert run.knocks == made(what).knocks
    assert [one.start_ms for one in run.knocks] != [one.start_ms for one in made(what, "y").knocks]
    assert all((one.method == "INVITE") == bool(one.dialled) for one in run.knocks)


def test_a_slow_guesser_keeps_the_measured_pace() -> None:
    """1,626 REGISTER in 8.78 h to 45 extensions, 38 % with a password, gaps p50 7.36 and p95 57.7 s."""
    addresses = set()
    for week in WEEKS:
        knocks = made(BY_KIND["register-slow"], f"{week}").knocks
        between = sorted(gaps(knocks))
        assert len(knocks) == 1626 and {knock.method for knock in knocks} == {"REGISTER"}
        assert statistics.median(between) == pytest.approx(7.36, rel=0.15)
        assert between[int(0.95 * len(between))] == pytest.approx(57.7, rel=0.25)
        assert 5 <= sum(between) / 3600 <= 10
        assert len({knock.account for knock in knocks}) == 45
        assert sum(knock.password == "wrong" for knock in knocks) / 1626 == pytest.approx(0.38, abs=0.05)
        addresses.add(len({knock.stranger for knock in knocks}))
    assert min(addresses) == 1 and 10 <= max(addresses) <= 100


def test_a_flood_is_as_fast_as_published_and_begins_after_midnight() -> None:
    for week in WEEKS:
        knocks = made(BY_KIND["register-flood"], f"{week}").knocks
        seconds = (knocks[-1].start_ms - knocks[0].start_ms) / 1000
        assert 55 <= len(knocks) / seconds <= 180
        assert {knock.stranger for knock in knocks} == {1}
        first = knocks[0].start_ms // 1000 + OWNER_OFFSET_S
        assert first % 86_400 < 1800


OWNER_OFFSET_S = {"US": -5, "GB": 0, "DE": 1}[OWNER.home] * 3600


def test_registrations_and_calls_from_outside_are_as_many_as_measured() -> None:
    """892 REGISTER and 655 INVITE in 1.48 h, to two numbers behind 011 and 9011."""
    knocks = made(BY_KIND["register-and-invite"]).knocks
    assert Counter(knock.method for knock in knocks) == {"REGISTER": 892, "INVITE": 655}
    assert len({knock.dialled for knock in knocks if knock.dialled}) == 4
    assert sum(gaps(knocks)) / 3600 == pytest.approx(1.48, rel=0.35)


def test_a_scan_is_slow_or_one_burst() -> None:
    spans = [sum(gaps(made(BY_KIND["options-scan"], f"{week}").knocks)) for week in WEEKS]
    assert any(span > 14 * 3600 for span in spans) and any(span < 60 for span in spans)


def test_a_guessed_password_is_used_for_calls_of_its_account() -> None:
    run = made(BY_KIND["guessed-password"])
    *wrong, right = run.knocks
    assert {knock.password for knock in wrong} == {"wrong"} and right.password == "right"
    assert {knock.stranger for knock in run.knocks} == {THROUGH_PBX}
    assert {call.caller for call in run.calls} == {right.account}
    assert all(call.start_ms > right.start_ms for call in run.calls)


# --- what they are told ---------------------------------------------------------------------------------------------


class Stand(NamedTuple):
    """A guard that does what the test says, and who knocks at it."""

    guard: Peer
    carrier: Peer
    pbx: Peer
    strangers: Strangers
    knocking: Knocking

    def ask(self, method: str, **changes: object) -> Knocked:
        fields = {"start_ms": 0, "method": method, "account": "101", "user_agent": "ua", **changes}
        return self.knocking.place(Knock(**fields))  # type: ignore[arg-type]

    def pass_on(self) -> None:
        """A REGISTER is shown to the registrar, whose answer goes to where it came from."""
        assert self.knocking.take(self.carrier, self.guard.expect("REGISTER"))
        assert self.knocking.take(self.pbx, self.pbx.expect(401, 200))


@pytest.fixture
def stand() -> Iterator[Stand]:
    with ExitStack() as stack:
        guard, carrier, pbx = (stack.enter_context(Peer(name=name)) for name in ("guard", "carrier", "pbx"))
        strangers = stack.enter_context(Strangers())
        knocking = Knocking(pbx, carrier, guard.address, guard.address, strangers)
        yield Stand(guard, carrier, pbx, strangers, knocking)


def test_an_answer_to_a_stranger_is_noticed(stand: Stand) -> None:
    told = stand.ask("OPTIONS")
    asked = stand.guard.expect("OPTIONS")
    assert asked.origin[0] == "127.9.9.1" and asked.value("User-Agent") == "ua"
    stand.knocking.poll()
    assert (told.answer, stand.knocking.done) == ("", [])
    stand.guard.send(response_to(asked, 200, "OK"), asked.origin)
    while not stand.knocking.done:
        stand.knocking.poll()
    assert (told.status, told.answer, told.passed) == (200, "200 OK", False)


def test_a_call_of_a_stranger_that_reaches_the_carrier_is_noticed(stand: Stand) -> None:
    told = stand.ask("INVITE", dialled="01148185422016")
    asked = stand.guard.expect("INVITE")
    assert asked.user == "01148185422016"
    assert stand.knocking.take(stand.carrier, asked)
    assert told.passed and stand.knocking.done == [told]


@pytest.mark.parametrize(("password", "status"), [("wrong", 401), ("right", 200)])
def test_a_registrar_knows_the_password(password: str, status: int, stand: Stand) -> None:
    told = stand.ask("REGISTER", password=password, stranger=THROUGH_PBX)
    stand.pass_on()
    assert not told.status
    stand.pass_on()
    assert told.status == status and stand.knocking.done == [told]


def test_who_knows_no_password_leaves_it_at_that(stand: Stand) -> None:
    told = stand.ask("REGISTER", stranger=THROUGH_PBX)
    stand.pass_on()
    assert told.answer == "401 Unauthorized"
