"""The meters in memory: all charges of an attempt are granted together, or none is.

    reserve   a hold is asked for; asked for again under its id (a 401 retry, the next trunk) it replaces itself, and
              what was spent for good (attempts, rate) isn't charged twice
    extend    more money for a call that is up; a fork's hold is taken even if it isn't granted: that call exists
    move      the hold of an attempt becomes that of its first answered leg
    settle    slots come back, money settles at the real price

Every answer says what each meter would have shown, so that a refusal explains itself and can be decided again.
`now` doesn't run backwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.engine.bucket import TokenBucket
from ringfence.engine.plan import Counter, Gauge, Part, Plan, own_of
from ringfence.engine.window import RollingWindow
from ringfence.model.meter import Charge, Hold, MeterKey, Reading
from ringfence.model.time import SECOND, Instant

MAX_CALLERS = 20_000
"""Extensions with meters of their own. A From user is a claim: who invents more of them shares one meter per source."""
KEPT_PAYMENTS = 4
"""Payments of a call that are kept apart: what comes back at its end is out of the last one or two. The ones before are
one sum as of the first: given back from there, it would count for too long rather than too short a time."""
PLANS = 4096
"""Tuples of charges whose counters are kept ready."""
SWEEP = 5
"""Callers that are looked at in a tick for being idle."""
LOOK_EVERY_US = 3600 * SECOND
"""How often one of them is looked at that isn't: what it spent shows for a month."""


class Held(msgspec.Struct, gc=False):
    """What one id holds."""

    charges: tuple[Charge, ...]
    paid: list[tuple[Instant, int]]
    """When how much money was reserved; each money meter of `charges` has it."""
    expires: Instant
    """0: not by itself."""
    spent: frozenset[MeterKey] = frozenset()
    """Meters of an earlier reservation that were charged for good."""

    @property
    def money(self) -> int:
        """All that is reserved, micro-units."""
        return sum(amount for _, amount in self.paid)


class Caller:
    """An extension with meters of its own."""

    __slots__ = ("buckets", "busy_until", "counters", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.counters: dict[MeterKey, Counter] = {}
        self.buckets: dict[MeterKey, TokenBucket] = {}
        self.busy_until: Instant = 0
        """It isn't looked at before."""

    def in_use(self, now: Instant) -> bool:
        """Whether a meter shows something."""
        return any(_read(counter, now) for counter in self.counters.values()) or any(
            bucket.tat > now for bucket in self.buckets.values()
        )


class Meters:
    """Every meter of one node, and who holds what of them."""

    def __init__(self) -> None:
        self._counters: dict[MeterKey, Counter] = {}
        self._buckets: dict[MeterKey, TokenBucket] = {}
        self._plans: dict[int, Plan] = {}
        """By the identity of the charges, which a plan keeps alive."""
        self._shared: dict[int, Part] = {}
        """What plans have in common, by the identity of its first charge, which a part keeps alive."""
        self._holds: dict[str, Held] = {}
        self._callers: dict[str, Caller] = {}
        self._sweep: deque[Caller] = deque()

    def read(self, key: MeterKey, now: Instant) -> int:
        """What a meter shows; 0 for a token bucket."""
        counter = self._counters.get(key)
        return _read(counter, now) if counter is not None else 0

    def held(self, hold_id: str) -> Held | None:
        """What an id holds."""
        return self._holds.get(hold_id)

    def pays(self, held: Held, charges: tuple[Charge, ...]) -> bool:
        """Whether these charges are on the meters of money that a hold is charged on."""
        return self._plan(held.charges).money == self._plan(charges).money

    def reserve(self, hold: Hold, *, now: Instant) -> Reading:
        """Add all charges, or none if an enforced one would exceed; replaces what the id held before."""
        spent = self._withdraw(hold.id, now)
        reading = self._ask(hold, spent, now)
        self._enter(hold, reading, spent)
        return reading

    def extend(self, hold: Hold, *, now: Instant) -> Reading:
        """More money for an id that holds already; a new id is a fork and is taken in any case."""
        held = self._holds.get(hold.id)
        reading = self._ask(hold, frozenset(), now)
        if held is None:
            self._take(hold, frozenset(), now)
        elif reading.granted:
            self._pay(held, hold.charges, now)
        return reading

    def adopt(self, hold: Hold, reading: Reading) -> None:
        """Recovery: what was decided then holds now."""
        self._enter(hold, reading, self._withdraw(hold.id, reading.at))

    def adopt_extension(self, hold: Hold, reading: Reading) -> None:
        """Recovery: the same for an extension."""
        held = self._holds.get(hold.id)
        if held is None:
            self._take(hold, frozenset(), reading.at)
        elif reading.granted:
            self._pay(held, hold.charges, reading.at)

    def move(self, old_id: str, new_id: str) -> bool:
        """Hand a hold over to another id, where it no longer expires; False if there is none."""
        held = self._holds.pop(old_id, None)
        if held is None:
            return False
        held.expires = 0
        self._holds[new_id] = held
        return True

    def keep_until(self, hold_id: str, expires: Instant) -> None:
        """Let a hold expire at another time."""
        held = self._holds.get(hold_id)
        if held is not None:
            held.expires = expires

    def settle(self, hold_id: str, *, now: Instant, cost_micros: int = 0) -> None:
        """The end of a hold: its slots come back, its money becomes `cost_micros`."""
        held = self._holds.pop(hold_id, None)
        if held is None:
            return
        self._refund(held, held.money - cost_micros, now)
        self._free_slots(held)

    def _ask(self, hold: Hold, spent: frozenset[MeterKey], now: Instant) -> Reading:
        observed: list[int] = []
        granted, delay = True, 0
        for part in self._plan(hold.charges).parts:
            part.turn(now)
            values, fits, wait = part.ask(spent, now)
            observed += values
            granted, delay = granted and fits, max(delay, wait)
        return Reading(granted, now, tuple(observed), delay if granted else 0)

    def _enter(self, hold: Hold, reading: Reading, spent: frozenset[MeterKey]) -> None:
        if reading.granted:
            self._take(hold, spent, reading.at)
        elif spent:
            self._holds[hold.id] = Held((), [], hold.expires, spent)

    def _take(self, hold: Hold, spent: frozenset[MeterKey], now: Instant) -> None:
        plan = self._plan(hold.charges)
        for part in plan.parts:
            part.turn(now)
            part.take(spent, now)
        paid = [(now, plan.amount)] if plan.amount else []
        self._holds[hold.id] = Held(hold.charges, paid, hold.expires, spent)

    def _pay(self, held: Held, charges: tuple[Charge, ...], now: Instant) -> None:
        for part in self._plan(charges).parts:
            part.turn(now)
            part.take((), now)
        if charges:
            held.paid.append((now, charges[0].amount))
        if len(held.paid) > KEPT_PAYMENTS:
            (at, first), (_, second) = held.paid[:2]
            held.paid[:2] = [(at, first + second)]

    def _withdraw(self, hold_id: str, now: Instant) -> frozenset[MeterKey]:
        """Take back what an id holds; gives the meters that stay charged."""
        held = self._holds.pop(hold_id, None)
        if held is None:
            return frozenset()
        self._refund(held, held.money, now)
        self._free_slots(held)
        return held.spent.union(c.meter for c in held.charges if c.meter.quantity in ("attempts", "rate"))

    def _refund(self, held: Held, amount: int, now: Instant) -> None:
        """Give money back, what was reserved last first; a negative amount is owed and charged now."""
        windows = self._plan(held.charges).money
        if amount < 0:
            for window in windows:
                window.add(-amount, now)
            return
        for at, paid in reversed(held.paid):
            if not amount:
                return
            back = min(amount, paid)
            for window in windows:
                window.refund(back, at)
            amount -= back

    def _free_slots(self, held: Held) -> None:
        for part in self._plan(held.charges).parts:
            for gauge in part.gauges:
                gauge.total -= 1

    def _plan(self, charges: tuple[Charge, ...]) -> Plan:
        plan = self._plans.get(id(charges))
        if plan is None:
            if len(self._plans) >= PLANS:
                del self._plans[next(iter(self._plans))]
            shared = self._shared_by(charges)
            own = charges[len(shared.charges) :]
            callers = frozenset(charge.meter.name for charge in own if charge.meter.scope == "caller")
            plan = self._plans[id(charges)] = Plan(charges, (shared, self._part(own)), callers)
        return plan

    def _shared_by(self, charges: tuple[Charge, ...]) -> Part:
        """The part of charges that others may share: it is there already if the others began with the same charges."""
        first = id(charges[0]) if charges else 0
        part = self._shared.get(first)
        if part is None or charges[: len(part.charges)] != part.charges:
            if len(self._shared) >= PLANS:
                del self._shared[next(iter(self._shared))]
            part = self._shared[first] = self._part(charges[: own_of(charges)])
        return part

    def _part(self, charges: tuple[Charge, ...]) -> Part:
        keys = [charge.meter for charge in charges]
        return Part(charges, [self._bucket(key) if key.quantity == "rate" else self._counter(key) for key in keys])

    def _counter(self, key: MeterKey) -> Counter:
        counter = self._counters.get(key)
        if counter is None:
            counter = Gauge() if key.quantity == "calls" else RollingWindow(key.window_s)
            self._counters[key] = counter
            if key.scope == "caller":
                self._known(key.name).counters[key] = counter
        return counter

    def _bucket(self, key: MeterKey) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket()
            if key.scope == "caller":
                self._known(key.name).buckets[key] = bucket
        return bucket

    # Callers are named by what a PBX claims, so their number is bounded.

    def caller(self, source: str, extension: str) -> str:
        """The name of a caller's meters: its own, or where there is no room for another the one of all others."""
        name = f"{source}/{extension[:64]}"
        if name in self._callers or len(self._callers) < MAX_CALLERS:
            return name
        return f"{source}/*"

    def _known(self, name: str) -> Caller:
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = Caller(name)
            self._sweep.append(caller)
        return caller

    def sweep(self, now: Instant) -> None:
        """Forget some callers whose meters are all empty."""
        for _ in range(min(SWEEP, len(self._sweep))):
            caller = self._sweep[0]
            self._sweep.rotate(-1)
            if now < caller.busy_until:
                continue
            if caller.in_use(now):
                caller.busy_until = now + LOOK_EVERY_US
            else:
                self._sweep.pop()
                self._forget(caller)

    def _forget(self, caller: Caller) -> None:
        del self._callers[caller.name]
        for key in caller.counters:
            del self._counters[key]
        for key in caller.buckets:
            del self._buckets[key]
        self._plans = {key: plan for key, plan in self._plans.items() if caller.name not in plan.callers}

    # Snapshots.

    def dump(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "gauges": [(key, c.total) for key, c in self._counters.items() if isinstance(c, Gauge)],
            "windows": [(key, c.dump()) for key, c in self._counters.items() if isinstance(c, RollingWindow)],
            "buckets": [(key, bucket.tat) for key, bucket in self._buckets.items()],
            "holds": list(self._holds.items()),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        for key, total in msgspec.convert(state["gauges"], list[tuple[MeterKey, int]]):
            gauge = self._counter(key)
            if isinstance(gauge, Gauge):
                gauge.total = total
        for key, buckets in msgspec.convert(state["windows"], list[tuple[MeterKey, list[int]]]):
            window = self._counter(key)
            if isinstance(window, RollingWindow):
                window.load(buckets)
        for key, tat in msgspec.convert(state["buckets"], list[tuple[MeterKey, int]]):
            self._bucket(key).tat = tat
        self._holds = dict(msgspec.convert(state["holds"], list[tuple[str, Held]]))

    def __iter__(self) -> Iterator[MeterKey]:
        return iter(self._counters)


def _read(counter: Counter, now: Instant) -> int:
    return counter.total if isinstance(counter, Gauge) else counter.read(now)
