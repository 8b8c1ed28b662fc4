"""Everyday traffic of one customer, day by day.

Calls come as a gamma-Poisson process in bins of five minutes: the shape of the week, times the day's own factor, times
what a holiday leaves. Each call has somebody who makes it, a number out of the ones that were called before or a new
one, and an outcome; who got no answer may try again. Numbers abroad are mostly called by those whose job it is: several
calls one after the other, and to other countries from week to week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.call import ANSWERED, BUSY, EVERYDAY, FAILED, NO_ANSWER, Call, Mark
from ringfence.testing.simulate.customer import Customer, Phone
from ringfence.testing.simulate.days import at_ms, is_holiday
from ringfence.testing.simulate.dialling import EMERGENCY
from ringfence.testing.simulate.draws import Weighted, bursty, generator, talk_s
from ringfence.testing.simulate.parameters import section

CONTACTS = 2000
"""Numbers of one country that a customer remembers; more replace the oldest by chance."""


class Contacts:
    """The numbers that one customer calls again, by country."""

    def __init__(self, owner: Customer, rng: Random) -> None:
        self._owner = owner
        self._known = {country: self._some(rng, country) for country in owner.countries}
        self._known[owner.home] = [self.new(rng, owner.home) for _ in range(20)]
        self._toll_free = [directory.number(rng, owner.home, "toll_free") for _ in range(25)]

    def _some(self, rng: Random, country: str) -> list[str]:
        return [self.new(rng, country) for _ in range(3)]

    def number(self, rng: Random, country: str) -> str:
        """One that was called before, the old ones more often, or a new one that is remembered."""
        known = self._known.setdefault(country, [])
        if known and rng.random() < self._owner.repeat:
            return known[int(len(known) * rng.random() ** 2)]
        found = self.new(rng, country)
        if len(known) < CONTACTS:
            known.append(found)
        else:
            known[rng.randrange(CONTACTS)] = found
        return found

    def new(self, rng: Random, country: str) -> str:
        """A number of the country; at home two of three are of the customer's own area."""
        under = self._owner.area if country == self._owner.home and rng.random() < 0.65 else ""
        kinds = directory.MOBILE if rng.random() < 0.4 and not under else directory.FIXED
        return directory.number(rng, country, *kinds, under=under)

    def toll_free(self, rng: Random) -> str:
        """A service number of home."""
        return rng.choice(self._toll_free)


class Day:
    """Everyday traffic, one day at a time; `contacts` and who sits where go on from day to day."""

    def __init__(self, seed: int, owner: Customer) -> None:
        self.owner = owner
        self._seed = seed
        rng = generator(seed, owner.name, "contacts")
        self.contacts = Contacts(owner, rng)
        self._mobiles = [directory.number(rng, owner.home, *directory.MOBILE) for _ in range(5)]
        self._people = owner.people
        self._faxes = [phone for phone in owner.phones if phone.fax]
        self._free_at: dict[str, int] = {}
        self._monday = date.min
        self._by_country = owner.by_country
        self._world = section("countries")[owner.home].split()
        self._of = section("destinations")
        self._outcome = section("outcome")
        more = self._of["streak"] * self._of["streak_calls"]
        self._abroad = owner.abroad / (1 + more * (1 - owner.abroad))

    def calls(self, day: date) -> list[Call]:
        """The day's calls, in order of their start."""
        rng = generator(self._seed, self.owner.name, "day", day)
        self._free_at.clear()
        self._new_week(day)
        self._move(rng)
        found: list[Call] = []
        out, incoming = self._rates(rng, day)
        for start, span, share in self._bins(day):
            for rate, make in ((out, self._outbound), (incoming, self._inbound)):
                for _ in range(bursty(rng, rate * share, section("arrivals")["bin_dispersion"])):
                    found += make(rng, start + int(rng.random() * span))
        found += self._emergency_test(rng, day)
        found.sort(key=lambda call: call.start_ms)
        return found

    def _rates(self, rng: Random, day: date) -> tuple[float, float]:
        """Calls out and in that a day of this kind has."""
        owner, week = self.owner, section(f"week.{self.owner.kind.week}")
        factor = week["days"][day.weekday()]
        if is_holiday(owner.home, day):
            factor *= section("holiday")["closed" if owner.kind.opening else "open"]
        variation = section("arrivals")["day_cv"] ** -2
        out = owner.out_per_day * factor * rng.gammavariate(variation, 1 / variation)
        return out, out * owner.inbound

    def _bins(self, day: date) -> Iterator[tuple[int, int, float]]:
        """Start (ms), length (ms) and share of the day of each bin that has calls."""
        hours = section(f"week.{self.owner.kind.week}")["hours"]
        total, size = sum(hours.values()), section("arrivals")["bin_s"]
        bins = 3600 // size
        for hour, weight in hours.items():
            start = at_ms(self.owner.zone, day, int(hour))
            for n in range(bins):
                yield start + n * size * 1000, size * 1000, weight / total / bins

    def _new_week(self, day: date) -> None:
        """Other countries come to the front from week to week."""
        monday = day - timedelta(days=day.weekday())
        if monday != self._monday:
            rng, shape = generator(self._seed, self.owner.name, "week", monday), self._of["drift"]
            weights = [(rank + 1) ** -self._of["zipf"] for rank in range(len(self.owner.countries))]
            drifted = [weight * rng.gammavariate(shape, 1 / shape) for weight in weights]
            self._monday, self._by_country = monday, Weighted(zip(self.owner.countries, drifted, strict=True))

    def _move(self, rng: Random) -> None:
        """Somebody at home has another address of the same network now and then."""
        for phone in self.owner.phones:
            if phone.remote and self.owner.kind.remote < 1.0 and rng.random() < 0.02:
                phone.address = f"{phone.address.rpartition('.')[0]}.{rng.randrange(1, 255)}"

    def _outbound(self, rng: Random, at: int) -> list[Call]:
        if rng.random() >= self._abroad:
            return self._one(rng, at, self._caller(rng, at, self.owner.home), self.owner.home)
        if rng.random() < self._of["one_off"]:
            country = rng.choice(self._world)
            return self._one(rng, at, self._caller(rng, at, country), country)
        return self._streak(rng, at, self._by_country.draw(rng))

    def _streak(self, rng: Random, at: int, country: str) -> list[Call]:
        """A call to a habitual country, perhaps the first of several that one person makes there."""
        phone = self._caller(rng, at, country)
        found = self._one(rng, at, phone, country)
        if rng.random() < self._of["streak"]:
            for _ in range(1 + int(rng.expovariate(1 / (self._of["streak_calls"] - 0.5)))):
                found += self._one(rng, found[-1].end_ms + int(rng.expovariate(1 / 240) * 1000), phone, country)
        return found

    def _one(self, rng: Random, at: int, phone: Phone, country: str) -> list[Call]:
        """One person's attempts to reach one number, which may be mistyped."""
        e164, typo = self._number(rng, country), rng.random() < self._of["typo"]
        return self._tries(rng, at, phone, e164[: -rng.randint(1, 3)] if typo else e164, typo)

    def _number(self, rng: Random, country: str) -> str:
        if country == self.owner.home and rng.random() < self.owner.kind.toll_free:
            return self.contacts.toll_free(rng)
        return self.contacts.number(rng, country)

    def _caller(self, rng: Random, at: int, country: str) -> Phone:
        """Who makes a call: nine of ten calls abroad are made by those whose job it is; rarely somebody who talks."""
        owners = self.owner.owners.get(country)
        people = owners if owners and rng.random() < 0.9 else self._people
        if self._faxes and country == self.owner.home and rng.random() < 0.04:
            people = self._faxes
        for _ in range(4):
            phone = people[int(rng.random() * len(people))]
            if self._free_at.get(phone.extension, 0) <= at or rng.random() < 0.03:
                return phone
        return phone

    def _tries(self, rng: Random, at: int, phone: Phone, e164: str, typo: bool) -> list[Call]:
        """A call, and up to three more where nobody answers."""
        found: list[Call] = []
        while len(found) < 4:
            call = outbound(rng, self.owner, phone, e164, at, FAILED if typo else "")
            found.append(call)
            self._free_at[phone.extension] = max(call.end_ms, self._free_at.get(phone.extension, 0))
            if call.disposition == ANSWERED or typo or rng.random() > self._outcome["redial"]:
                break
            at = call.end_ms + int(rng.lognormvariate(4.2, 0.9) * 1000)
        return found

    def _inbound(self, rng: Random, at: int) -> list[Call]:
        country = self.owner.by_country.draw(rng) if rng.random() < self.owner.abroad else self.owner.home
        caller = self.contacts.number(rng, country) if rng.random() < 0.7 else self.contacts.new(rng, country)
        phone = self._people[int(rng.random() * len(self._people))]
        call = inbound(rng, self.owner, phone, caller, at)
        if rng.random() < self.owner.kind.forwarded:
            return [call, forwarded(rng, self.owner, phone, call, rng.choice(self._mobiles))]
        return [call]

    def _emergency_test(self, rng: Random, day: date) -> list[Call]:
        """Somebody tests the emergency number, in working hours, and says so."""
        if rng.random() > self._of["emergency_test_per_day"]:
            return []
        phone, number = rng.choice(self._people), EMERGENCY[self.owner.home]
        call = outbound(rng, self.owner, phone, number, at_ms(self.owner.zone, day, rng.uniform(9, 16)), ANSWERED)
        call.dialled, call.talk_ms = number, rng.randint(15, 40) * 1000
        return [call]


def outbound(
    rng: Random, owner: Customer, phone: Phone, e164: str, at: int, disposition: str = "", mark: Mark = EVERYDAY
) -> Call:
    """A call of a phone: its outcome, ringing and talk as the customer's calls have them, unless one is given."""
    kind = owner.kind
    disposition = disposition or _disposition(rng, owner.answered)
    if disposition == ANSWERED:
        own = e164.startswith(owner.dids[0][: 1 if owner.home == "US" else 2])
        talk = talk_s(rng, "fax" if phone.fax else kind.talk if own else kind.talk_abroad) * 1000
    else:
        talk = 0
    return Call(
        start_ms=at,
        ring_ms=ringing(rng, disposition),
        talk_ms=talk,
        disposition=disposition,
        caller="+" + phone.did,
        extension=phone.extension,
        source_ip=phone.address,
        user_agent=phone.agent,
        dialled=owner.dialling.dial(e164),
        e164=e164,
        trunk=owner.name,
        mark=mark,
    )


def _disposition(rng: Random, answered: float) -> str:
    if rng.random() < answered:
        return ANSWERED
    odds, which = section("outcome"), rng.random()
    if which < odds["busy"]:
        return BUSY
    return NO_ANSWER if which < odds["busy"] + odds["no_answer"] else FAILED


def ringing(rng: Random, disposition: str) -> int:
    """Milliseconds until the answer, or until the call is given up."""
    if disposition == ANSWERED:
        return int(1500 + rng.expovariate(1 / section("outcome")["ring_mean_s"]) * 1000)
    if disposition == NO_ANSWER:
        low, high = section("outcome")["patience_s"]
        return int(rng.uniform(low, high) * 1000)
    return int(rng.uniform(0.3, 3.0) * 1000)


def inbound(
    rng: Random, owner: Customer, phone: Phone, caller: str, at: int, disposition: str = "", mark: Mark = EVERYDAY
) -> Call:
    """A call from outside to a phone's own number; a twentieth of the callers gives up after one ring."""
    disposition = disposition or (ANSWERED if rng.random() < 0.754 else NO_ANSWER)
    short = disposition == NO_ANSWER and rng.random() < 0.2
    return Call(
        start_ms=at,
        ring_ms=rng.randint(800, 4000) if short else ringing(rng, disposition),
        talk_ms=talk_s(rng, owner.kind.talk if not owner.kind.dialler else "agent") * 1000
        if disposition == ANSWERED
        else 0,
        disposition=disposition,
        caller="+" + caller,
        extension=phone.extension,
        source_ip=owner.carrier,
        user_agent="",
        dialled="+" + phone.did,
        e164=phone.did,
        trunk=owner.name,
        direction="in",
        mark=mark,
    )


def forwarded(
    rng: Random, owner: Customer, phone: Phone, leg: Call, e164: str, mark: Mark = EVERYDAY, talk_ms: int = -1
) -> Call:
    """The outbound leg of an inbound call that a phone forwards; the inbound leg lives as long as it."""
    leg.disposition, leg.ring_ms = ANSWERED, leg.ring_ms if leg.talk_ms else 4000
    leg.talk_ms = talk_ms if talk_ms >= 0 else leg.talk_ms or talk_s(rng, owner.kind.talk) * 1000
    wait = min(leg.ring_ms, 2000)
    out = outbound(rng, owner, replace(phone, address=owner.pbx, agent=""), e164, leg.start_ms + wait, ANSWERED, mark)
    out.ring_ms, out.talk_ms = leg.ring_ms - wait, leg.talk_ms
    out.caller, out.diverted_from = leg.caller, "+" + phone.did
    return out
