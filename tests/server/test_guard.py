"""The guard between edge, engine and ledger, where judging fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringfence.edge.core import EdgeCore
from ringfence.engine.engine import Engine
from ringfence.model import Decided, Fact
from ringfence.policy import Loader
from ringfence.server.clock import Clock
from ringfence.server.guard import Guard

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
caller_id = "+12125550100"
plan = { outside = ["9"] }
"""
INVITE = """INVITE sip:{dialled}@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.1.1:5060;branch=z9hG4bK1
Max-Forwards: 70
From: <sip:+12125550100@127.0.1.1>;tag=1
To: <sip:{dialled}@127.0.0.1>
Contact: <sip:127.0.1.1:5060>
Call-ID: 1@pbx
CSeq: 1 INVITE
Content-Length: 0

"""


class Kept:
    """A ledger that works and keeps facts in a list."""

    def __init__(self) -> None:
        self.down = None
        self.facts: list[Fact] = []

    def append(self, fact: Fact, told: Any = None) -> None:
        self.facts.append(fact)

    def store_message(self, message: object) -> None:
        pass

    def soon(self) -> None:
        """Nothing is written here."""

    def hurry(self) -> None:
        pass


def dial(tmp_path: Path, dialled: str) -> SimpleNamespace:
    """What a guard with a faulty engine does with this call: what it sent, what it kept, who is still up."""
    (tmp_path / "policy.toml").write_text(POLICY)
    policy = Loader(str(tmp_path / "policy.toml")).load().policy
    ledger, sent, clock = Kept(), [], Clock()
    guard = Guard(Engine(policy, "n1"), EdgeCore(policy, "n1", bytes(32)), cast(Any, ledger), clock)
    guard.transmit = lambda send: sent.append((send.hop.host, send.data.partition(b"\r\n")[0].decode()))
    guard.engine.judge = broken  # type: ignore[method-assign]

    async def one_call() -> None:
        invite = INVITE.format(dialled=dialled).replace("\n", "\r\n").encode()
        guard.received("inside", [(invite, "127.0.1.1", 5060)], 0)

    asyncio.run(one_call())
    (decided,) = [fact for fact in ledger.facts if isinstance(fact, Decided)]
    return SimpleNamespace(sent=sent, verdict=decided.verdict, calls=list(guard.engine.calls), errors=guard.errors)


def broken(attempt: object, *, now: int) -> Any:
    raise RuntimeError("a fault of ours")


def test_a_call_that_cant_be_judged_is_refused(tmp_path: Path) -> None:
    found = dial(tmp_path, "912125550143")
    assert found.sent[-1] == ("127.0.1.1", "SIP/2.0 503 Service Unavailable")
    assert (found.verdict.outcome, found.calls, found.errors) == ("error", [], 1)


@pytest.mark.parametrize("dialled", ["911", "9911"])
def test_an_emergency_call_that_cant_be_judged_goes_on(tmp_path: Path, dialled: str) -> None:
    found = dial(tmp_path, dialled)
    assert found.sent[-1] == ("127.0.2.1", "INVITE sip:911@127.0.2.1:5090 SIP/2.0")
    assert (found.verdict.emergency, len(found.calls), found.errors) == (True, 1, 1)
    assert "a fault of ours" in found.verdict.text
