"""A stranger gets no answer at all, and can't fill the disk or the memory (A1, B5)."""

import random
import socket
import subprocess

import pytest
from rig import site

from ringfence.testing.guard import STRANGER
from ringfence.testing.peer import Peer, call
from ringfence.testing.process import polls
from ringfence.testing.wire import Sip

pytestmark = pytest.mark.e2e

FLOOD = 20_000
QUOTA = 20


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path, ledger=f"stranger_rows_per_10s = {QUOTA}") as running:
        yield running


@pytest.mark.parametrize(
    "attack",
    [
        ("svmap", "-p{port}", "127.0.0.1"),
        ("svmap", "-p{port}", "-m", "INVITE", "127.0.0.1"),
        ("svwar", "-p{port}", "-e100-120", "127.0.0.1"),
        ("svwar", "-p{port}", "-e100-120", "-mINVITE", "127.0.0.1"),
        ("svcrack", "-p{port}", "-u100", "-r100-120", "127.0.0.1"),
    ],
    ids=lambda attack: " ".join(part for part in attack if part[0] != "1" and "port" not in part),
)
def test_sipvicious_finds_nobody(stage, attack):
    """Both listeners; every datagram that the guard sends would show in the counters of the sockets it came to."""
    for listener in (stage.guard.inside, stage.guard.outside):
        command = [part.format(port=listener[1]) for part in attack]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert str(listener[1]) not in said.replace(" ".join(command), ""), said
        assert "reqauth" not in said
    assert stage.carrier.heard(0.0) + stage.pbx.heard(0.0) == []


def test_no_method_is_answered(stage):
    with Peer(STRANGER, name="stranger") as stranger:
        made = call(stranger, stage.guard.inside, "+12125550143", "+12125550100")
        for listener in (stage.guard.inside, stage.guard.outside):
            for method in ("INVITE", "OPTIONS", "REGISTER", "BYE", "ACK", "CANCEL", "NOTIFY", "MESSAGE", "SUBSCRIBE"):
                stranger.send(made.request(method), listener)
            stranger.send(Sip("NONSENSE", ()), listener)
            stranger.send(Sip("INVITE sip:x SIP/2.0", (("Via", "x"),)), listener)
        assert stranger.heard(1.0) == []
    assert stage.carrier.heard(0.0) == []


def test_a_flood_stays_within_the_quota_and_calls_go_through(stage):
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)
    before = (_size(stage), stage.guard.process.rss_bytes(), stage.guard.process.descriptors())
    _flood(stage.guard.inside)
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)
    after = (_size(stage), stage.guard.process.rss_bytes())
    assert after[0] - before[0] < 1 << 20
    assert after[1] - before[1] < 16 << 20
    assert any(stage.guard.process.descriptors() == before[2] for _ in polls(10.0))  # A snapshot may be being written.
    stage.guard.process.end()
    options = ("--kind", "strangers", "--ledger", "state/ledger.db", "--limit", "10000", "--json")
    seen = stage.guard.cli("log", *options).stdout.splitlines()
    assert 0 < len(seen) <= (QUOTA + 1) * 10, len(seen)


def _flood(to):
    """Datagrams from some thousand forged addresses, half of them no SIP at all."""
    chance = random.Random(1)
    bodies = [b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n", b"\xff" * 400]
    for _ in range(FLOOD // 100):
        host = f"127.{chance.randrange(4, 250)}.{chance.randrange(256)}.{chance.randrange(1, 250)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, 0))
            for _ in range(100):
                sender.sendto(chance.choice(bodies), to)


def _size(stage):
    return sum(path.stat().st_size for path in (stage.guard.directory / "state").rglob("*") if path.is_file())
