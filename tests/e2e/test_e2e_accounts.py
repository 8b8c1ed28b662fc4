"""Accounts with real peers: SIPp and baresip register and call, a scripted phone with SHA-256, a restart in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import CALLER, NUMBER, Meters, Site, site

from ringfence.sip.grammar import wire as _wire
from ringfence.testing import sipp, wire
from ringfence.testing.baresip import Baresip
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import STRANGER
from ringfence.testing.login import Login
from ringfence.testing.peer import Peer, alone, answer_ok, call, leg
from ringfence.testing.process import polls
from ringfence.testing.stream_peer import StreamPeer, tls_peer

pytestmark = pytest.mark.e2e

GUESSES = 3
"""Within a minute, after which an address is banned."""
REALM, PHONE, MOVED, DID = "phones.example.net", "127.0.4.1", "127.0.4.9", "+12125550150"
SOURCE = """
[digest]
realm = "phones.example.net"
secrets = "state/secrets"
nonce_s = 10

[source.phones]
auth = "digest"
networks = ["{networks}"]
digest_algorithms = {algorithms}
zone = "internal"
listen = "inside"
directions = ["out", "in"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
caller_id_policy = "substitute"

[source.phones.accounts]
1001 = ["+12125550150"]
1002 = []
"""


class Phones(Site):
    """A site whose phones have accounts."""

    password = ""


def stage(folder: Path, algorithms: str, networks: str = "127.0.4.0/24", **more: Any) -> Iterator[Phones]:
    with site(folder, start=False, **more) as running:
        guard = running.guard
        guard.edit("[listen.inside]\n", "[listen.inside]\ndigest = true\n")
        guard.edit('directions = ["out", "in"]\n', 'directions = ["out", "in"]\ndids = ["+12125550123"]\n')
        with guard.policy.open("a") as policy:
            policy.write(SOURCE.format(algorithms=algorithms, networks=networks))
        guard.start()
        phones = Phones(running.pbx, running.carrier, guard)
        added = guard.cli("secret", "add", "1001", "--generate", "--control", str(guard.control))
        assert added.returncode == 0, added.stderr
        phones.password = added.stdout.splitlines()[0]
        yield phones


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Phones]:
    yield from stage(tmp_path, '["SHA-256"]')


@pytest.fixture
def old_phones(tmp_path: Path) -> Iterator[Phones]:
    yield from stage(tmp_path, '["MD5"]')


@pytest.fixture
def hidden_phones(tmp_path: Path) -> Iterator[Phones]:
    """The carrier sees nothing of the inside."""
    yield from stage(tmp_path, '["MD5"]', trunk='identity = "own"')


def register(phones: Phones, phone: Peer, who: Login, expires: int = 300) -> wire.Sip:
    """The final answer to a REGISTER, after its challenge."""
    request = alone(phone, "REGISTER", f"sip:{REALM}", f"sip:1001@{REALM}", ("Expires", str(expires)))
    phone.send(request, phones.guard.inside)
    who.challenged(phone.expect(401, method="REGISTER"))
    again = request.having(("CSeq", "2 REGISTER"), ("Via", _via(phone)), who.answer("REGISTER", f"sip:{REALM}"))
    phone.send(again, phones.guard.inside)
    return phone.expect(0, method="REGISTER")


def _via(peer: Peer) -> str:
    return f"SIP/2.0/UDP {wire.host_port(peer.address)};branch={wire.new_branch()};rport"


def accounts(phones: Phones) -> list[dict[str, object]]:
    return list(json.loads(phones.guard.cli("accounts", "--control", str(phones.guard.control), "--json").stdout))


def test_a_phone_registers_calls_and_is_called_also_after_a_kill(phones: Phones) -> None:
    with Peer(PHONE, name="1001") as phone, Peer(STRANGER, name="stranger") as stranger:
        who = Login("1001", phones.password)
        assert register(phones, phone, who).status == 200
        assert [row["peer"] for row in accounts(phones)] == [wire.host_port(phone.address)]
        made = call(phone, phones.guard.inside, NUMBER, CALLER)
        refusal = phone.expect(407, call_id=made.call_id)
        made.ack_refusal(refusal)
        who.challenged(refusal)
        made.again(who.answer("INVITE", made.invite.uri))
        _, offered = phones.answer(made, leg(phones.carrier, phones.carrier.expect("INVITE", call_id=made.call_id)))
        for _ in polls(5.0):
            if phones.calls()[0]["state"] == "up":
                break
        phones.guard.process.kill()
        phones.guard.start()
        offered.send("BYE")
        answer_ok(phone, phone.expect("BYE"))
        phones.carrier.expect(200, method="BYE")
        ringing = phones.dialled_in(DID)
        arrived = leg(phone, phone.expect("INVITE", call_id=ringing.call_id))
        dialog, _ = phones.answer(ringing, arrived)
        phones.hang_up(dialog, phone)
        stranger.send(alone(stranger, "OPTIONS", "sip:x", "sip:x@x"), phones.guard.inside)
        assert stranger.heard(0.3) == []
    decided = [json.loads(line) for line in phones.guard.cli("log", "--json").stdout.splitlines()]
    assert [(one["source"], one["outcome"]) for one in decided] == [("phones", "allow")]


def test_an_account_whose_address_changes_is_reached_where_it_is_now(phones: Phones) -> None:
    """In the middle of a call too: its BYE comes from the new address, and the next call rings there."""
    who = Login("1001", phones.password)
    with Peer(PHONE, name="before") as before, Peer(MOVED, name="now") as now:
        assert register(phones, before, who).status == 200
        made = call(before, phones.guard.inside, NUMBER, CALLER)
        refusal = before.expect(407, call_id=made.call_id)
        made.ack_refusal(refusal)
        who.challenged(refusal)
        made.again(who.answer("INVITE", made.invite.uri))
        dialog, _ = phones.answer(made, leg(phones.carrier, phones.carrier.expect("INVITE", call_id=made.call_id)))
        assert register(phones, now, Login("1001", phones.password)).status == 200
        assert [row["peer"] for row in accounts(phones)] == [wire.host_port(now.address)]
        now.send(dialog.request("BYE").having(("Via", _via(now))), phones.guard.inside)
        answer_ok(phones.carrier, phones.carrier.expect("BYE", call_id=made.call_id))
        now.expect(200, call_id=made.call_id, method="BYE")
        assert phones.settled(Meters(0, 1, 600)).calls == 0
        ringing = phones.dialled_in(DID)
        dialog, _ = phones.answer(ringing, leg(now, now.expect("INVITE", call_id=ringing.call_id)))
        phones.hang_up(dialog, now)
        assert before.heard(0.2) == []


def test_guesses_are_told_and_let_nobody_in(phones: Phones) -> None:
    with Peer(PHONE, name="thief") as thief:
        for number in range(GUESSES):
            assert register(phones, thief, Login("1001", f"guess{number}")).status == 401
        thief.send(alone(thief, "REGISTER", f"sip:{REALM}", f"sip:1001@{REALM}"), phones.guard.inside)
        assert thief.heard(0.5) == []
    assert accounts(phones) == []
    assert [(ban["name"], ban["evidence"]) for ban in phones.guard.ask("bans")] == [(PHONE, GUESSES)]
    for _ in polls(15.0, every_s=0.5):
        logged = phones.guard.cli("log", "--kind", "auth-failed", "--json").stdout.splitlines()
        if sum(json.loads(line)["entry"]["count"] for line in logged) == GUESSES:
            break
    told = [json.loads(line)["entry"] for line in logged]
    assert sum(entry["count"] for entry in told) == GUESSES
    assert {(entry["source"], entry["account"]) for entry in told} == {("phones", "1001")}


def test_a_password_never_reaches_disk(phones: Phones) -> None:
    with Peer(PHONE, name="1001") as phone:
        who = Login("1001", phones.password)
        register(phones, phone, who)
    phones.guard.process.end()
    for path in phones.guard.directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert _wire(phones.password) not in data, path
            assert _wire(who.asked["nonce"]) not in data, path


_HEAD = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="with a password">"""
_REGISTER = """
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:1001@phones.example.net>;tag=r[call_number]
To: <sip:1001@phones.example.net>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <sip:1001@[local_ip]:[local_port]>
Max-Forwards: 70
Expires: 300
{more}Content-Length: 0

]]></send>"""
REGISTER = (
    _HEAD
    + _REGISTER.format(cseq=1, more="")
    + '<recv response="401" auth="true" />'
    + _REGISTER.format(cseq=2, more="[authentication]\n")
    + '<recv response="200" /></scenario>'
)
_INVITE = """
  <send retrans="500"><![CDATA[
INVITE sip:[field0]@phones.example.net SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[field1]@phones.example.net>;tag=i[call_number]
To: <sip:[field0]@phones.example.net>
Call-ID: [call_id]
CSeq: {cseq} INVITE
Contact: <sip:1001@[local_ip]:[local_port]>
Max-Forwards: 70
{more}Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
]]></send>"""
CALL = (
    _HEAD
    + _INVITE.format(cseq=1, more="")
    + """<recv response="407" auth="true" />
  <send><![CDATA[
ACK sip:[field0]@phones.example.net SIP/2.0
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>"""
    + _INVITE.format(cseq=2, more="[authentication]\n")
    + """
  <recv response="100" optional="true" />
  <recv response="200" rrs="true" />
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:[field1]@phones.example.net>;tag=i[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <pause />
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:[field1]@phones.example.net>;tag=i[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 3 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200" />
</scenario>
"""
)
ANSWER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answer">
  <recv request="INVITE" rrs="true" />
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=c[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
]]></send>
  <recv request="ACK" />
  <recv request="BYE" />
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


def test_sipp_registers_and_calls_with_md5(old_phones: Phones, tmp_path: Path) -> None:
    phones, carrier = old_phones, old_phones.carrier
    host, port = carrier.address
    carrier.socket.close()
    password = ("-au", "1001", "-ap", phones.password)
    with sipp.callee(ANSWER, tmp_path, host=host, port=port) as answering:
        with sipp.caller(
            REGISTER, tmp_path, phones.guard.inside, *password, name="register", host=PHONE
        ) as registering:
            assert registering.finish(30.0).succeeded == 1, registering.complaints()
        # What SIPp takes for the digest-uri has no number in it unless it is told.
        told = (*password, "-auth_uri", f"{NUMBER}@{REALM}")
        numbers = [(NUMBER, CALLER)]
        with sipp.caller(CALL, tmp_path, phones.guard.inside, *told, calls=20, host=PHONE, numbers=numbers) as calling:
            made = calling.finish(60.0)
        assert (made.succeeded, made.failed) == (20, 0), calling.complaints()
        answering.stop()
    assert phones.settled(Meters(0, 20, phones.meters().money)).calls == 0
    assert phones.guard.status()["edge"]["registered"] == 1


ANY_SOURCE = "127.0.0.0/8"
"""baresip lets the kernel choose the address that it connects from."""


@pytest.fixture
def secure_phones(tmp_path: Path) -> Iterator[Phones]:
    """Over TLS, without certificates of the phones."""
    authority = Authority(tmp_path)
    pair = authority.issue("guard.example", ["DNS:guard.example", "IP:127.0.0.1"])
    yield from stage(
        tmp_path,
        '["MD5"]',
        ANY_SOURCE,
        inside=tls_peer(authority.issue("pbx.example"), authority.path, asks=False),
        listen_inside=f'certificate = "{pair.certificate.name}"\nkey = "{pair.key.name}"',
        source=f'tls_name = "pbx.example"\nca = "{authority.path.name}"',
    )


@pytest.fixture
def phones_over_tcp(tmp_path: Path) -> Iterator[Phones]:
    yield from stage(tmp_path, '["MD5"]', ANY_SOURCE, inside=StreamPeer)


@pytest.mark.parametrize("over", ["old_phones", "hidden_phones", "phones_over_tcp", "secure_phones"])
def test_baresip_registers_calls_and_is_called(request: pytest.FixtureRequest, tmp_path: Path, over: str) -> None:
    """Over TCP and TLS its calls come on the connection that it registered on: nobody can connect to it."""
    phones: Phones = request.getfixturevalue(over)
    host = wire.host_port(phones.guard.inside)
    transport = {"phones_over_tcp": "tcp", "secure_phones": "tls"}.get(over, "udp")
    account = f"<sip:1001@{host};transport={transport}>;auth_user=1001;auth_pass={phones.password};regint=60"
    trust = f"sip_cafile {tmp_path / 'authority.pem'}\n" if transport == "tls" else ""
    with Baresip(tmp_path / "phone", PHONE, account, trust) as phone:
        for _ in polls(10.0):
            found = accounts(phones)
            if found:
                break
        assert [row["account"] for row in found] == ["1001"]
        phone.dial(NUMBER)
        invite = phones.carrier.expect("INVITE")
        assert invite.all("Proxy-Authorization") == []
        offered = leg(phones.carrier, invite)
        offered.answer()
        phones.carrier.expect("ACK", call_id=offered.call_id)
        phone.hang_up()
        answer_ok(phones.carrier, phones.carrier.expect("BYE", call_id=offered.call_id))
        ringing = phones.dialled_in(DID)
        phones.carrier.expect(180, call_id=ringing.call_id)
        phone.accept()
        dialog = ringing.confirm(phones.carrier.expect(200, call_id=ringing.call_id, method="INVITE"))
        dialog.send("BYE")
        phones.carrier.expect(200, call_id=ringing.call_id, method="BYE")
