"""The engine: what an attempt is, whether it may go, what it holds, and what has to be done while calls are up.

    live       apply(Attempted) → judge → meters.reserve → conclude → journal → apply(Decided)
    recovery   recover(fact) for snapshot and tail, in order; commands are thrown away; then reconcile
    replay     the live path without journal

`judge` and `conclude` change nothing. `now` is an argument and doesn't run backwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from ringfence.engine.acceptances import Acceptances
from ringfence.engine.agenda import Agenda
from ringfence.engine.banning import Banning
from ringfence.engine.behaviour import Behaviour
from ringfence.engine.contacts import Contacts
from ringfence.engine.containments import Containments
from ringfence.engine.destinations import digits_of
from ringfence.engine.incidents import Incidents
from ringfence.engine.judging import Judge, Memory
from ringfence.engine.live import (
    Leg,
    Live,
    cut_leg,
    ends_at,
    leg_id,
    next_paid_s,
    pays_at,
    told_micros,
    wakes_at,
    weighed_at,
)
from ringfence.engine.meters import Held, Meters
from ringfence.engine.response import Response
from ringfence.engine.verdicts import EMERGENCY, cap_finding, conclude, refuses
from ringfence.model import (
    SECOND,
    Accepted,
    Alert,
    Allowed,
    Answered,
    Arrived,
    Attempt,
    Attempted,
    AuthFailed,
    Banned,
    Bound,
    Challenged,
    Charge,
    Command,
    Contained,
    Cut,
    Decided,
    DialogChanged,
    Disallowed,
    Ended,
    Enrolled,
    Extend,
    Extended,
    Fact,
    Hit,
    Hold,
    Instant,
    Judgement,
    MediaElsewhere,
    MediaMismatch,
    Offended,
    PolicyChanged,
    Presume,
    Reading,
    Registered,
    Released,
    Strangers,
    Tick,
    Unbanned,
    Unbound,
    Verdict,
)
from ringfence.model.settings import Policy
from ringfence.rules import CONTAINED, ELSEWHERE, SUSPICIOUS

RETRY_WITHIN_US = 40 * SECOND
"""How long the hold of a challenged attempt waits for the caller's second INVITE."""
ALERT_EVERY_US = 60 * SECOND
"""The same rule at the same place of the policy tells people at most once in so long."""
SWEEP_EVERY_US = SECOND
UNTAUGHT = (SUSPICIOUS.slug, CONTAINED.slug)
"""A call that was cut for this doesn't teach what is usual."""


class Engine:
    """The state of one node under one policy."""

    def __init__(self, policy: Policy, node: str) -> None:
        self.policy = policy
        self.node = node
        self.meters = Meters()
        self.containments = Containments()
        self.behaviour = Behaviour(policy)
        self.incidents = Incidents()
        self.acceptances = Acceptances()
        self.contacts = Contacts()
        self.banning = Banning(policy)
        self.calls: dict[str, Live] = {}
        self._memory = Memory(self.meters, self.containments, self.behaviour, self.incidents, self.acceptances)
        self._response = Response(self._memory, self.calls)
        self._judge = self._judge_by(policy)
        self._agenda = Agenda()
        self._alerted: dict[tuple[str, str], Instant] = {}
        self._swept: Instant = 0

    def _judge_by(self, policy: Policy) -> Judge:
        judge = Judge(policy, self.node, self._memory)
        self._response.use(policy, judge)
        return judge

    # Deciding.

    def judge(self, attempt: Attempt, *, now: Instant) -> Judgement:
        """All rules' hits, and the hold to ask for; changes nothing."""
        return self._judge.judge(attempt, now)

    def conclude(self, judgement: Judgement, reading: Reading) -> Verdict:
        """The verdict; changes nothing."""
        return conclude(judgement, reading)

    def decide_again(self, decided: Decided) -> tuple[Hold, Verdict]:
        """What this engine, brought to the state before a recorded decision, decides on the recorded reading."""
        judgement = self.judge(decided.attempt, now=decided.at)
        return judgement.hold, conclude(judgement, decided.reading)

    def weigh(self, attempt: Attempt, *, now: Instant) -> tuple[Hit, ...]:
        """What speaks against a call that is up, by what is known now; changes nothing."""
        return self._judge.weigh(attempt, now)

    def ask_more(self, hold: Hold, *, now: Instant) -> Extended:
        """Carry out an Extend: the fact to apply and to keep."""
        return Extended(at=now, hold=hold, reading=self.meters.extend(hold, now=now))

    # Facts.

    def apply(self, fact: Fact, *, now: Instant) -> tuple[Command, ...]:
        """Take note of what happened; gives what has to be done about it."""
        match fact:
            case Decided():
                return self._decided(fact, now)
            case Answered():
                return self._answered(fact, now)
            case Extended():
                return self._extended(fact, now)
            case Ended():
                return self._ended(fact, now)
            case Challenged():
                return self._challenged(fact, now)
            case Contained():
                return tuple(self._response.contained(fact))
            case Released():
                return tuple(self._response.released(fact))
            case Accepted():
                self._response.accepted(fact)
            case Tick():
                return self._tick(now)
            case Arrived():
                self.behaviour.arrived(fact)
            case AuthFailed() | Registered():
                self.behaviour.knocked(fact)
            case MediaElsewhere():
                return self._media_elsewhere(fact, now)
            case Bound() | Unbound():
                self.contacts.changed(fact)
            case Offended():
                return self.banning.offended(fact)
            case Banned():
                self.banning.banned(fact)
            case Unbanned():
                self.banning.unbanned(fact)
            case Allowed():
                self.banning.allowed(fact)
            case Disallowed():
                self.banning.disallowed(fact)
            case Attempted() | DialogChanged() | Enrolled() | MediaMismatch() | PolicyChanged() | Strangers():
                pass
            case _:
                assert_never(fact)
        return ()

    def recover(self, fact: Fact) -> None:
        """Apply a fact of the past, and let hold again what was held after it."""
        if isinstance(fact, Decided):
            self.meters.adopt(fact.hold, fact.reading)
        elif isinstance(fact, Extended):
            self.meters.adopt_extension(fact.hold, fact.reading)
        self.apply(fact, now=fact.at)

    def reconcile(self, *, now: Instant) -> tuple[Command, ...]:
        """After recovery: what should have been done meanwhile."""
        for live in self.calls.values():
            self._wake(live)
        return (*self._tick(now), *self._response.rearm(now))

    def use(self, policy: Policy) -> None:
        """Another policy for what comes; calls in progress keep price and meters, and the shorter longest duration.

        One that a carrier placed keeps its own, since it goes on whatever the policy says."""
        self.policy = policy
        self.behaviour.use(policy)
        self.banning.use(policy)
        self._judge = self._judge_by(policy)
        for live in (live for live in self.calls.values() if not live.unseen_s):
            limit = self._judge.longest(live.attempt, live.since)
            live.max_call_s = min((s for s in (limit, live.max_call_s) if s), default=0)
            self._wake(live)

    @property
    def open(self) -> Iterator[str]:
        """Ids of the calls in progress that the edge needs to know after a restart: allowed ones, then inbound ones."""
        return itertools.chain(self.calls, self.behaviour.inbound.up())

    def due(self) -> Instant | None:
        """When a Tick is wanted."""
        return self._agenda.due()

    # Each kind of fact.

    def _decided(self, fact: Decided, now: Instant) -> tuple[Command, ...]:
        verdict, attempt = fact.verdict, fact.attempt
        self.behaviour.decided(fact)
        before = self.calls.pop(attempt.id, None)
        if verdict.outcome == "allow":
            self.calls[attempt.id] = live = _live(fact)
            live.legs += before.legs if before is not None else ()  # Of another trunk, and being hung up.
            self._wake(live)
        else:
            self.meters.settle(attempt.id, now=now)
            if before is not None and before.legs:
                before.expires = 0
                self.calls[attempt.id] = before
                self._wake(before)
            else:
                self._agenda.put(attempt.id, None)
        if not verdict.hits:
            return ()
        return (*self._alerts(fact, now), *self._response.decided(fact, now))

    def _alerts(self, fact: Decided, now: Instant) -> tuple[Command, ...]:
        told: list[Command] = []
        for hit in fact.verdict.hits:
            if hit.severity == "info" or (refuses(hit) and fact.verdict.outcome == "allow"):
                continue
            told += self._alert(fact.attempt.id, hit, now)
        return tuple(told)

    def _alert(self, id: str, hit: Hit, now: Instant) -> list[Command]:
        key = hit.rule, hit.where
        if hit.rule != EMERGENCY and self._alerted.get(key, -ALERT_EVERY_US) + ALERT_EVERY_US > now:
            return []
        self._alerted[key] = now
        return [Alert(id, hit)]

    def _media_elsewhere(self, fact: MediaElsewhere, now: Instant) -> tuple[Command, ...]:
        """Told, and a call of a source is weighed again with it."""
        kind, _, name = fact.by.partition(":")
        hit = Hit(rule=ELSEWHERE.slug, severity="alert", text=fact.why, where=f"{kind}.{name}.media", enforced=False)
        told = self._alert(fact.id, hit, now)
        live = self.calls.get(fact.id)
        if live is None:
            return tuple(told)
        said = {"media": fact.media} if kind == "source" else {"answer": fact.media}
        live.attempt = msgspec.structs.replace(live.attempt, **said)
        return (*told, *self._response.weigh(live, now))

    def _answered(self, fact: Answered, now: Instant) -> tuple[Command, ...]:
        live = self.calls.get(fact.id)
        if self.behaviour.answered(fact):
            return ()
        if live is None:
            return (Cut(fact.id, fact.leg, "unknown", "answered, but never allowed"),)
        if live.redirect_s or live.leg(fact.leg) is not None:
            return ()
        own = leg_id(fact.id, fact.leg)
        first = not fact.late and (self.meters.move(fact.id, own) or self.meters.held(own) is not None)
        leg = Leg(fact.leg, fact.at, live.price.billed_s(live.unseen_s) if live.price is not None else 0)
        live.legs.append(leg)
        live.expires = live.expires if fact.late else 0
        self._wake(live)
        return () if first else (self._fork(live, leg, now),)

    def _fork(self, live: Live, leg: Leg, now: Instant) -> Command:
        """A second answer to the same attempt is a second call."""
        money = live.price.cost_micros(0) if live.price is not None else 0
        charges = [c for c in self._charges(live, money) if c.meter.quantity in ("calls", "money")]
        leg.asked_s = leg.paid_s
        return Extend(Hold(leg_id(live.attempt.id, leg.tag), self.node, tuple(charges), 0))

    def _extended(self, fact: Extended, now: Instant) -> tuple[Command, ...]:
        attempt_id, _, tag = fact.hold.id.partition("#")
        live = self.calls.get(attempt_id)
        leg = live.leg(tag) if live is not None else None
        if live is None or leg is None:
            self.meters.settle(fact.hold.id, now=now)
            return ()
        asked, leg.asked_s = leg.asked_s, 0
        if fact.reading.granted:
            leg.paid_s = max(asked, leg.paid_s)
            self._wake(live)
            return self._due_now(live, now)
        if live.price is not None and asked > next_paid_s(live.price, leg, least=True):
            return (self._extend(live, leg, least=True),)
        return (cut_leg(live, leg, "money", self._why_refused(live, fact)),)

    def _why_refused(self, live: Live, fact: Extended) -> str:
        dues = self._judge.dues(live.attempt, live.klass, 0)
        place = {row[0].meter: row[1:] for row in zip(dues.charges, dues.rules, dues.where, strict=True)}
        told = [
            cap_finding(*place[charge.meter], charge, observed).text
            for charge, observed in zip(fact.hold.charges, fact.reading.observed, strict=True)
            if observed > charge.limit and charge.meter in place
        ]
        return told[0] if told else "a cap is reached"

    def _ended(self, fact: Ended, now: Instant) -> tuple[Command, ...]:
        live = self.calls.get(fact.id)
        if live is None:
            self.behaviour.inbound_ended(fact)
            return ()
        for leg in [leg for leg in live.legs if fact.leg in ("", leg.tag)]:
            own = leg_id(fact.id, leg.tag)
            self.meters.settle(own, now=now, cost_micros=live.cost_micros(leg, fact.at))
            live.legs.remove(leg)
        if not fact.leg or (not live.legs and self.meters.held(fact.id) is None):
            self.meters.settle(fact.id, now=now, cost_micros=told_micros(live, fact.talked_s))
            self.behaviour.closed(fact.id, fact.at, clean=fact.cause not in UNTAUGHT)
            del self.calls[fact.id]
            self._agenda.put(fact.id, None)
        return tuple(self._response.ended(fact, live))

    def _challenged(self, fact: Challenged, now: Instant) -> tuple[Command, ...]:
        live = self.calls.get(fact.id)
        if live is not None and not live.legs:
            live.expires = fact.at + RETRY_WITHIN_US
            self.meters.keep_until(fact.id, live.expires)
            self._wake(live)
        return ()

    # Time.

    def _tick(self, now: Instant) -> tuple[Command, ...]:
        commands: list[Command] = []
        while (call_id := self._agenda.take(now)) is not None:
            live = self.calls[call_id]
            commands += self._due_now(live, now)
            self._wake(live)
        if now >= self._swept + SWEEP_EVERY_US:
            self._swept = now
            self.meters.sweep(now)
            self.behaviour.sweep(now)
            self.banning.sweep(now)
            self._response.expire(now)
        return tuple(commands)

    def _due_now(self, live: Live, now: Instant) -> tuple[Command, ...]:
        if live.expires and live.expires <= now:
            live.expires = 0
            if live.redirect_s:
                return (Presume(live.attempt.id, live.redirect_s),)
            return (Cut(live.attempt.id, "", "lost", "neither answered nor ended in time"),)
        return tuple(command for leg in live.legs if not leg.cut for command in self._leg_due(live, leg, now))

    def _leg_due(self, live: Live, leg: Leg, now: Instant) -> Sequence[Command]:
        end, pay = ends_at(live, leg), pays_at(live, leg)
        if end is not None and end <= now:
            return [cut_leg(live, leg, "longest-call", f"longest duration of {live.max_call_s} s reached")]
        due: list[Command] = [self._extend(live, leg, least=False)] if pay is not None and pay <= now else []
        weigh = weighed_at(live, leg)
        if weigh is not None and weigh <= now:
            leg.weighed += 1
            due += self._response.weigh(live, now)
        return due

    def _extend(self, live: Live, leg: Leg, least: bool) -> Extend:
        price = live.price
        if price is None:
            raise ValueError("a call without a price has nothing to extend")
        leg.asked_s = next_paid_s(price, leg, least)
        amount = price.cost_micros(leg.asked_s) - price.cost_micros(leg.paid_s)
        return Extend(Hold(leg_id(live.attempt.id, leg.tag), self.node, self._money(live, amount), 0))

    def _money(self, live: Live, money: int) -> tuple[Charge, ...]:
        """Those of the charges of a call that are money."""
        own, ready = self._own(live), self._judge.money(live.attempt, live.klass, money)
        if own is not None and self.meters.pays(own, ready):
            return ready
        return tuple(charge for charge in self._charges(live, money) if charge.meter.quantity == "money")

    def _charges(self, live: Live, money: int) -> tuple[Charge, ...]:
        """The charges of a call under the policy of now, on the meters it was charged on first."""
        own = self._own(live)
        limits = {charge.meter: charge for charge in self._judge.dues(live.attempt, live.klass, money).charges}
        found = (limits.get(c.meter, c) for c in (own.charges if own is not None else ()))
        return tuple(msgspec.structs.replace(c, amount=money) if c.meter.quantity == "money" else c for c in found)

    def _own(self, live: Live) -> Held | None:
        """The hold of an attempt, or of its first leg that has one."""
        legs = (self.meters.held(leg_id(live.attempt.id, leg.tag)) for leg in live.legs)
        return self.meters.held(live.attempt.id) or next((held for held in legs if held is not None), None)

    def _wake(self, live: Live) -> None:
        self._agenda.put(live.attempt.id, wakes_at(live))


def _live(fact: Decided) -> Live:
    verdict = fact.verdict
    return Live(
        attempt=fact.attempt,
        klass=verdict.destination.klass,
        price=verdict.destination.price,
        max_call_s=verdict.max_call_s,
        since=fact.at,
        expires=fact.hold.expires,
        emergency=verdict.emergency,
        e164=digits_of(verdict.destination.number),
        legs=[],
        region=verdict.destination.number.region,
        redirect_s=verdict.redirect_s,
    )
