"""What is remembered of everybody who calls, and what is unusual about an attempt.

    facts     decided, answered, ended, arrived: habits (slow, settled) and what happened lately (fast, at once)
    traits    one attempt beside both: the numbers that the behaviour rules weigh; changes nothing

Calls at home cost little and are judged by caps: of them only hours and channels are remembered. Every table is
bounded, since extensions, numbers and user agents are what somebody claims.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ringfence.engine import habits as habit
from ringfence.engine import lately as late
from ringfence.engine.destinations import digits_of, plan_of
from ringfence.engine.habits import Habits
from ringfence.engine.inbound import Arrivals, Inbound, Ring, Rings
from ringfence.engine.lately import DAY_US, HOUR_US, End, Lately, Try
from ringfence.engine.look import Look
from ringfence.engine.marks import area_of, is_foreign, marks, network_of, price_of
from ringfence.engine.registrations import Registrations
from ringfence.engine.toll_free import TollFree
from ringfence.model.attempt import Attempt, Destination
from ringfence.model.fact import Answered, Arrived, AuthFailed, Decided, Ended, Registered
from ringfence.model.settings import Policy
from ringfence.model.time import SECOND, Instant
from ringfence.model.verdict import Verdict
from ringfence.numbers import PlanSettings, calling_code
from ringfence.rules import CONTAINED, SLOWED, words
from ringfence.rules.currencies import price_class
from ringfence.rules.traits import QUIET, Traits

MAX_ENTITIES = 20_000
HELD = (CONTAINED.slug, SLOWED.slug)
"""Reasons of what a containment refused."""


class Entities(NamedTuple):
    """Names under which an attempt is remembered, narrowest first."""

    extension: str
    source: str
    tenant: str
    trunk: str


class Open(msgspec.Struct, gc=False):
    """An allowed call that isn't over."""

    attempt: Attempt
    foreign: bool
    digits: str
    region: str
    price: int
    """Per minute, micro-units; -1 = not known."""
    at: Instant
    clean: bool
    """Whether nothing spoke against it."""
    known: bool
    new: bool
    quiet: bool
    answered_at: Instant = 0


class Seen(NamedTuple):
    """An attempt that was looked at, and what was unusual about it at that moment."""

    attempt: Attempt
    destination: Destination
    at: Instant
    traits: Traits


class Behaviour:
    """Of one engine."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.habits: dict[str, Habits] = {}
        self.lately: dict[str, Lately] = {}
        self.open: dict[str, Open] = {}
        self.inbound = Arrivals()
        self.rings = Rings()
        self.registrations = Registrations()
        self.toll_free = TollFree()
        self.learned_from = ""
        """Digest of the history that was taken over last."""
        self.trust_until: Instant = 0
        """Calls before this teach whatever speaks against them: at the beginning of a history everything is new."""
        self._live: dict[str, int] = {}
        """Calls that are up: by trunk, by extension and number abroad."""
        self._last: Seen | None = None
        """What was judged last, until something happens after which it may look different: mostly its own decision."""

    def use(self, policy: Policy) -> None:
        """Another policy for what comes."""
        self.policy = policy
        self._last = None

    # An attempt beside what is remembered.

    def traits(self, attempt: Attempt, destination: Destination, now: Instant) -> Traits:
        """What is unusual about it."""
        last = self._last
        if last is None or last.attempt is not attempt or last.destination is not destination or last.at != now:
            last = self._last = Seen(attempt, destination, now, self._traits(attempt, destination, now))
        return last.traits

    def _traits(self, attempt: Attempt, destination: Destination, now: Instant) -> Traits:
        names = self.names(attempt)
        week_hour = self._week_hour(attempt, now)
        trunk = self.habits.get(names.trunk)
        mine = attempt.id in self.open
        channels = self._live.get(names.trunk, 0) + (not mine)
        usual = trunk.usual_channels(week_hour) if trunk is not None else 0
        if destination.number.type == "toll_free":
            return self._toll_free_traits(names, channels, usual, now)
        if not is_foreign(destination):
            return Traits(foreign=False, channels=channels, usual_channels=usual)
        return Look(self, attempt, destination, names, week_hour, now).traits(channels, usual)

    def _toll_free_traits(self, names: Entities, channels: int, usual: int, now: Instant) -> Traits:
        extension, source = (self.habits.get(name) or Habits() for name in (names.extension, names.source))
        return Traits(
            foreign=False,
            channels=channels,
            usual_channels=usual,
            history=source.calls,
            toll_free_hour=1 + self.toll_free.hour(names.extension, now),
            usual_toll_free_hour=extension.usual("toll_free_hour"),
            toll_free_source=1 + self.toll_free.hour(names.source, now),
            usual_toll_free_source=source.usual("toll_free_hour"),
        )

    def live(self, key: str) -> int:
        """Calls that are up under a key."""
        return self._live.get(key, 0)

    def zone_of(self, source: str) -> str:
        """The time zone a source lives in."""
        party = self.policy.sources.get(source)
        tenant = self.policy.tenants.get(party.tenant) if party is not None and party.tenant is not None else None
        return tenant.time_zone if tenant is not None else self.policy.time_zone

    def _week_hour(self, attempt: Attempt, now: Instant) -> int:
        local = words.local(self.zone_of(attempt.source or ""), now // (60 * SECOND))
        return local.weekday() * 24 + local.hour

    def names(self, attempt: Attempt) -> Entities:
        """The entities it is remembered under; callers that only their own word names are one extension."""
        source = attempt.source or ""
        party = self.policy.sources.get(source)
        tenant = party.tenant if party is not None and party.tenant is not None else ""
        return _entities(source, tenant, attempt.part[:64], attempt.trunk)

    def tier(self, attempt: Attempt, price_micros_per_min: int) -> int:
        """The price class of a call; -1 where its price isn't known."""
        trunk = self.policy.trunks.get(attempt.trunk)
        return price_class(price_micros_per_min, trunk.currency if trunk is not None else "")

    # Facts.

    def decided(self, fact: Decided) -> None:
        """An attempt was judged."""
        attempt, verdict = fact.attempt, fact.verdict
        destination, allowed = verdict.destination, verdict.outcome == "allow"
        if attempt.source is None or destination.klass == "emergency":
            return
        foreign = is_foreign(destination)
        traits = self.traits(attempt, destination, fact.at) if foreign else None
        self._last = None
        self._close(attempt.id)
        digits = digits_of(destination.number)
        clean = allowed and (fact.at < self.trust_until or self._unsuspected(verdict))
        names = self.names(attempt)
        if destination.number.type == "toll_free":
            for name in (names.extension, names.source):
                self.toll_free.add(name, fact.at)
                self.habits_of(name, fact.at).reached("toll_free_hour", self.toll_free.hour(name, fact.at))
        if traits is not None:
            known = traits.new_number in ("", "extension")
            held = verdict.reason in HELD
            entry = Try(attempt.id, fact.at, digits, destination.number.region, known, attempt.dialled, allowed, held)
            self._recent(names.extension).tried(entry)
            self._recent(names.source).tried(entry)
            if not held:
                hour = fact.at // HOUR_US
                tier = self.tier(attempt, price_of(destination))
                keys = marks(digits, destination.number.region, tier, narrow=False)
                self.habits_of(names.source, fact.at).tally(keys, hour, self._week_hour(attempt, fact.at) - hour)
        if not clean and (foreign or not self._unsuspected(verdict)):
            self._spoil(names)
        if allowed:
            self._open(fact, names, foreign, digits, clean, traits)

    def _unsuspected(self, verdict: Verdict) -> bool:
        if not verdict.hits:
            return True
        levels = self.policy.behaviour
        return sum(hit.weight for hit in verdict.hits) < (levels.alert or levels.block)

    def _open(
        self, fact: Decided, names: Entities, foreign: bool, digits: str, clean: bool, traits: Traits | None
    ) -> None:
        destination = fact.verdict.destination
        call = Open(
            attempt=fact.attempt,
            foreign=foreign,
            digits=digits,
            region=destination.number.region,
            price=price_of(destination),
            at=fact.at,
            clean=clean,
            known=traits is None or traits.new_number in ("", "extension"),
            new=traits is not None and traits.new_destination,
            quiet=traits is not None and min(traits.hour_share, traits.foreign_hour_share) < QUIET,
        )
        self.open[fact.attempt.id] = call
        self._count(call, names, 1)
        if call.new and call.quiet:
            source = self.habits_of(names.source, fact.at)
            source.nights = [*[night for night in source.nights if night != source.day], source.day]
        if clean:
            self._peaks(call, names, traits)

    def _peaks(self, call: Open, names: Entities, traits: Traits | None) -> None:
        """How high today's counts are with a clean call."""
        week_hour = self._week_hour(call.attempt, call.at)
        self.habits_of(names.trunk, call.at).busy(week_hour, self._live.get(names.trunk, 0))
        if traits is None:
            return
        extension, source = self.habits_of(names.extension, call.at), self.habits_of(names.source, call.at)
        for habits in (extension, source):
            habits.reached("calls_hour", traits.calls_hour)
            habits.reached("numbers_hour", traits.numbers_hour)
            habits.reached("regions_hour", traits.regions_hour)
        extension.reached("parallel", traits.parallel)
        source.reached("same_number", traits.same_number)

    def answered(self, fact: Answered) -> bool:
        """Money runs, or an inbound call is up; whether it is inbound."""
        call = self.open.get(fact.id)
        if call is not None and not call.answered_at:
            call.answered_at = fact.at
        inbound = self.inbound.get(fact.id)
        if inbound is not None:
            inbound.answered = True
        return inbound is not None

    def inbound_ended(self, fact: Ended) -> None:
        """A call that may be inbound is over."""
        self._last = None
        inbound = self.inbound.pop(fact.id)
        if inbound is not None:
            self.rings.add(inbound, fact.at)

    def closed(self, call_id: str, at: Instant, *, clean: bool = True) -> None:
        """An allowed call has no leg left; it wasn't clean if it was cut for what spoke against it."""
        self._last = None
        call = self._close(call_id)
        if call is None:
            return
        names = self.names(call.attempt)
        if not clean:
            call.clean = False
            self._spoil(names)
        duration_s = max(0, at - call.answered_at) // SECOND if call.answered_at else 0
        if call.foreign:
            end = End(at, area_of(call.digits), duration_s, call.new, call.known)
            self._recent(names.extension).ended(end)
            self._recent(names.source).ended(end)
        if call.clean and call.foreign:
            self.habits_of(names.source, at).reached("up_s", duration_s)
        if call.clean:
            self._learn(call, names, bool(call.answered_at))

    def knocked(self, fact: AuthFailed | Registered) -> None:
        """A password was wrong, or right."""
        self._last = None
        name = _caller(fact.source, fact.account)
        if isinstance(fact, AuthFailed):
            self.registrations.failed(name, fact)
        else:
            self.registrations.registered(name, fact)

    def arrived(self, fact: Arrived) -> None:
        """A call came in."""
        self._last = None
        self.inbound.add(fact.id, Inbound(fact.source, self._shown(fact), fact.dialled, fact.at))

    def _shown(self, fact: Arrived) -> str:
        """The caller's E.164 digits, as far as what the carrier shows can be read."""
        party = self.policy.sources.get(fact.source)
        if party is None or not fact.caller:
            return fact.caller
        plan = plan_of(PlanSettings(home=party.plan.home, e164_noplus=True))
        return digits_of(plan.for_call(fact.caller)) or fact.caller

    def _learn(self, call: Open, names: Entities, answered: bool) -> None:
        hour = call.at // HOUR_US
        week_hour, memory_h = self._week_hour(call.attempt, call.at), self.policy.behaviour.memory_days * 24
        for name in (names.source, names.trunk):
            self.habits_of(name, call.at).called(week_hour, call.foreign)
        if not call.foreign:
            return
        source, tier = self.habits_of(names.source, call.at), self.tier(call.attempt, call.price)
        source.ventured("", f"c:{call.region}")
        source.ventured(calling_code(call.digits), f"a:{area_of(call.digits)}")
        for name in names:
            narrow = name in (names.extension, names.source)
            for key in marks(call.digits, call.region, tier, narrow=narrow):
                self.habits_of(name, call.at).see(key, hour, memory_h)
        for key in (f"w:{network_of(call.attempt.peer)}", f"u:{call.attempt.user_agent[:120]}"):
            self.habits_of(names.extension, call.at).come(key, hour, memory_h)

    def _spoil(self, names: Entities) -> None:
        for name in (names.extension, names.source):
            habits = self.habits.get(name)
            if habits is not None:
                habits.spoil()

    # Tables.

    def _count(self, call: Open, names: Entities, step: int) -> None:
        keys = [names.trunk]
        if call.foreign:
            keys += [names.extension, f"{names.source}>{call.digits}"]
        for key in keys:
            count = self._live.get(key, 0) + step
            if count > 0:
                self._live[key] = count
            else:
                self._live.pop(key, None)

    def _close(self, call_id: str) -> Open | None:
        call = self.open.pop(call_id, None)
        if call is not None:
            self._count(call, self.names(call.attempt), -1)
        return call

    def habits_of(self, name: str, at: Instant) -> Habits:
        """What an entity is used to, at an instant; new ones make room for themselves."""
        found = self.habits.get(name)
        if found is None:
            if len(self.habits) >= MAX_ENTITIES:
                self._forget()
            found = self.habits[name] = Habits()
        found.turn(at // DAY_US)
        return found

    def _forget(self) -> None:
        """Make room: those that were idle longest go."""
        callers = sorted((h.day, name) for name, h in self.habits.items() if name.startswith("caller:"))
        for _, name in callers[: MAX_ENTITIES // 10]:
            del self.habits[name]

    def _recent(self, name: str) -> Lately:
        found = self.lately.get(name)
        if found is None:
            found = self.lately[name] = Lately()
        return found

    def sweep(self, now: Instant) -> None:
        """Forget what no longer counts. Once in a while."""
        self._last = None
        self.inbound.sweep(now)
        if len(self.lately) > MAX_ENTITIES:
            self.lately = {name: recent for name, recent in self.lately.items() if not recent.idle(now)}

    # Snapshots.

    def dump(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "habits": habit.dump(self.habits),
            "lately": {name: recent.dump() for name, recent in self.lately.items()},
            "open": self.open,
            "inbound": self.inbound.dump(),
            "rings": self.rings.dump(),
            "registrations": self.registrations.dump(),
            "toll_free": self.toll_free.dump(),
            "learned_from": self.learned_from,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self._last = None
        self.habits = habit.load(state["habits"])
        self.lately = {name: late.load(recent) for name, recent in state["lately"].items()}
        self.inbound = Arrivals(msgspec.convert(state["inbound"], dict[str, Inbound]))
        self.rings = Rings(msgspec.convert(state["rings"], list[Ring]))
        self.registrations.load(state["registrations"])
        self.toll_free.load(state["toll_free"])
        self.learned_from = state.get("learned_from", "")
        self._live = {}
        self.open = msgspec.convert(state["open"], dict[str, Open])
        for call in self.open.values():
            self._count(call, self.names(call.attempt), 1)


@lru_cache(maxsize=MAX_ENTITIES)
def _entities(source: str, tenant: str, extension: str, trunk: str) -> Entities:
    return Entities(_caller(source, extension), f"source:{source}", f"tenant:{tenant}", f"trunk:{trunk}")


def _caller(source: str, extension: str) -> str:
    """The name under which an extension is remembered."""
    return f"caller:{source}/{extension[:64]}"
