"""The meters against a model that remembers every single charge."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringfence.engine import meters as module
from ringfence.engine.meters import Meters
from ringfence.model import SECOND, UNLIMITED, Charge, Hold, MeterKey, Reading

CALLS = MeterKey("trunk", "t", "calls", "", 0)
CALLS_ABROAD = MeterKey("trunk", "t", "calls", "international", 0)
MINUTE = MeterKey("source", "s", "attempts", "", 60)
DAY = MeterKey("trunk", "t", "money", "", 86_400)
RATE = MeterKey("trunk", "t", "rate", "", 0)
CAPS = {CALLS: 6, CALLS_ABROAD: 3, MINUTE: 12, DAY: 500}
BUCKET_US = {60: SECOND, 86_400: 1440 * SECOND}


def hold_of(hold_id: str, keys: list[MeterKey], money: int, *, enforced: bool = True) -> Hold:
    return Hold(hold_id, "n", charges_of(tuple(keys), money, enforced), 0)


@cache
def charges_of(keys: tuple[MeterKey, ...], money: int, enforced: bool) -> tuple[Charge, ...]:
    """The same for the same, as the engine gives them."""
    return tuple(Charge(key, money if key.quantity == "money" else 1, CAPS[key], enforced) for key in keys)


class Entry(NamedTuple):
    hold_id: str
    key: MeterKey
    amount: int
    at: int


class MetersMachine(RuleBasedStateMachine):
    """Every reservation, extension, move and end, beside a list of entries."""

    def __init__(self) -> None:
        super().__init__()
        self.meters = Meters()
        self.entries: list[Entry] = []
        self.now = 1_000 * SECOND
        self.unenforced = False

    def true(self, key: MeterKey) -> int:
        """What is really in a meter: amounts in progress, or of the last window."""
        since = self.now - key.window_s * SECOND
        return sum(e.amount for e in self.entries if e.key == key and (not key.window_s or e.at > since))

    @rule(step=st.integers(0, 30 * SECOND))
    def wait(self, step: int) -> None:
        self.now += step

    @rule(
        number=st.integers(0, 9),
        keys=st.lists(st.sampled_from(list(CAPS)), unique=True, min_size=1),
        money=st.integers(1, 200),
    )
    def reserve(self, number: int, keys: list[MeterKey], money: int) -> None:
        asked = hold_of(f"a{number}", keys, money)
        again = {e.key for e in self.entries if e.hold_id == asked.id and e.key.quantity == "attempts"}
        reading = self.meters.reserve(asked, now=self.now)
        self.entries = [e for e in self.entries if e.hold_id != asked.id or e.key.quantity == "attempts"]
        for charge, observed in zip(asked.charges, reading.observed, strict=True):
            added = 0 if charge.meter in again else charge.amount
            assert observed >= self.true(charge.meter) + added
        assert reading.granted == all(o <= c.limit for c, o in zip(asked.charges, reading.observed, strict=True))
        if reading.granted:
            self.entries += [
                Entry(asked.id, c.meter, c.amount, self.now) for c in asked.charges if c.meter not in again
            ]

    @rule(number=st.integers(0, 9), money=st.integers(1, 200))
    def extend(self, number: int, money: int) -> None:
        held = self.meters.held(f"a{number}")
        if held is None or not any(c.meter == DAY for c in held.charges):
            return
        asked = hold_of(f"a{number}", [DAY], money)
        if self.meters.extend(asked, now=self.now).granted:
            self.entries.append(Entry(asked.id, DAY, money, self.now))

    @rule(number=st.integers(0, 9), share=st.floats(0, 1))
    def end(self, number: int, share: float) -> None:
        held = self.meters.held(f"a{number}")
        if held is None:
            return
        cost = int(held.money * share)
        self.meters.settle(f"a{number}", now=self.now, cost_micros=cost)
        self._end(f"a{number}", cost)

    def _end(self, hold_id: str, cost: int) -> None:
        kept = []
        for entry in self.entries:
            if entry.hold_id != hold_id:
                kept.append(entry)
            elif entry.key.quantity == "money":  # The real price, on the oldest of what was reserved.
                used = min(cost, entry.amount)
                cost -= used
                kept.append(Entry("over", entry.key, used, entry.at))
            elif entry.key.quantity == "attempts":
                kept.append(entry._replace(hold_id="over"))
        self.entries = kept

    @rule()
    def survive_a_crash(self) -> None:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.meters.dump()))
        self.meters = Meters()
        self.meters.load(state)

    @invariant()
    def no_cap_is_over(self) -> None:
        for key, cap in CAPS.items():
            assert self.true(key) <= cap

    @invariant()
    def meters_are_never_under_the_truth_and_exact_but_for_a_bucket(self) -> None:
        for key in CAPS:
            shown = self.meters.read(key, self.now)
            assert shown >= self.true(key)
            if not key.window_s:
                assert shown == self.true(key)
            else:
                since = self.now - key.window_s * SECOND - BUCKET_US[key.window_s]
                assert shown <= sum(e.amount for e in self.entries if e.key == key and e.at > since)


MetersMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestMeters = MetersMachine.TestCase


def test_parallel_attempts_see_each_other() -> None:
    meters = Meters()
    granted = [meters.reserve(hold_of(str(n), [CALLS], 0), now=SECOND).granted for n in range(500)]
    assert granted == [True] * 6 + [False] * 494


def test_one_charge_over_its_limit_and_none_is_made() -> None:
    meters = Meters()
    meters.reserve(hold_of("a", [CALLS, MINUTE, DAY], 500), now=SECOND)
    reading = meters.reserve(hold_of("b", [CALLS, MINUTE, DAY], 1), now=SECOND)
    assert (reading.granted, reading.observed) == (False, (2, 2, 501))
    assert [meters.read(key, SECOND) for key in (CALLS, MINUTE, DAY)] == [1, 1, 500]


def test_observe_mode_charges_and_never_refuses() -> None:
    meters = Meters()
    for n in range(10):
        assert meters.reserve(hold_of(str(n), [CALLS], 0, enforced=False), now=SECOND).granted
    assert meters.read(CALLS, SECOND) == 10


def test_a_retry_of_the_same_attempt_counts_once() -> None:
    meters = Meters()
    rate = Charge(RATE, 1, 1000, True, burst=1)
    asked = Hold("a", "n", (*hold_of("a", [CALLS, MINUTE, DAY], 7).charges, rate), 0)
    first, second = meters.reserve(asked, now=SECOND), meters.reserve(asked, now=SECOND + 1)
    assert (first.granted, second.granted, second.observed) == (True, True, (1, 1, 7, 0))
    assert [meters.read(key, SECOND) for key in (CALLS, MINUTE, DAY)] == [1, 1, 7]


def test_the_next_trunk_gives_back_the_first_one_but_its_attempts() -> None:
    other = MeterKey("trunk", "other", "calls", "", 0)
    meters = Meters()
    meters.reserve(hold_of("a", [CALLS, MINUTE, DAY], 7), now=SECOND)
    meters.reserve(Hold("a", "n", (Charge(other, 1, 5), Charge(MINUTE, 1, 12)), 0), now=SECOND)
    assert [meters.read(key, SECOND) for key in (CALLS, other, MINUTE, DAY)] == [0, 1, 1, 0]


def test_a_fork_exists_even_over_the_cap() -> None:
    meters = Meters()
    for n in range(6):
        meters.reserve(hold_of(str(n), [CALLS], 0), now=SECOND)
    assert not meters.extend(hold_of("5#fork", [CALLS], 0), now=SECOND).granted
    assert meters.read(CALLS, SECOND) == 7
    meters.settle("5#fork", now=SECOND)
    assert meters.read(CALLS, SECOND) == 6


def test_a_price_over_what_was_reserved_is_charged_all_the_same() -> None:
    meters = Meters()
    meters.reserve(hold_of("a", [DAY], 100), now=SECOND)
    meters.settle("a", now=SECOND, cost_micros=130)
    assert meters.read(DAY, SECOND) == 130


def test_recovery_holds_what_was_granted_and_only_that() -> None:
    live, after = Meters(), Meters()
    for n in range(9):
        asked = hold_of(f"a{n}", [CALLS, MINUTE, DAY], 90)
        after.adopt(asked, live.reserve(asked, now=n * SECOND))
    assert after.dump() == live.dump()


def callers(meters: Meters, count: int, limit: int = UNLIMITED) -> list[Reading]:
    asked = []
    for n in range(count):
        key = MeterKey("caller", meters.caller("pbx", f"ext{n}"), "calls", "", 0)
        asked.append(meters.reserve(Hold(f"a{n}", "n", (Charge(key, 1, limit),), 0), now=SECOND))
    return asked


def test_invented_extensions_share_one_meter_once_the_table_is_full(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "MAX_CALLERS", 10)
    meters = Meters()
    readings = callers(meters, 100, limit=2)
    assert sum(reading.granted for reading in readings) == 10 + 2
    assert len(set(meters)) == 11


def test_idle_callers_are_forgotten() -> None:
    meters = Meters()
    callers(meters, 30)
    for n in range(30):
        meters.settle(f"a{n}", now=SECOND)
    for _ in range(30 // module.SWEEP):
        meters.sweep(2 * SECOND)
    assert list(meters) == []


def test_a_caller_that_was_forgotten_starts_anew_though_its_charges_are_the_same() -> None:
    meters = Meters()
    charges = (Charge(MeterKey("caller", "pbx/101", "calls", "", 0), 1, 5),)
    for now in (SECOND, 3 * SECOND):
        assert meters.reserve(Hold("a", "n", charges, 0), now=now).observed == (1,)
        assert meters.read(charges[0].meter, now) == 1
        meters.settle("a", now=now)
        meters.sweep(now + SECOND)
        assert list(meters) == []


def test_a_plan_is_of_the_charges_it_was_made_for(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "PLANS", 3)
    meters = Meters()
    for n in range(50):
        keys = [CALLS, MINUTE] if n % 2 else [DAY]
        meters.reserve(Hold(str(n), "n", tuple(Charge(key, n) for key in keys), 0), now=SECOND)
    assert [meters.read(key, SECOND) for key in (CALLS, MINUTE, DAY)] == [625, 625, 600]


def test_a_call_that_pays_for_hours_keeps_few_payments_and_gets_back_what_it_did_not_use() -> None:
    meters = Meters()
    meters.reserve(hold_of("a", [DAY], 6, enforced=False), now=SECOND)
    for minute in range(1, 300):
        meters.extend(hold_of("a", [DAY], 6, enforced=False), now=minute * 60 * SECOND)
    held = meters.held("a")
    assert held is not None
    assert (len(held.paid), held.money) == (module.KEPT_PAYMENTS, 300 * 6)
    meters.settle("a", now=300 * 60 * SECOND, cost_micros=299 * 6 - 1)
    assert meters.read(DAY, 300 * 60 * SECOND) == 299 * 6 - 1


def test_what_comes_back_from_old_payments_counts_too_long_rather_than_too_short(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    kept, whole = Meters(), Meters()
    for meters, most in ((kept, 4), (whole, 10_000)):
        monkeypatch.setattr(module, "KEPT_PAYMENTS", most)
        for hour in range(12):
            for name in ("a", "b"):
                ask = meters.extend if hour else meters.reserve
                ask(hold_of(name, [DAY], 6, enforced=False), now=hour * 3600 * SECOND)
        meters.settle("a", now=12 * 3600 * SECOND)
    for hour in range(12, 40):
        now = hour * 3600 * SECOND
        assert kept.read(DAY, now) >= whole.read(DAY, now)


def test_meters_are_the_same_in_whatever_order_they_are_charged() -> None:
    meters = Meters()
    first, second = hold_of("a", [CALLS], 0), hold_of("b", [DAY, CALLS], 7)
    meters.reserve(first, now=SECOND)
    assert meters.reserve(second, now=SECOND).observed == (7, 2)
    assert meters.reserve(Hold("c", "n", first.charges, 0), now=SECOND).observed == (3,)
    assert [meters.read(key, SECOND) for key in (CALLS, DAY)] == [3, 7]
