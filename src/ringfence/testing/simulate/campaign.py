"""Calls that belong together, of an attack or a hard negative: who makes them, when, and how they are marked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

from ringfence.testing.simulate.call import ANSWERED, Call, Mark
from ringfence.testing.simulate.customer import Customer, Phone
from ringfence.testing.simulate.days import at_ms
from ringfence.testing.simulate.draws import Weighted, generator
from ringfence.testing.simulate.honest import forwarded, inbound, outbound, ringing
from ringfence.testing.simulate.knock import Knock, Method
from ringfence.testing.simulate.parameters import section

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


@dataclass
class Campaign:
    """Calls of one campaign, collected while it is made."""

    owner: Customer
    monday: date
    """The first day of the week it falls in."""
    rng: Random
    mark: Mark
    calls: list[Call] = field(default_factory=list)
    knocks: list[Knock] = field(default_factory=list)

    def at(self, day: int, hour: float) -> int:
        """The instant of a local hour of the week's n-th day (0: Monday)."""
        return at_ms(self.owner.zone, self.monday, 24 * day + hour)

    def working_hour(self, day: int, first: float = 9, last: float = 17) -> int:
        """An instant in working hours."""
        return self.at(day, self.rng.uniform(first, last))

    def night(self, day: int) -> int:
        """An instant at the hours at which attacks are made, in the night that begins on a day."""
        hours = section("attack.night")["hours"]
        hour = int(Weighted((h, w) for h, w in hours.items()).draw(self.rng))
        return self.at(day, (hour if hour >= 12 else hour + 24) + self.rng.random())

    def somebody(self) -> Phone:
        """Any person's phone."""
        return self.rng.choice(self.owner.people)

    def call(
        self, at: int, phone: Phone, e164: str, talk_s: float | None = None, *, dialled: str = "", answered: float = 1.0
    ) -> Call:
        """An outbound call; with `talk_s` it is answered for so long, as often as `answered` says."""
        forced = "" if talk_s is None or self.rng.random() >= answered else ANSWERED
        call = outbound(self.rng, self.owner, phone, e164, at, forced, self.mark)
        if forced and talk_s is not None:
            call.talk_ms = max(1, round(talk_s * 1000))
        call.dialled = dialled or call.dialled
        self.calls.append(call)
        return call

    def unanswered(self, at: int, phone: Phone, e164: str, disposition: str, *, dialled: str = "") -> Call:
        """An outbound call that isn't answered."""
        call = self.call(at, phone, e164, dialled=dialled)
        call.disposition, call.talk_ms = disposition, 0
        call.ring_ms = ringing(self.rng, disposition)
        return call

    def incoming(self, at: int, phone: Phone, caller: str, talk_s: float, ring_s: float = 4) -> Call:
        """An inbound call; 0 seconds of talk: it isn't answered."""
        disposition = ANSWERED if talk_s else "NO ANSWER"
        call = inbound(self.rng, self.owner, phone, caller, at, disposition, self.mark)
        call.ring_ms, call.talk_ms = round(ring_s * 1000), round(talk_s * 1000)
        self.calls.append(call)
        return call

    def onward(self, leg: Call, phone: Phone, e164: str, talk_s: float) -> Call:
        """The outbound leg of an inbound call that a phone forwards."""
        call = forwarded(self.rng, self.owner, phone, leg, e164, self.mark, round(talk_s * 1000))
        self.calls.append(call)
        return call

    def knock(self, at: int, method: Method, account: str, agent: str, **rest: Any) -> None:
        """A request that is no call of the customer's."""
        made = Knock(start_ms=at, method=method, account=account, user_agent=agent, mark=self.mark, **rest)
        self.knocks.append(made)

    def done(self) -> list[Call]:
        """The calls in order of their start."""
        return sorted(self.calls, key=lambda call: call.start_ms)


def campaign(seed: int, owner: Customer, monday: date, label: str, kind: str, name: str) -> Campaign:
    """An empty campaign with draws of its own."""
    return Campaign(owner, monday, generator(seed, owner.name, label, kind, name), Mark(label, name, kind))


def moved(phone: Phone, address: str, agent: str) -> Phone:
    """The same extension used from elsewhere or by other software."""
    return replace(phone, address=address, agent=agent)
