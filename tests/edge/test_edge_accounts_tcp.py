"""Accounts over connections: a stranger's is taken where strangers are challenged, and calls ring on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import OUTSIDE, Table
from test_edge_registrar import ACCOUNTS, DID, POLICY, REALM, login, secrets

from ringfence.edge.effects import Send
from ringfence.edge.registrar import LONGEST_ON_A_CONNECTION_S
from ringfence.testing import wire
from ringfence.testing.peer import alone, call
from ringfence.testing.wire import Sip

PHONE, FAR = ("127.0.4.1", 40_000), ("127.0.9.1", 40_000)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    text = POLICY.format(registrations="", accounts=ACCOUNTS).replace(
        "digest = true", 'digest = true\ntransport = "tcp"'
    )
    table = Table(tmp_path, whole=text)
    table.edge.trust(secrets(), table.now)
    return table


def say(table: Table, flow: int, message: Sip) -> list[tuple[int, Sip]]:
    """What the edge says to a message on a connection, with the connection."""
    table.edge.take(flow, message.to_bytes(), table.now)
    return said(table)


def said(table: Table) -> list[tuple[int, Sip]]:
    """What the edge has to say; facts go to the engine."""
    sends = []
    for effect in table.edge.effects():
        if isinstance(effect, Send):
            sends.append((effect.hop.flow, wire.parse(effect.data, OUTSIDE)))
        elif hasattr(effect, "fact"):
            table.note(effect.fact)
    return sends


def register(table: Table, flow: int) -> Sip:
    seat, who = table.seat("phone", PHONE), login()
    request = alone(seat, "REGISTER", f"sip:{REALM}", f"sip:1001@{REALM}")
    ((back, challenge),) = say(table, flow, request)
    assert (back, challenge.status) == (flow, 401)
    who.challenged(challenge)
    again = request.having(("CSeq", "2 REGISTER"), who.answer("REGISTER", f"sip:{REALM}"))
    again = again.having(("Via", f"SIP/2.0/TCP 127.0.4.1;branch={wire.new_branch()}"))
    ((back, taken),) = say(table, flow, again)
    assert (back, taken.status) == (flow, 200)
    return taken


def test_a_strangers_connection_is_taken_where_strangers_are_challenged(table: Table) -> None:
    assert table.edge.admits("inside", PHONE[0], table.now)
    assert not table.edge.admits("inside", FAR[0], table.now)
    assert not table.edge.admits("outside", PHONE[0], table.now)
    assert not table.edge.opened(6, "inside", *FAR, dialled=False)
    assert table.edge.opened(7, "inside", *PHONE, dialled=False)
    options = alone(table.stranger, "OPTIONS", "sip:x", "sip:x@x")
    assert say(table, 7, options) == []


def test_a_closed_connection_is_nobodys(table: Table) -> None:
    table.edge.opened(7, "inside", *PHONE, dialled=False)
    register(table, 7)
    assert table.edge.status()["guests"] == 1
    table.edge.closed(7, table.now)
    assert table.edge.status()["guests"] == 0
    table.edge.opened(8, "inside", *PHONE, dialled=False)
    options = alone(table.stranger, "OPTIONS", "sip:x", "sip:x@x")
    assert say(table, 8, options) == []


def test_a_call_is_sent_on_the_connection(table: Table) -> None:
    table.edge.opened(7, "inside", *PHONE, dialled=False)
    register(table, 7)
    host, port = table.carrier.address
    invite = _invite(table)
    table.edge.receive(invite, host, port, "outside", table.now)
    sent = [(flow, message.start) for flow, message in said(table) if message.method == "INVITE" and not message.status]
    assert sent == [(7, "INVITE sip:phone@127.0.4.1:40000 SIP/2.0")]


def rings(table: Table) -> list[tuple[int, str]]:
    """What a call of the carrier to the account leads to at once: connection and start line, but for 100."""
    held = _invite(table)
    table.edge.receive(held, *table.carrier.address, "outside", table.now)
    return [(flow, message.start) for flow, message in said(table) if message.status != 100]


INVITED, GONE = "INVITE sip:phone@127.0.4.1:40000 SIP/2.0", (0, "SIP/2.0 480 Temporarily Unavailable")


def test_a_phone_whose_connection_is_gone_is_not_waited_for(table: Table) -> None:
    table.edge.opened(7, "inside", *PHONE, dialled=False)
    register(table, 7)
    table.edge.closed(7, table.now)
    assert rings(table) == [GONE]
    table.edge.opened(8, "inside", *PHONE, dialled=False)
    register(table, 8)
    assert rings(table) == [(8, INVITED)]


def test_after_a_restart_it_is_not_rung_until_it_comes_back(table: Table) -> None:
    table.edge.opened(7, "inside", *PHONE, dialled=False)
    register(table, 7)
    table.restart()
    table.edge.trust(secrets(), table.now)
    said(table)
    assert table.edge.status()["registered"] == 1
    assert rings(table) == [GONE]
    table.edge.opened(8, "inside", *PHONE, dialled=False)
    register(table, 8)
    assert rings(table) == [(8, INVITED)]


def test_over_a_connection_it_registers_again_soon(table: Table) -> None:
    """However long the policy lets others be registered: a connection that is gone may be noticed then only."""
    table.edge.opened(7, "inside", *PHONE, dialled=False)
    assert register(table, 7).value("Contact").endswith(f";expires={LONGEST_ON_A_CONNECTION_S}")


def _invite(table: Table) -> bytes:
    """An INVITE of the carrier that nobody has seen yet."""
    held: list[bytes] = []
    table.deliver = lambda data, *_: held.append(data)  # type: ignore[method-assign]
    call(table.carrier, OUTSIDE, DID, "+12125550143")
    return held[0]
