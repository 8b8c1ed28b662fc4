"""A ledger of one morning, for the commands that look back, and how a command is run as a user runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ringfence.cli.app import main
from ringfence.engine.engine import Engine
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.messages import Message
from ringfence.model import Answered, Attempt, Decided, Ended, Fact, Strangers
from ringfence.model.settings import Ledger as Settings
from ringfence.policy import Loader

SECOND_US = 1_000_000
TEN = 1_795_705_200 * SECOND_US
"""2026-11-26 10:00 in New York."""
UK, CUBA, US, EMERGENCY = "011442079460000", "0115378345678", "12125550143", "911"
OURS, FOREIGN = "+12125550100", "+13105550199"

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:0"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
permit = ["US", "GB"]
concurrent = { block = 4 }
billing = { rates = "rates.csv", currency = "USD" }
spend = { international = { per_day = 20 } }
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
[rules.caller-id-not-owned]
mode = "observe"
"""
RATES = """prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,United States,0,0.006,6,6,
44,United Kingdom,0,0.6,60,60,
"""


def attempt(call: str, dialled: str, caller: str) -> Attempt:
    """A call that the PBX asks for."""
    return Attempt(
        id=call,
        call_id=f"{call}@pbx",
        listener="inside",
        peer="127.0.1.1:5060",
        source="pbx",
        verified="address",
        caller=caller,
        extension="201",
        dialled=dialled,
        trunk="carrier",
    )


def decided(engine: Engine, call: str, at: int, dialled: str, caller: str) -> Decided:
    """The engine's verdict on it."""
    asked = attempt(call, dialled, caller)
    judgement = engine.judge(asked, now=at)
    reading = engine.meters.reserve(judgement.hold, now=at)
    return Decided(
        at=at, attempt=asked, hold=judgement.hold, reading=reading, verdict=engine.conclude(judgement, reading),
        policy=engine.policy.version, numbers="v1", edge=b"\x00\xff",
    )  # fmt: skip


def morning(directory: Path) -> list[Fact]:
    """A UK call that is over, one to Cuba, one with a foreign caller ID (observed), 911 that rings, a busy one."""
    (directory / "policy.toml").write_text(POLICY)
    (directory / "rates.csv").write_text(RATES)
    engine = Engine(Loader(str(directory / "policy.toml")).load().policy, "n1")
    minute = 60 * SECOND_US
    facts: list[Fact] = [
        decided(engine, "n1-1", TEN, UK, OURS),
        Answered(at=TEN + 5 * SECOND_US, id="n1-1", leg="t1", dialog=b"legs"),
        Ended(at=TEN + 70 * SECOND_US, id="n1-1", leg="t1", cause="bye-caller", status=200),
        decided(engine, "n1-2", TEN + 2 * minute, CUBA, OURS),
        decided(engine, "n1-3", TEN + 3 * minute, US, FOREIGN),
        Answered(at=TEN + 3 * minute + SECOND_US, id="n1-3", leg="t1", dialog=b"legs"),
        decided(engine, "n1-4", TEN + 4 * minute, EMERGENCY, OURS),
        decided(engine, "n1-5", TEN + 5 * minute, US, OURS),
        Ended(at=TEN + 5 * minute + SECOND_US, id="n1-5", cause="rejected", status=486),
        Strangers(at=TEN + 6 * minute, listener="inside", address="203.0.113.9", requests={"OPTIONS": 7}),
    ]
    return facts


@contextmanager
def ledger(path: Path) -> Iterator[Ledger]:
    """A ledger to write to; callbacks come in its own thread."""
    opened = Ledger.open(Settings(path=str(path)), "n1", wake=lambda call: call(), clock=lambda: TEN)
    try:
        yield opened
    finally:
        opened.close()


def kept(directory: Path) -> Path:
    """The morning in a ledger that no guard has open."""
    path = directory / "ledger.db"
    with ledger(path) as opened:
        for fact in morning(directory):
            opened.append(fact)
        message = b"INVITE sip:011442079460000@127.0.0.1 SIP/2.0\r\nCall-ID: n1-1@pbx\r\n\r\n"
        opened.store_message(Message(TEN, "n1-1", "n1-1@pbx", "in 127.0.1.1:5060", message))
    return path


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The lines of its tables, cut where columns part."""
        return [re.split(r" {2,}", line) for line in self.out.splitlines()]


class Run:
    """Runs commands; what they print isn't a terminal."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        found = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, found.out, found.err)
