"""A small site for tests of the server's rooms: its policy, calls that an engine decides under it, its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ringfence.engine.engine import Engine
from ringfence.ledger.ledger import Ledger
from ringfence.model import Answered, Attempt, Decided, Ended, Fact
from ringfence.model.settings import Policy
from ringfence.policy import Loader

SECOND_US = 1_000_000
NOON = 1_795_712_400 * SECOND_US
"""2026-11-26T17:00:00Z, 12:00 in New York."""

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:0"
[listen.outside]
bind = "127.0.0.1:0"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
permit = ["US", "GB"]
concurrent = { expected = 2, alert = 3, block = 4 }
billing = { rates = "rates.csv", currency = "USD" }
spend = { international = { per_day = 20 } }
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
[ledger]
path = "HERE/state/ledger.db"
[control]
socket = "HERE/control.sock"
"""
RATES = """prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,US,0,0.006,6,6,
44,UK,0,0.6,60,60,
"""

UK, CUBA = "011442079460000", "0115378345678"


def policy_file(directory: Path, old: str = "", new: str = "") -> Path:
    """The policy in a directory, with a text of it changed."""
    assert old in POLICY
    (directory / "policy.toml").write_text(POLICY.replace(old or "HERE", new or "HERE").replace("HERE", str(directory)))
    (directory / "rates.csv").write_text(RATES)
    return directory / "policy.toml"


def policy(directory: Path) -> Policy:
    """The same, loaded."""
    return Loader(str(policy_file(directory))).load().policy


def attempt(call: str, dialled: str = UK, caller: str = "+12125550100") -> Attempt:
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


def decide(engine: Engine, call: str, at: int, dialled: str = UK) -> Decided:
    """Have a call decided, and the engine know it."""
    asked = attempt(call, dialled)
    judgement = engine.judge(asked, now=at)
    reading = engine.meters.reserve(judgement.hold, now=at)
    verdict = engine.conclude(judgement, reading)
    fact = Decided(
        at=at, attempt=asked, hold=judgement.hold, reading=reading, verdict=verdict,
        policy=engine.policy.version, numbers="v1", edge=b"legs",
    )  # fmt: skip
    engine.apply(fact, now=at)
    return fact


def answered(engine: Engine, call: str, at: int) -> Fact:
    """The callee answers."""
    fact = Answered(at=at, id=call, leg="t1", dialog=b"both legs")
    engine.apply(fact, now=at)
    return fact


def hung_up(engine: Engine, call: str, at: int) -> Fact:
    """The caller hangs up."""
    fact = Ended(at=at, id=call, leg="t1", cause="bye-caller", status=200)
    engine.apply(fact, now=at)
    return fact


@contextmanager
def ledger(policy: Policy) -> Iterator[Ledger]:
    """The site's ledger, open; callbacks come in its own thread."""
    opened = Ledger.open(policy.ledger, "n1", wake=lambda call: call(), clock=lambda: NOON)
    try:
        yield opened
    finally:
        opened.close()
