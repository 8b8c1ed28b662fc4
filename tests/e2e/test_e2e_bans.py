"""SIPVicious attacks a listener that challenges: it is banned where it is sure that it was it, blind in any case,
and told; phones, PBX and carrier go on (B2, B4, B6)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import CALLER, NUMBER
from test_e2e_accounts import PHONE, Phones, register, stage

from ringfence.testing.login import Login
from ringfence.testing.peer import Peer, alone, call, leg
from ringfence.testing.process import polls
from ringfence.testing.stream_peer import StreamPeer

pytestmark = pytest.mark.e2e

ATTACKER = "127.0.4.9"
BOUND = """
import os, runpy, socket, sys
attacker, path = sys.argv[1], os.path.realpath(sys.argv[2])
sys.path.insert(0, os.path.dirname(path))
class Socket(socket.socket):
    def bind(self, address):
        super().bind((attacker, address[1]))
socket.socket, sys.argv = Socket, sys.argv[2:]
runpy.run_path(path, run_name="__main__")
"""
"""Runs a program of SIPVicious from an address of its own: svcrack and svwar 0.3.3 forget their option -b."""
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Phones]:
    yield from stage(tmp_path, '["MD5"]')


@pytest.fixture
def nameless(tmp_path: Path) -> Iterator[Phones]:
    """Scanners aren't known by their names here, only by what they do."""
    yield from stage(tmp_path, '["MD5"]', ledger="\n[bans]\nscanners = false\n")


@pytest.fixture
def over_tcp(tmp_path: Path) -> Iterator[Phones]:
    yield from stage(tmp_path, '["MD5"]', inside=StreamPeer)


def attack(phones: Phones, program: str, *options: str) -> str:
    """What one of SIPVicious's programs says at its end."""
    path = shutil.which(program)
    assert path is not None, "SIPVicious is missing; run tools/install_peers.sh as root"
    command = ["/usr/bin/python3", "-c", BOUND, ATTACKER, path, *options, f"-p{phones.guard.inside[1]}"]
    done = subprocess.run(
        [*command, phones.guard.inside[0]], capture_output=True, text=True, timeout=120, check=False, env=_ENVIRONMENT
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return said


def banned(phones: Phones) -> list[tuple[str, str]]:
    return [(row["name"], row["reason"]) for row in phones.guard.ask("bans")]


def told(phones: Phones) -> dict[str, int]:
    """What was counted of the attacker, in the ledger."""
    for _ in polls(15.0, every_s=0.5):
        lines = phones.guard.cli("log", "--kind", "strangers", "--json").stdout.splitlines()
        entries: list[dict[str, Any]] = [json.loads(line)["entry"] for line in lines]
        found = [entry["requests"] for entry in entries if entry["address"] == ATTACKER]
        if found:
            break
    return {kind: sum(row.get(kind, 0) for row in found) for kind in {key for row in found for key in row}}


def goes_on(phones: Phones) -> None:
    """A phone registers and calls, and so does the PBX."""
    with Peer(PHONE, name="1001") as phone:
        who = Login("1001", phones.password)
        assert register(phones, phone, who).status == 200
        made = call(phone, phones.guard.inside, NUMBER, CALLER)
        refusal = phone.expect(407, call_id=made.call_id)
        made.ack_refusal(refusal)
        who.challenged(refusal)
        made.again(who.answer("INVITE", made.invite.uri))
        dialog, _ = phones.answer(made, leg(phones.carrier, phones.carrier.expect("INVITE", call_id=made.call_id)))
        phones.hang_up(dialog, phones.carrier)
    _, dialog, _ = phones.connect()
    phones.hang_up(dialog, phones.carrier)


def is_deaf_to(phones: Phones, host: str) -> bool:
    with Peer(host, name="attacker") as peer:
        peer.send(alone(peer, "REGISTER", "sip:x", "sip:1001@x"), phones.guard.inside)
        return peer.heard(0.5) == []


def test_svcrack_is_banned_at_its_first_guess_and_phones_go_on(phones: Phones) -> None:
    said = attack(phones, "svcrack", "-u1001", "-r1000-1060")
    assert "1001" not in said.replace("-u1001", "").replace("svcrack", "").partition("Password")[2], said
    assert banned(phones) == [(ATTACKER, "scanner")]
    assert is_deaf_to(phones, ATTACKER)
    listed = phones.guard.cli("bans", "--control", str(phones.guard.control))
    assert "calls itself friendly-scanner" in listed.stdout
    assert f"{ATTACKER} is banned until" in phones.guard.process.said()
    logged = phones.guard.cli("log", "--kind", "banned", "--json").stdout.splitlines()
    assert [json.loads(line)["entry"]["name"] for line in logged] == [ATTACKER]
    goes_on(phones)


def test_svcrack_by_what_it_does(nameless: Phones) -> None:
    attack(nameless, "svcrack", "-u1001", "-r1000-1060")
    assert banned(nameless) == [(ATTACKER, "password-guessing")]
    goes_on(nameless)


def test_svwar_with_calls_is_banned(phones: Phones) -> None:
    said = attack(phones, "svwar", "-mINVITE", "-e1000-1050", "--force")
    assert "found nothing" in said
    assert banned(phones) == [(ATTACKER, "scanner")]
    assert phones.carrier.heard(0.0) == []
    goes_on(phones)


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS"])
def test_svwar_finds_nobody_and_is_told(phones: Phones, method: str) -> None:
    """It never shows that it hears us, so that somebody else may be meant to be banned."""
    said = attack(phones, "svwar", f"-m{method}", "-e1000-1050", "--force")
    assert "1001" not in said, said
    assert banned(phones) == []
    assert told(phones).get("scanner" if method == "REGISTER" else "OPTIONS", 0) > 0
    goes_on(phones)


def test_svmap_finds_nothing_and_is_told(phones: Phones) -> None:
    said = attack(phones, "svmap")
    assert f"{phones.guard.inside[0]}:{phones.guard.inside[1]}" not in said, said
    assert banned(phones) == []
    assert told(phones)
    goes_on(phones)


def test_a_ban_is_released_with_one_command(phones: Phones) -> None:
    attack(phones, "svcrack", "-u1001", "-r1000-1060")
    done = phones.guard.cli("unban", ATTACKER, "--control", str(phones.guard.control))
    assert done.stdout == f"{ATTACKER} isn't banned any more\n"
    assert not is_deaf_to(phones, ATTACKER)


def test_a_carrier_that_calls_itself_a_scanner_isnt_banned(phones: Phones) -> None:
    for number in range(20):
        options = alone(phones.carrier, "OPTIONS", f"sip:{number}@x", f"sip:{number}@x", ("User-Agent", "sipvicious"))
        phones.carrier.send(options, phones.guard.outside)
        phones.carrier.expect(200, method="OPTIONS")
    assert banned(phones) == []
    goes_on(phones)


def is_let_in(peer: StreamPeer, phones: Phones) -> bool:
    """Whether a new connection hears anything; the reset of one that isn't wanted may come while it is opened."""
    try:
        return peer.connect(phones.guard.inside).until_closed() != b""
    except ConnectionResetError:
        return False


def test_a_sweep_over_tcp_is_hung_up_on_and_not_let_in_again(over_tcp: Phones) -> None:
    with StreamPeer(ATTACKER, name="attacker") as attacker:
        wire = attacker.connect(over_tcp.guard.inside)
        for number in range(100, 110):
            wire.write(alone(attacker, "REGISTER", "sip:x", f"sip:{number}@x").to_bytes())
        assert wire.until_closed().count(b"SIP/2.0 401 ") == 10
        assert banned(over_tcp) == [(ATTACKER, "extension-sweep")]
        assert not is_let_in(attacker, over_tcp)
    _, dialog, _ = over_tcp.connect()
    over_tcp.hang_up(dialog, over_tcp.carrier)
