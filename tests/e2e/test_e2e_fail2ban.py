"""A real fail2ban with our jail, in a namespace: who fails five times is banned, whom the policy names isn't."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.platforms.fail2ban.database import bans
from ringfence.platforms.fail2ban.render import USUAL, files
from ringfence.policy import load
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.netns import inside, laid
from ringfence.testing.peer import Peer
from ringfence.testing.process import polls

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="LEFT OUT: network namespaces need root"),
]
POLICY = """
[site]
home_country = "US"
time_zone = "UTC"
[listen.inside]
bind = "127.0.0.1:0"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["198.51.100.0/28"]
send_to = ["sip:198.51.100.1"]
permit = ["US"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["192.0.2.5"]
directions = ["out"]
trunks = ["carrier"]
"""
LINE = (
    '[{at}] SECURITY[1] res_security_log.c: SecurityEvent="{event}",EventTV="x",Severity="Error",'
    'Service="PJSIP",EventVersion="1",AccountID="101",SessionID="x",LocalAddress="IPV4/UDP/10.20.0.5/5060",'
    'RemoteAddress="IPV4/UDP/{address}/5071",Challenge="1"\n'
)


class Fail2ban:
    """One that runs, with its files in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.etc, self.log = directory / "etc", directory / "security.log"
        shutil.copytree("/etc/fail2ban", self.etc, symlinks=True, ignore=shutil.ignore_patterns("*ringfence*"))
        (self.etc / "jail.d/defaults-debian.conf").unlink(missing_ok=True)
        self.database = directory / "fail2ban.sqlite3"
        (self.etc / "fail2ban.local").write_text(
            f"[Definition]\nsocket = {directory}/f.sock\npidfile = {directory}/f.pid\ndbfile = {self.database}\n"
            f"logtarget = {directory}/f.log\n"
        )
        self.log.touch()
        (directory / "policy.toml").write_text(POLICY)
        for path, text in files(
            {"asterisk": str(self.log)}, load(str(directory / "policy.toml")), USUAL, ["192.0.2.99"]
        ).items():
            (self.etc / path).write_text(text)

    def ask(self, *words: str) -> str:
        command = ["fail2ban-client", "-c", str(self.etc), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def banned(self) -> list[str]:
        return self.ask("get", "ringfence-asterisk", "banip").split()

    def fails(self, address: str, times: int, event: str = "ChallengeResponseFailed") -> None:
        with self.log.open("a") as log:
            log.write(LINE.format(at=time.strftime("%Y-%m-%d %H:%M:%S"), event=event, address=address) * times)


@pytest.fixture
def fail2ban(tmp_path: Path) -> Iterator[Fail2ban]:
    found = Fail2ban(tmp_path)
    with laid() as cable, inside(cable.guard):
        server = subprocess.Popen(["fail2ban-server", "-c", str(found.etc), "-f", "start"], stdout=subprocess.DEVNULL)
        try:
            for _ in polls(60.0):
                if "pong" in found.ask("ping"):
                    break
            yield found
        finally:
            server.terminate()
            server.wait(60)


def test_who_is_banned(fail2ban: Fail2ban) -> None:
    for spared in ("192.0.2.5", "198.51.100.3", "192.0.2.99"):
        fail2ban.fails(spared, 6)
    fail2ban.fails("203.0.113.7", 4)
    fail2ban.fails("203.0.113.8", 6, "ChallengeSent")
    fail2ban.fails("203.0.113.9", 5)
    for _ in polls(30.0):
        if fail2ban.banned():
            break
    assert fail2ban.banned() == ["203.0.113.9"]
    listed = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    assert "203.0.113.9" in listed
    now = time.time_ns() // 1000
    (found,), others = bans(fail2ban.database, ("ringfence-asterisk",), now)
    assert (found.address, found.jail, found.failures, others) == ("203.0.113.9", "ringfence-asterisk", 5, 0)
    assert 0 < found.until - now <= 86_400_000_000


def test_its_bans_are_taken_over(fail2ban: Fail2ban, tmp_path: Path) -> None:
    fail2ban.ask("set", "ringfence-asterisk", "banip", "203.0.113.9")
    fail2ban.ask("set", "ringfence-asterisk", "banip", CARRIER)
    with Peer(PBX, name="pbx") as pbx, Peer(CARRIER, name="carrier") as carrier:
        given = "bans", "import", "--database", str(fail2ban.database)
        (tmp_path / "guard").mkdir()
        with Guard(tmp_path / "guard", pbx.address, carrier.address) as guard:
            control = "--control", str(guard.control)
            shown = guard.cli(*given, *control)
            assert (shown.returncode, guard.ask("bans")) == (1, [])
            assert "would be banned" in shown.stdout and "trunk carrier" in shown.stdout
            assert guard.cli(*given, *control, "--apply").returncode == 0
            assert [(fact["name"], fact["reason"]) for fact in guard.ask("bans")] == [
                ("203.0.113.9", "fail2ban ringfence-asterisk")
            ]
            again = guard.cli(*given, *control)
            assert again.returncode == 0 and "as long already" in again.stdout
