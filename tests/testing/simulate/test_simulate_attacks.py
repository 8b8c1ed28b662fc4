"""Attacks and hard negatives: what is published of each, and what all of them keep."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from ringfence.numbers import DialPlan, PlanSettings
from ringfence.testing.simulate.attacks import ATTACKS, BY_KIND, Attack
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.campaign import campaign
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.negatives import NEGATIVES, Negative
from ringfence.testing.simulate.plan import FRAUD, HONEST, customers

MONDAY = date(2026, 11, 9)
OWNERS = customers(3, 10)
TWENTY_WEEKS = range(20)


def played(what: Attack | Negative, owner: Customer, name: str = "x") -> list[Call]:
    run = campaign(3, owner, MONDAY, FRAUD if what in ATTACKS else HONEST, what.kind, name)
    what.make(run)
    return run.done()


def fitting(kind: str) -> Customer:
    return next(owner for owner in OWNERS if BY_KIND[kind].fits(owner))


@pytest.mark.parametrize("what", [*ATTACKS, *NEGATIVES], ids=lambda what: what.kind)
def test_campaigns_are_marked_in_order_and_their_own(what: Attack | Negative) -> None:
    owner = next(owner for owner in OWNERS if what.fits(owner))
    calls = played(what, owner)
    assert {call.mark for call in calls} == {(FRAUD if what in ATTACKS else HONEST, "x", what.kind)}
    assert all(one.start_ms <= other.start_ms for one, other in pairwise(calls))
    assert all(call.ring_ms >= 0 and (call.talk_ms > 0) == (call.disposition == "ANSWERED") for call in calls)
    assert calls == played(what, owner)
    assert [call.e164 for call in calls] != [call.e164 for call in played(what, owner, "y")]


@pytest.mark.parametrize("what", NEGATIVES, ids=lambda negative: negative.kind)
def test_honest_people_dial_numbers_that_exist(what: Negative) -> None:
    for owner in filter(what.fits, OWNERS):
        outside = (owner.kind.outside,) if owner.kind.outside else ()
        plan = DialPlan(PlanSettings(home=owner.home, outside=outside))
        for call in played(what, owner):
            if call.direction == "out":
                assert plan.normalise(call.dialled).e164 == call.e164


def test_the_published_case_is_the_published_case() -> None:
    """TransNexus 2019: 111 calls, 89 numbers, 966 s, gaps 0.196 to 102.176 s, several users."""
    for week in TWENTY_WEEKS:
        calls = played(BY_KIND["published-case"], OWNERS[0], f"{week}")
        gaps = [(after.start_ms - before.start_ms) / 1000 for before, after in pairwise(calls)]
        assert len(calls) == 111
        assert len({call.e164 for call in calls}) in (88, 89)
        assert sum(gaps) == pytest.approx(966, rel=0.02)
        assert min(gaps) == pytest.approx(0.196, abs=0.002)
        assert max(gaps) == pytest.approx(102.176, abs=0.002)
        assert len({call.extension for call in calls}) > 1


def test_a_weekend_stays_within_its_lines_and_lasts_hours() -> None:
    for week in TWENTY_WEEKS:
        calls = played(BY_KIND["weekend-burst"], OWNERS[0], f"{week}")
        edges = sorted([(call.start_ms + call.ring_ms, 1) for call in calls] + [(call.end_ms, -1) for call in calls])
        up = most = 0
        for _, step in edges:
            up += step
            most = max(most, up)
        assert most <= 568
        assert 100 < len(calls) <= 1500
        assert all(3600 <= call.talk_ms / 1000 <= 4 * 3600 for call in calls)


def test_slow_ones_have_one_channel_and_six_calls_a_night() -> None:
    for week in TWENTY_WEEKS:
        calls = played(BY_KIND["night-trickle"], OWNERS[0], f"{week}")
        assert all(after.start_ms >= before.end_ms for before, after in pairwise(calls))
        assert 7 <= len(calls) <= 42
        assert len({call.e164[:-2] for call in calls}) >= 5, "another range each night"


def test_wangiri_is_called_back_by_two_to_five_in_a_hundred_and_briefly() -> None:
    rings = backs = brief = 0
    for week in range(60):
        calls = played(BY_KIND["wangiri"], OWNERS[0], f"{week}")
        back = [call for call in calls if call.direction == "out"]
        heard = {call.caller.removeprefix("+") for call in calls if call.direction == "in"}
        assert back
        assert {call.e164 for call in back} <= heard
        rings, backs = rings + len(calls) - len(back), backs + len(back)
        brief += sum(call.talk_ms < 60_000 for call in back)
    assert 0.02 <= backs / rings <= 0.05
    assert brief / backs > 0.97


def test_probing_shows_one_number_behind_six_prefixes() -> None:
    calls = played(BY_KIND["prefix-probing"], OWNERS[0])
    target = calls[0].e164
    assert len({call.dialled for call in calls if call.e164 == target}) >= 6


@pytest.mark.parametrize("kind", ["forwarding"])
def test_forwarded_calls_name_who_forwards_and_overlap_their_inbound_leg(kind: str) -> None:
    calls = played(BY_KIND[kind], fitting(kind))
    out = [call for call in calls if call.direction == "out"]
    dids = {call.dialled for call in calls if call.direction == "in"}
    assert {call.diverted_from for call in out} == dids
    starts = [(call.start_ms, call.end_ms) for call in calls if call.direction == "in"]
    assert all(any(begin <= call.start_ms and call.end_ms <= end for begin, end in starts) for call in out)


def test_sequential_numbers_follow_each_other() -> None:
    numbers = [int(call.e164) for call in played(BY_KIND["sequential-numbers"], OWNERS[0])]
    assert all(after - before == 1 for before, after in pairwise(numbers))


def test_toll_free_pumping_is_equally_long() -> None:
    calls = played(BY_KIND["toll-free-pumping"], OWNERS[0])
    talks = [call.talk_ms for call in calls]
    assert max(talks) - min(talks) < 7000
    assert all(DialPlan(PlanSettings(home=OWNERS[0].home)).normalise("+" + c.e164).type == "toll_free" for c in calls)


def test_rotation_never_calls_a_country_twice() -> None:
    plan = DialPlan(PlanSettings(home="US"))
    for week in TWENTY_WEEKS:
        calls = played(BY_KIND["country-rotation"], OWNERS[0], f"{week}")
        found = [plan.normalise("+" + call.e164) for call in calls]
        regions = [number.region for number in found if number.status == "ok" and number.region != "001"]
        assert len(regions) == len(set(regions))
