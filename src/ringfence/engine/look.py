"""One attempt abroad beside what is remembered: the numbers that the behaviour rules weigh.

Most calls abroad go where the extension has called before. For them little is worked out; the rest only where
something is new, since no rule looks at it elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringfence.engine import lately as late
from ringfence.engine.destinations import digits_of
from ringfence.engine.habits import Habits, Trace, settled
from ringfence.engine.inbound import Inbound
from ringfence.engine.lately import DAY_US, HOUR_US, Lately, Try
from ringfence.engine.marks import TIERS, area_of, block_of, marks, network_of, price_of
from ringfence.engine.registrations import Guessed
from ringfence.model.attempt import Attempt, Destination
from ringfence.model.time import SECOND, Instant
from ringfence.numbers import calling_code
from ringfence.rules.traits import Traits, Whose

if TYPE_CHECKING:
    from ringfence.engine.behaviour import Behaviour, Entities

TEST_S = 60
"""A call to a new number that is no longer than this may be a test of the route."""


class Look:
    """One attempt abroad beside what is remembered."""

    def __init__(
        self,
        state: Behaviour,
        attempt: Attempt,
        destination: Destination,
        names: Entities,
        week_hour: int,
        now: Instant,
    ) -> None:
        self.state, self.attempt, self.names, self.now = state, attempt, names, now
        self.destination = destination
        self.week_hour = week_hour
        self.digits = digits_of(destination.number)
        behaviour = state.policy.behaviour
        hour = now // HOUR_US
        self.settled_by, self.remembered_from = hour - behaviour.settle_h, hour - behaviour.memory_days * 24
        self.extension = state.habits.get(names.extension) or Habits()
        self.source = state.habits.get(names.source) or Habits()
        empty = Lately()
        self.own = state.lately.get(names.extension, empty)
        self.all = state.lately.get(names.source, empty)

    def traits(self, channels: int, usual_channels: int) -> Traits:
        """All of them."""
        block, mine = block_of(self.digits), self.attempt.id
        hour = list(self.own.since(self.now - HOUR_US, mine))
        near = self.all.to_block(block, self.now - DAY_US, mine)
        new_number = self._number()
        news = {entry.digits for entry in hour if not entry.known}
        if new_number:
            news.add(self.digits)
        live, new = self.state.live, self.attempt.id not in self.state.open
        price_tier = self.state.tier(self.attempt, price_of(self.destination))
        traits = Traits(
            foreign=True,
            channels=channels,
            usual_channels=usual_channels,
            new_region=self._new(f"c:{self.destination.number.region}"),
            new_area=self._new(f"a:{area_of(self.digits)}"),
            new_number=new_number,
            new_block=not self._settled(self.source, f"b:{block}"),
            tier=price_tier,
            new_tier=self._new_tier(price_tier),
            history=self.source.calls,
            hour_share=self.source.hour_share(self.week_hour),
            foreign_hour_share=self.source.foreign_hour_share(self.week_hour),
            calls_hour=len(hour) + 1,
            numbers_hour=len(news),
            regions_hour=len({entry.region for entry in hour} | {self.destination.number.region}),
            forms=len({entry.form for entry in near if entry.digits == self.digits} | {self.attempt.dialled}),
            parallel=live(self.names.extension) + new,
            same_number=live(f"{self.names.source}>{self.digits}") + new,
            usual_same_number=self.source.usual("same_number"),
        )
        return self._further(traits, block, hour, near) if traits.new else traits

    def _further(self, traits: Traits, block: str, hour: list[Try], near: list[Try]) -> Traits:
        """With what is looked at where something is new."""
        day_ago = self.now - DAY_US
        ends = [end for end in self.own.ends if end.at > day_ago]
        new_ends = [end for end in ends if not end.known]
        uniform, uniform_s = late.equal_lengths(ends)
        inbound, guessed = self._inbound(), self._guessed()
        rings = self.state.rings.of_block(self.attempt.source or "", block, self.now)
        venture = "" if traits.new_region not in ("", "extension") else calling_code(self.digits)
        return msgspec.structs.replace(
            traits,
            hour_counts=self._hour_counts(),
            novelty=self.source.novelty(venture),
            usual_calls_hour=self.extension.usual("calls_hour"),
            usual_numbers_hour=self.extension.usual("numbers_hour"),
            usual_regions_hour=self.extension.usual("regions_hour"),
            usual_parallel=self.extension.usual("parallel"),
            block_numbers=len({entry.digits for entry in near} | {self.digits}),
            run=late.run_length(self.digits, self.own.since(day_ago, self.attempt.id)),
            tests=self._tests(),
            nights=sum(night != self.now // DAY_US for night in self.source.nights),
            uniform=uniform,
            uniform_s=uniform_s,
            tried=len(new_ends),
            failed=sum(end.duration_s == 0 for end in new_ends),
            refused_numbers=len({entry.digits for entry in hour if not entry.allowed}),
            up_s=self._up_s(),
            usual_up_s=self.source.usual("up_s"),
            new_network=self._unseen("w:", network_of(self.attempt.peer)),
            new_agent=self._unseen("u:", self.attempt.user_agent[:120]),
            wrong_passwords=guessed.failures if guessed is not None else 0,
            guessed_from=guessed.network if guessed is not None else "",
            guessed_s=(self.now - guessed.at) // SECOND if guessed is not None else 0,
            forwarded_by=self.attempt.forwarded_by or "",
            inbound_before_s=(self.now - inbound.at) // SECOND if inbound is not None else -1,
            knocks=self.state.rings.of_caller(inbound, self.now) if inbound is not None else 0,
            rings=len(rings),
            rung=len({ring.dialled for ring in rings}),
        )

    def _hour_counts(self) -> tuple[tuple[int, int], ...]:
        tier = self.state.tier(self.attempt, price_of(self.destination))
        keys = marks(self.digits, self.destination.number.region, tier, narrow=False)
        return tuple(self.source.hour_count(key, self.now // HOUR_US, self.week_hour) for key in keys)

    def _settled(self, habits: Habits, key: str) -> bool:
        return settled(habits.seen.get(key), self.settled_by, self.remembered_from)

    def _old(self, trace: Trace | None) -> bool:
        return settled(trace, self.settled_by, self.remembered_from)

    def _new(self, key: str) -> Whose:
        """The widest entity for which it is new."""
        if self._settled(self.extension, key):
            return ""
        if self._settled(self.source, key):
            return "extension"
        wider: list[tuple[Whose, str]] = [("tenant", self.names.tenant), ("trunk", self.names.trunk)]
        found: Whose = "source"
        for whose, name in wider:
            habits = self.state.habits.get(name)
            if habits is not None and self._settled(habits, key):
                return found
            found = whose if name != "tenant:" else found
        return found

    def _number(self) -> Whose:
        key = f"n:{self.digits}"
        if self._settled(self.extension, key):
            return ""
        return "extension" if self._settled(self.source, key) else "source"

    def _new_tier(self, price_tier: int) -> Whose:
        """Whether nothing as dear was ever called."""
        if price_tier < 0 or any(self._settled(self.extension, mark) for mark in TIERS[price_tier:]):
            return ""
        return "extension" if any(self._settled(self.source, mark) for mark in TIERS[price_tier:]) else "source"

    def _unseen(self, kind: str, what: str) -> str:
        """What the extension, known for a while, never used; empty where nothing is known or claimed."""
        ways = self.extension.ways
        if not what or self._old(ways.get(kind + what)):
            return ""
        return what if any(key.startswith(kind) and self._old(trace) for key, trace in ways.items()) else ""

    def _guessed(self) -> Guessed | None:
        """Wrong passwords and a registration, unless it came from a network that the extension is known from."""
        told = self.state.registrations.guessed(self.names.extension, self.now)
        new = [one for one in told if not self._old(self.extension.ways.get(f"w:{one.network}"))]
        return max(new, key=lambda one: one.failures, default=None)

    def _up_s(self) -> int:
        call = self.state.open.get(self.attempt.id)
        return (self.now - call.answered_at) // SECOND if call is not None and call.answered_at else 0

    def _tests(self) -> int:
        area = area_of(self.digits)
        return sum(
            end.area == area and not end.known and 0 < end.duration_s <= TEST_S and end.at > self.now - DAY_US
            for end in self.all.ends
        )

    def _inbound(self) -> Inbound | None:
        """A call to this extension that is up."""
        names = (self.attempt.extension, self.attempt.shown, self.attempt.forwarded_by or "")
        return self.state.inbound.latest_to(self.attempt.source or "", names)
