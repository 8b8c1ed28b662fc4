"""Plays calls against a policy made of a base and a few lines, by the engine itself."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ringfence.engine.engine import Engine
from ringfence.model import (
    SECOND,
    Answered,
    Arrived,
    Attempt,
    AuthFailed,
    Command,
    Contain,
    Contained,
    Cut,
    Decided,
    Ended,
    Fact,
    Hit,
    Registered,
    Tick,
)
from ringfence.policy import Loader

BASE = """\
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["127.0.0.3"]
send_to = ["sip:127.0.0.3:5060"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.0.2"]
caller_ids = ["+12125550100-+12125550199"]
trunks = ["carrier"]
"""
RATES = """\
prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,US,0,0.01,6,6,
44,GB fixed,0,0.02,60,60,
447,GB mobile,0,0.05,60,60,
371,LV,0.05,0.50,60,60,
"""
NOON = datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("America/New_York"))
"""A Friday."""


def merged(lines: str) -> str:
    """The base with lines put under the same table headers, instead of the keys they repeat."""
    tables: dict[str, dict[str, str]] = {}
    for text in (BASE, lines):
        table = ""
        for line in text.splitlines():
            if line.startswith("["):
                table = line
            elif line.strip():
                tables.setdefault(table, {})[line.split("=")[0].strip()] = line
    return "\n".join("\n".join([table, *keys.values()]) for table, keys in tables.items())


class Trial:
    """An engine under such a policy, and time."""

    def __init__(self, folder: Path, lines: str = "") -> None:
        (folder / "rates.csv").write_text(RATES)
        path = folder / "policy.toml"
        path.write_text(merged(lines))
        self.engine = Engine(Loader(str(path)).load().policy, "n")
        self.now = int(NOON.timestamp()) * SECOND
        self.told: list[Command] = []
        """What the engine wanted done when it was told of a decision."""
        self.hits: tuple[Hit, ...] = ()
        """Of the last decision."""
        self._ids = itertools.count(1)

    def attempt(self, dialled: str, caller: str = "+12125550100", **changes: object) -> Attempt:
        """One attempt of extension 101 of the PBX."""
        number = next(self._ids)
        fields = {
            "id": f"a{number}",
            "call_id": f"c{number}",
            "listener": "inside",
            "peer": "127.0.0.2:5060",
            "source": "pbx",
            "verified": "address",
            "caller": caller,
            "extension": "101",
            "dialled": dialled,
            "trunk": "carrier",
        }
        return Attempt(**{**fields, **changes})  # type: ignore[arg-type]

    def decide(self, attempt: Attempt) -> Decided:
        """The live path."""
        judgement = self.engine.judge(attempt, now=self.now)
        reading = self.engine.meters.reserve(judgement.hold, now=self.now)
        decided = Decided(
            at=self.now,
            attempt=attempt,
            hold=judgement.hold,
            reading=reading,
            verdict=self.engine.conclude(judgement, reading),
            policy=self.engine.policy.version,
            numbers="",
        )
        self.happens(decided)
        return decided

    def happens(self, fact: Fact) -> None:
        """Something happened, and what the engine wants done about it is done."""
        commands = self.engine.apply(fact, now=self.now)
        self.told += commands
        for command in commands:
            if isinstance(command, Contain):
                self.happens(command.fact)
            elif isinstance(command, Cut):
                ended = Ended(at=self.now, id=command.id, leg=command.leg, cause=command.cause, why=command.text)
                self.happens(ended)

    def call(self, dialled: str, caller: str = "+12125550100", seconds: int | None = None, **changes: object) -> str:
        """The reason of the verdict, or the cause by which the call is cut within so many seconds, or `allow`.

        Without `seconds` the call stays up unanswered; with 0 nobody answers.
        """
        attempt = self.attempt(dialled, caller, **changes)
        verdict = self.decide(attempt).verdict
        self.hits = verdict.hits
        if verdict.outcome != "allow" or seconds is None:
            return verdict.reason if verdict.outcome == "deny" else verdict.outcome
        return self._goes_on(attempt, seconds)

    def _goes_on(self, attempt: Attempt, seconds: int) -> str:
        attempt_id = attempt.id
        commands: list[Command] = []
        if seconds:
            commands += self.engine.apply(Answered(at=self.now, id=attempt_id, leg="t"), now=self.now)
            self.now += seconds * SECOND
            commands += self.engine.apply(Tick(at=self.now), now=self.now)
            found = {hit.rule for hit in self.hits}
            self.hits += tuple(hit for hit in self.engine.weigh(attempt, now=self.now) if hit.rule not in found)
        self.engine.apply(
            Ended(at=self.now, id=attempt_id, cause="bye-caller" if seconds else "no-answer"), now=self.now
        )
        return next((command.cause for command in commands if isinstance(command, Cut)), "allow")

    def used_to(self, dialled: str, days: int, at_once: int = 1) -> None:
        """So many days of honest calls before now, at 11:00, each of five minutes."""
        today = self.now
        for day in range(days, 0, -1):
            self.now = today - day * 86_400 * SECOND - 3600 * SECOND
            ids = [self.attempt(dialled) for _ in range(at_once)]
            for attempt in ids:
                if self.decide(attempt).verdict.outcome != "allow":
                    raise ValueError(f"{dialled} is refused, so nobody is used to it")
                self.engine.apply(Answered(at=self.now, id=attempt.id, leg="t"), now=self.now)
            self.now += 300 * SECOND
            for attempt in ids:
                self.engine.apply(Ended(at=self.now, id=attempt.id, cause="bye-caller"), now=self.now)
        self.now = today

    def wrong_password(self, times: int, peer: str = "127.0.0.2:5060") -> None:
        """Failed registrations of extension 101, three seconds apart."""
        for _ in range(times):
            self.now += 3 * SECOND
            self.happens(AuthFailed(at=self.now, source="pbx", account="101", peer=peer))

    def registered(self, peer: str = "127.0.0.2:5060") -> None:
        """One of them was right."""
        self.happens(Registered(at=self.now, source="pbx", account="101", peer=peer))

    def inbound(self, caller: str, called: str, ringing_s: int | None = None) -> None:
        """A call from outside: answered and still up, or missed after ringing for so long."""
        arrived = f"in{next(self._ids)}"
        fact = Arrived(at=self.now, id=arrived, source="pbx", trunk="carrier", caller=caller, dialled=called)
        self.engine.apply(fact, now=self.now)
        if ringing_s is None:
            self.engine.apply(Answered(at=self.now, id=arrived, leg="t"), now=self.now)
            return
        self.now += ringing_s * SECOND
        self.engine.apply(Ended(at=self.now, id=arrived, cause="cancelled"), now=self.now)

    def contain(self, entity: str, name: str, action: str = "refuse", **changes: object) -> None:
        """A containment for an hour."""
        fields = {"id": "c1", "entity": entity, "name": name, "action": action, "owner": "noc", "why": "drill"}
        fact = Contained(at=self.now, until=self.now + 3600 * SECOND, **{**fields, **changes})  # type: ignore[arg-type]
        self.happens(fact)
