"""A carrier that sees nothing of the inside (A14): SIPp on both sides, the guard killed while the call is up.

Everything that the carrier's SIPp receives is in its message log, and none of it may name the PBX, its host, the
guard's inside, the PBX's Call-IDs or the machine. The call rings reliably (PRACK), is held by one side and by the
other, and ended by either.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ringfence.testing import sipp
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports, polls
from ringfence.testing.sipp import Sipp
from ringfence.testing.wire import Address, host_port

pytestmark = pytest.mark.e2e

INSIDE, PBX_NAME, NODE, MEDIA = "127.0.1.99", "pbx.inside.example", "innermachine", "192.0.2.44"
NAMES = re.compile(rf"127\.0\.1\.|inside|{NODE}|asterisk|office", re.IGNORECASE | re.ASCII)

TELLTALE = f"""User-Agent: Asterisk at {PBX}
Server: Asterisk at {PBX}
X-Inside: {PBX_NAME}
Subject: from {PBX}
Warning: 399 {PBX_NAME} "office"
"""
"""What a PBX says of itself."""
SDP = (
    f"v=0\no=office 1 {{version}} IN IP4 {{host}}\ns=office\nc=IN IP4 {MEDIA}\nt=0 0\n"
    "m=audio 40000 RTP/AVP 0\na={way}\n"
)
VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
CONTACT = "Contact: <sip:u@[local_ip]:[local_port]>\n"
REPEATED = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
KEPT = "Via:[$1]\nFrom:[$2]\nTo:[$3];tag=callee[call_number]\n[last_Call-ID:]\nCSeq:[$4]\n"
"""Headers of the INVITE, when other requests came after it."""


class Side:
    """What one side of a call says: as SIPp steps."""

    def __init__(self, host: str, more: str) -> None:
        self.host, self.more = host, more

    def body(self, way: str = "sendrecv", version: int = 1) -> str:
        """With the header lines before it."""
        sdp = SDP.format(host=self.host, way=way, version=version)
        return f"{CONTACT}{self.more}Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}"

    @property
    def bare(self) -> str:
        return f"{CONTACT}{self.more}Content-Length: 0\n\n"


def send(message: str, attributes: str = "") -> str:
    return f"<send {attributes}><![CDATA[\n{message}]]></send>"


def recv(what: str, attributes: str = "", inside: str = "") -> str:
    return f"<recv {what} {attributes}>{inside}</recv>"


def status(code: int, attributes: str = "") -> str:
    return recv(f'response="{code}"', attributes)


def scenario(*steps: str) -> str:
    return '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="own">\n' + "\n".join(steps) + "\n</scenario>"


AGAIN = 'retrans="500"'
OPTIONAL = 'optional="true"'


def held_by(side: Side, request: str, ack: str) -> tuple[str, ...]:
    """This side holds the call."""
    return send(request + side.body("sendonly", 2), AGAIN), recv('response="100"', OPTIONAL), status(200), send(ack)


def held(side: Side) -> tuple[str, ...]:
    """This side is put on hold."""
    answer = f"SIP/2.0 200 OK\n{REPEATED}{side.body('recvonly', 2)}"
    return recv('request="INVITE"'), send(answer, AGAIN), recv('request="ACK"')


def hung_up(side: Side) -> tuple[str, ...]:
    return recv('request="BYE"'), send(f"SIP/2.0 200 OK\n{REPEATED}{side.bare}")


def caller(side: Side, *, prack: bool, ends: bool, pause_ms: int, host: str) -> str:
    numbers = iter(range(1, 9))

    def within(method: str, number: int = 0, more: str = "") -> str:
        return (
            f"{method} [next_url] SIP/2.0\n{VIA}[routes]\nMax-Forwards: 70\n"
            f"From: <sip:[field1]@{host}>;tag=caller[call_number]\nTo: <sip:[field0]@[remote_ip]>[peer_tag_param]\n"
            f"Call-ID: [call_id]\nCSeq: {number or next(numbers)} {method}\n{more}"
        )

    invite = (
        f"INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0\n{VIA}Max-Forwards: 70\n"
        f"From: <sip:[field1]@{host}>;tag=caller[call_number]\nTo: <sip:[field0]@[remote_ip]>\n"
        f"Call-ID: [call_id]\nCSeq: {next(numbers)} INVITE\nSupported: 100rel\n"
        f"P-Asserted-Identity: <sip:[field1]@{host}>\n"
    )
    steps = [send(invite + side.body(), AGAIN), status(100, OPTIONAL), status(180, OPTIONAL)]
    if prack:
        steps += [status(183, 'rrs="true"')]
        steps += [send(within("PRACK", more="RAck: 1 1 INVITE\n") + side.bare, AGAIN), status(200)]
    steps += [status(200, 'rrs="true"'), send(within("ACK", 1) + side.bare), f'<pause milliseconds="{pause_ms}"/>']
    number = next(numbers)
    steps += held_by(side, within("INVITE", number), within("ACK", number) + side.bare)
    steps += held(side)
    if ends:
        steps += [send(within("BYE") + side.bare, AGAIN), status(200)]
    else:
        steps += hung_up(side)
    return scenario(*steps)


def callee(side: Side, *, prack: bool, ends: bool) -> str:
    kept = (("From", 2), ("To", 3), *((("Via", 1), ("CSeq", 4)) if prack else ()))
    keep = "".join(f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{place}"/>' for name, place in kept)

    def within(method: str, number: int) -> str:
        return (
            f"{method} [next_url] SIP/2.0\n{VIA}[routes]\nMax-Forwards: 70\nFrom:[$3];tag=callee[call_number]\n"
            f"To:[$2]\nCall-ID: [call_id]\nCSeq: {number} {method}\n"
        )

    steps = [recv('request="INVITE"', 'rrs="true"', f"<action>{keep}</action>")]
    invite = REPEATED.replace("[last_To:]", "[last_To:];tag=callee[call_number]") + "[last_Record-Route:]\n"
    if prack:
        steps += [send(f"SIP/2.0 183 Progress\n{invite}Require: 100rel\nRSeq: 1\n{side.body()}", AGAIN)]
        steps += [
            recv('request="PRACK"'),
            send(f"SIP/2.0 200 OK\n{REPEATED}{side.bare}"),
            '<pause milliseconds="100"/>',
        ]
        steps += [send(f"SIP/2.0 200 OK\n{KEPT}{side.body()}", AGAIN)]
    else:
        steps += [
            send(f"SIP/2.0 180 Ringing\n{invite}{side.bare}"),
            send(f"SIP/2.0 200 OK\n{invite}{side.body()}", AGAIN),
        ]
    steps += [recv('request="ACK"'), *held(side)]
    steps += held_by(side, within("INVITE", 1), within("ACK", 1) + side.bare)
    if ends:
        steps += [send(within("BYE", 2) + side.bare, AGAIN), status(200)]
    else:
        steps += hung_up(side)
    return scenario(*steps)


def guard_between(directory: Path, pbx: Address, carrier: Address, transport: str = "udp") -> Guard:
    """Its inside has an address of its own, to be looked for."""
    over = f'transport = "{transport}"'
    guard = Guard(directory, pbx, carrier, trunk='identity = "own"', listen_inside=over, listen_outside=over)
    inside = INSIDE, free_ports(1, INSIDE, tcp=transport == "tcp")[0]
    guard.edit(f'bind = "{host_port(guard.inside)}"', f'bind = "{host_port(inside)}"')
    guard.inside = inside
    guard.start(options=("--node", NODE))
    return guard


def is_killed_while_the_call_is_up(guard: Guard) -> None:
    for _ in polls(15.0, every_s=0.2):
        told = guard.cli("log", "--kind", "answered", "--json", "--ledger", "state/ledger.db").stdout
        if told.strip():
            break
    assert told.strip(), guard.process.tail()
    guard.process.kill()
    guard.start(options=("--node", NODE))


def received(side: Sipp) -> list[str]:
    """All that a SIPp with `-trace_msg` received, a message each."""
    text = (side.directory / f"{side.name}.messages").read_text(errors="replace")
    parts = re.split(r"^-+ .*\n", text, flags=re.MULTILINE)
    return [part.partition("\n\n")[2] for part in parts if " message received " in part.partition("\n\n")[0]]


def traced(directory: Path, name: str) -> tuple[str, ...]:
    return "-trace_msg", "-message_file", str(directory / f"{name}.messages")


PBX_SIDE, CARRIER_SIDE = Side(PBX, TELLTALE), Side(CARRIER, "")


@pytest.mark.parametrize("caller_ends", [True, False], ids=["the PBX hangs up", "the carrier hangs up"])
@pytest.mark.parametrize(
    ("transport", "killed"), [("udp", False), ("udp", True), ("tcp", False)], ids=["udp", "udp, killed", "tcp"]
)
def test_an_outbound_call_shows_the_carrier_nothing(
    tmp_path: Path, caller_ends: bool, transport: str, killed: bool
) -> None:
    over = ("-t", "t1") if transport == "tcp" else ()
    answers = callee(CARRIER_SIDE, prack=True, ends=not caller_ends)
    with sipp.callee(answers, tmp_path, "carrier", *traced(tmp_path, "carrier"), *over, host=CARRIER) as carrier:
        pbx = PBX, free_ports(1, PBX)[0]
        with guard_between(tmp_path, pbx, carrier.address, transport) as guard:
            xml = caller(PBX_SIDE, prack=True, ends=caller_ends, pause_ms=3000 if killed else 100, host=PBX_NAME)
            named = "-cid_str", f"%u-%p@{PBX_NAME}", *over
            with sipp.caller(xml, tmp_path, guard.inside, *named, host=PBX, name="pbx") as calling:
                if killed:
                    is_killed_while_the_call_is_up(guard)
                counted = calling.finish(60.0)
        offered = carrier.stop()
    assert (counted.succeeded, counted.failed) == (1, 0), calling.complaints()
    assert (offered.succeeded, offered.failed) == (1, 0), carrier.complaints()
    messages = received(carrier)
    methods = {message.split(" ", 1)[0] for message in messages}
    assert methods >= {"INVITE", "PRACK", "ACK", "SIP/2.0"} | ({"BYE"} if caller_ends else set())
    assert [found for message in messages if (found := NAMES.findall(message))] == []
    assert MEDIA in messages[0]
    first = next(message for message in messages if message.startswith("INVITE "))
    prack = next(message for message in messages if message.startswith("PRACK "))
    assert numbered(prack, "RAck") == f"1 {numbered(first, 'CSeq')}"


def numbered(message: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", message, re.MULTILINE)
    return found[1].strip() if found else ""


@pytest.mark.parametrize("caller_ends", [True, False], ids=["the carrier hangs up", "the PBX hangs up"])
@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_an_inbound_call_shows_the_carrier_nothing(tmp_path: Path, caller_ends: bool, killed: bool) -> None:
    answers = callee(PBX_SIDE, prack=False, ends=not caller_ends)
    with sipp.callee(answers, tmp_path, "pbx", host=PBX) as pbx:
        carrier = CARRIER, free_ports(1, CARRIER)[0]
        with guard_between(tmp_path, pbx.address, carrier) as guard:
            xml = caller(CARRIER_SIDE, prack=False, ends=caller_ends, pause_ms=3000 if killed else 100, host=CARRIER)
            numbers = (("+12125550123", "+13105550199"),)
            traces = traced(tmp_path, "carrier")
            with sipp.caller(
                xml, tmp_path, guard.outside, *traces, numbers=numbers, host=CARRIER, name="carrier"
            ) as calling:
                if killed:
                    is_killed_while_the_call_is_up(guard)
                counted = calling.finish(60.0)
        offered = pbx.stop()
    assert (counted.succeeded, counted.failed) == (1, 0), calling.complaints()
    assert (offered.succeeded, offered.failed) == (1, 0), pbx.complaints()
    messages = received(calling)
    assert [found for message in messages if (found := NAMES.findall(message))] == []
    assert any(MEDIA in message for message in messages)
    assert {message.split(" ", 1)[0] for message in messages} >= {"INVITE", "SIP/2.0", "ACK"}
