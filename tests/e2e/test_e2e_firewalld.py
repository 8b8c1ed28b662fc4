"""Our table beside firewalld, which keeps the zones of the machine: neither touches what is the other's."""

import os
import subprocess
import time
from contextlib import contextmanager

import pytest

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted
from ringfence.server.firewall import backend_of
from ringfence.testing.netns import GUARD4, PBX4, PBX6, STRANGER4, STRANGER6, command, inside, laid, passes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="LEFT OUT: network namespaces need root"),
]

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>
"""
PBX = (Admitted("source pbx", (f"{PBX4}/32", f"{PBX6}/128")),)
WANTED = Wanted(
    never_banned=(),
    listeners=(),
    services=(Door(name="service.sip", host="", ports=(Ports("udp", 5060, 5061),), admitted=PBX),),
    other_ports="leave",
)


@contextmanager
def running(line: list[str], **more):
    """A daemon for the length of a test."""
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def zones(tmp_path, monkeypatch):
    """A namespace with firewalld in it, on a bus and with files of its own; firewall-cmd in it."""
    (tmp_path / "bus.conf").write_text(BUS.format(path=tmp_path / "bus"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    (tmp_path / "etc").mkdir()
    with laid() as cable, inside(cable.guard):
        bus = running(["dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork"])
        daemon = running(["firewalld", "--nofork", "--nopid", "--system-config", str(tmp_path / "etc")])
        with bus, daemon:
            until = time.monotonic() + 60
            while subprocess.run(["firewall-cmd", "--state"], capture_output=True, check=False).returncode:
                assert time.monotonic() < until
                time.sleep(0.2)
            yield cable


def who_passes(cable, port: int) -> set[str]:
    return {source for source in (PBX4, PBX6, STRANGER4, STRANGER6) if passes(cable, source, port)}


def test_our_rules_narrow_what_firewalld_opens_and_outlast_its_reload(zones):
    nftables = backend_of("nftables")
    command("firewall-cmd --permanent --add-port=5060/udp --add-port=40000-40001/udp")
    command("firewall-cmd --reload")
    assert who_passes(zones, 5060) == {PBX4, PBX6, STRANGER4, STRANGER6}
    nftables.put(nftables.render(WANTED))
    bans = nftables.bans()
    bans.ban(STRANGER4, 3_600_000_000, now=0)
    listing = nftables.listing()
    assert GUARD4 not in listing
    for again in ("--reload", "--complete-reload"):
        command(f"firewall-cmd {again}")
        assert nftables.listing() == listing
        assert who_passes(zones, 5060) == {PBX4, PBX6}
        assert who_passes(zones, 5061) == set(), "firewalld keeps it shut"
        assert who_passes(zones, 40_001) == {PBX4, PBX6, STRANGER6}, "banned from every port"
    assert bans.unban(STRANGER4)
    bans.close()
