"""Calls of the past through the engine: what would have been refused, what cut and when.

It is the live path without journal. A record is a start, an answer and an end; they come to the engine in order of
time, with its own ticks between them. A call that is refused brings neither answer nor end; one that the engine cuts
ends there. Inbound records are told as `Arrived`. What a record doesn't hold can't be judged by it: digest and
registrations, the challenge before a call, forks.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.engine.engine import Engine
from ringfence.history.cdr import Cdr
from ringfence.history.placing import Place, Placing
from ringfence.model import (
    SECOND,
    Answered,
    Arrived,
    Command,
    Contain,
    Cut,
    Decided,
    Ended,
    Extend,
    Fact,
    Instant,
    Presume,
    Tick,
    Verdict,
)
from ringfence.model.settings import Policy
from ringfence.numbers import numbering

LEG = "cdr"
"""The tag of the one leg of a record."""


class Judged(NamedTuple):
    """A call of the past, and what the policy does to it."""

    call: Cdr
    place: Place
    verdict: Verdict
    cut_after_s: float | None
    """Seconds after its answer at which it is cut; None: it isn't."""
    cause: str
    """Why it is cut."""
    saved_micros: int
    """What it cost more than it would have, micro-units."""
    at: Instant
    """When that was known; calls come out in this order."""
    incident: str
    """The incident that it is part of; empty for most."""
    why: str = ""
    """In one sentence why it is refused or cut."""


class _Up(NamedTuple):
    """A call that was let through and isn't over."""

    call: Cdr
    place: Place
    verdict: Verdict


class Replay:
    """One engine, and its way through the past."""

    def __init__(self, policy: Policy, placing: Placing, engine: Engine | None = None) -> None:
        self.engine = engine or Engine(policy, "replay")
        self.placing = placing
        self.unplaced = 0
        """Records that belong to no source of the policy."""
        self.inbound = 0
        self._events: list[tuple[Instant, int, Fact]] = []
        self._order = 0
        self._up: dict[str, _Up] = {}
        self._ids: set[str] = set()
        """Of records that aren't over, inbound ones too."""
        self._done: list[Judged] = []

    def run(self, calls: Iterable[Cdr]) -> Iterator[Judged]:
        """Judges calls in order of start; each comes out when it is over."""
        for call in calls:
            yield from self.take(call)
        yield from self.rest()

    def take(self, call: Cdr) -> list[Judged]:
        """One more call, in order of start; gives those that are over before it, or refused."""
        self._until(call.start)
        place = self.placing.of(call.trunk, call.source_ip)
        if place is None:
            self.unplaced += 1
        elif call.direction == "in":
            self._arrived(call, place)
        else:
            self._out(call, place)
        return self._over_now()

    def rest(self) -> list[Judged]:
        """Those that are up when the records end, at their own ends."""
        self._until(None)
        return self._over_now()

    def _over_now(self) -> list[Judged]:
        if not self._done:
            return []
        found, self._done = self._done, []
        return found

    def _out(self, call: Cdr, place: Place) -> None:
        decided = self._decide(call, place)
        self._obey(self.engine.apply(decided, now=call.start), call.start)
        if decided.verdict.outcome != "allow":
            saved = cost(decided.verdict, call.duration_s)
            self._done.append(_judged(call, place, decided.verdict, saved, call.start))
            return
        self._up[decided.attempt.id] = _Up(call, place, decided.verdict)
        self._goes_on(call, decided.attempt.id)

    def _goes_on(self, call: Cdr, own: str) -> None:
        self._ids.add(own)
        if call.answer:
            self._later(Answered(at=call.answer, id=own, leg=LEG))
        cause = "bye-caller" if call.answer else "no-answer"
        self._later(Ended(at=call.end, id=own, cause=cause, talked_s=call.duration_s))

    def _own_id(self, call: Cdr) -> str:
        """The record's id, or one made of it: a PBX writes several rows with one id for a call that is forked."""
        tries = (f"{call.call_id}~{number}" for number in itertools.count(2))
        return next(own for own in itertools.chain((call.call_id,), tries) if own not in self._ids)

    def _decide(self, call: Cdr, place: Place) -> Decided:
        engine, now = self.engine, call.start
        attempt = self.placing.attempt(call, place, self._own_id(call))
        judgement = engine.judge(attempt, now=now)
        reading = engine.meters.reserve(judgement.hold, now=now)
        return Decided(
            at=now,
            attempt=attempt,
            hold=judgement.hold,
            reading=reading,
            verdict=engine.conclude(judgement, reading),
            policy=engine.policy.version,
            numbers=numbering().version,
        )

    def _arrived(self, call: Cdr, place: Place) -> None:
        self.inbound += 1
        own = self._own_id(call)
        fact = Arrived(
            at=call.start,
            id=own,
            source=place.source,
            trunk=place.trunk,
            caller=call.caller,
            dialled=call.extension or call.dialled,
        )
        self.engine.apply(fact, now=call.start)
        self._goes_on(call, own)

    # Time.

    def _later(self, fact: Fact) -> None:
        self._order += 1
        heapq.heappush(self._events, (fact.at, self._order, fact))

    def _until(self, instant: Instant | None) -> None:
        """Everything that happens before an instant; None: to the end."""
        events = self._events
        while events and (instant is None or events[0][0] <= instant):
            at, _, fact = heapq.heappop(events)
            self._ticks(at - 1)  # A call that ends at the last moment it may isn't cut.
            if isinstance(fact, Ended):
                self._over(fact)
            self._obey(self.engine.apply(fact, now=at), at)
        if instant is not None:
            self._ticks(instant)

    def _ticks(self, until: Instant) -> None:
        engine = self.engine
        while (due := engine.due()) is not None and due <= until:
            self._obey(engine.apply(Tick(at=due), now=due), due)

    def _over(self, fact: Ended) -> None:
        """A record ends; it comes out if it was let through and not cut before."""
        self._ids.discard(fact.id)
        up = self._up.pop(fact.id, None)
        if up is not None:
            self._done.append(_judged(up.call, up.place, up.verdict, 0, fact.at))

    def _obey(self, commands: Iterable[Command], now: Instant) -> None:
        for command in commands:
            if isinstance(command, Extend):
                self._obey(self.engine.apply(self.engine.ask_more(command.hold, now=now), now=now), now)
            elif isinstance(command, Contain):
                self._obey(self.engine.apply(command.fact, now=now), now)
            elif isinstance(command, Cut):
                self._cut(command, now)
            elif isinstance(command, Presume):
                presumed = Ended(at=now, id=command.id, cause="presumed", talked_s=command.talked_s)
                self._obey(self.engine.apply(presumed, now=now), now)

    def _cut(self, command: Cut, now: Instant) -> None:
        up = self._up.pop(command.id, None)
        if up is None:
            return
        call = up.call
        self._obey(self.engine.apply(Ended(at=now, id=command.id, cause=command.cause, why=command.text), now=now), now)
        after_s = max(0, now - call.answer) / SECOND if call.answer else 0.0
        saved = max(0, cost(up.verdict, call.duration_s) - cost(up.verdict, int(after_s)))
        found = self.engine.incidents.holding(command.id, up.place.source, now)
        incident = found.id if found is not None else up.verdict.incident
        cut = Judged(call, up.place, up.verdict, after_s, command.cause, saved, now, incident, command.text)
        self._done.append(cut)


def _judged(call: Cdr, place: Place, verdict: Verdict, saved_micros: int, at: Instant) -> Judged:
    """A call that isn't cut."""
    return Judged(call, place, verdict, None, "", saved_micros, at, verdict.incident, verdict.text)


def cost(verdict: Verdict, seconds: int) -> int:
    """What so many seconds cost by the policy's deck, micro-units; 0 without a price."""
    price = verdict.destination.price
    return price.cost_micros(seconds) if price is not None and seconds else 0
