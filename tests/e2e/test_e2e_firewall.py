"""The rules of a policy in a real kernel: who gets in, over IPv4 and IPv6, also while the rules are changed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ringfence.platforms.firewall.wanted import wanted
from ringfence.policy import load
from ringfence.server.firewall import BACKENDS, backend_of
from ringfence.testing.netns import (
    ADMIN4,
    ADMIN6,
    CARRIER4,
    CARRIER6,
    GUARD4,
    GUARD6,
    PBX4,
    PBX6,
    STRANGER4,
    STRANGER6,
    Cable,
    Stream,
    arrived,
    command,
    connects,
    datagrams,
    inside,
    laid,
    passes,
)  # fmt: skip

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="LEFT OUT: network namespaces need root"),
]

POLICY = f"""
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "{GUARD4}:5060"
[listen.inside6]
bind = "[{GUARD6}]:5060"
[listen.outside]
bind = "0.0.0.0:5080"
advertise = "{GUARD4}"
transport = "tcp"
[listen.outside6]
bind = "[::]:5080"
advertise = "{GUARD6}"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["{CARRIER4}"]
send_to = ["sip:{CARRIER4};transport=tcp"]
[trunk.carrier6]
listen = "outside6"
carrier_addresses = ["2001:db8:51::/64"]
send_to = ["sip:[{CARRIER6}]"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["{PBX4}"]
trunks = ["carrier"]
[source.pbx6]
zone = "internal"
listen = "inside6"
addresses = ["{PBX6}"]
trunks = ["carrier6"]
media = ["{PBX6}"]
[firewall]
admins = ["{ADMIN4}", "2001:db8:30::/64"]
rtp_ports = "10000-20000"
state = "STATE"
[service.management]
ports = ["22/tcp", "8088-8089/tcp"]
[service.phones]
ports = ["5160/udp"]
from = ["{PBX4}", "{STRANGER4}"]
"""
EVERYBODY = (PBX4, CARRIER4, ADMIN4, STRANGER4, PBX6, CARRIER6, ADMIN6, STRANGER6)
DATAGRAMS = {
    5060: {PBX4, PBX6},
    5080: {CARRIER6, *(each for each in EVERYBODY if "." in each)},
    5160: {PBX4, STRANGER4},
    10_000: {PBX4, CARRIER4, PBX6, CARRIER6},
    20_000: {PBX4, CARRIER4, PBX6, CARRIER6},
    20_001: set(EVERYBODY),
}
"""UDP port to who gets in; the IPv4 listener on 5080 speaks TCP, so that its UDP port is none of ours."""
CONNECTIONS = {
    22: {ADMIN4, ADMIN6},
    8089: {ADMIN4, ADMIN6},
    5080: {CARRIER4, *(each for each in EVERYBODY if ":" in each)},
    8090: set(EVERYBODY),
}
SWAPS = 60


@pytest.fixture
def cable():
    with laid() as found:
        yield found


@pytest.fixture(params=[each.name for each in BACKENDS])
def backend(request):
    return next(each for each in BACKENDS if each.name == request.param)


def policy(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = POLICY.replace("STATE", str(tmp_path / "state"))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return path


def rules(backend, path: Path) -> str:
    found = load(str(path))
    return backend.render(wanted(found, found.firewall))


@pytest.mark.parametrize("others", ["leave", "drop"])
def test_exactly_those_get_in_that_the_policy_names(cable, tmp_path, backend, others):
    path = policy(tmp_path, ("[firewall]\n", f'[firewall]\nother_ports = "{others}"\n'))
    if others == "drop":  # The way back for the probe that shows that the cable isn't cut.
        path.write_text(path.read_text().replace('"22/tcp", ', '"22/tcp", "40000/udp", '))
    with inside(cable.guard):
        backend.put(rules(backend, path))
    dropped = others == "drop"
    for port, expected in {**DATAGRAMS, **({5080: {CARRIER6}, 20_001: set()} if dropped else {})}.items():
        assert {each for each in EVERYBODY if passes(cable, each, port)} == expected, port
    for port, expected in {**CONNECTIONS, **({5080: {CARRIER4}, 8090: set()} if dropped else {})}.items():
        assert {each for each in EVERYBODY if connects(cable, each, port)} == expected, port


def test_what_the_machine_asks_for_is_answered_where_other_ports_are_dropped(cable, tmp_path, backend):
    with inside(cable.guard):
        backend.put(rules(backend, policy(tmp_path, ("[firewall]\n", '[firewall]\nother_ports = "drop"\n'))))
        command(f"ping -n -c 1 -W 2 {STRANGER4}")
        command(f"ping -n -c 1 -W 2 {STRANGER6}")
    with inside(cable.others):
        command(f"ping -n -c 1 -W 2 -I {STRANGER6} {GUARD6}")


def under_load(cable: Cable, change: Callable[[int], None]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """What each sender's numbers should be at SIP's port, and what came while the rules were changed all the time."""
    streams = [Stream(cable, source, 5060, 2500) for source in (PBX4, PBX6, STRANGER4, STRANGER6)]
    with datagrams(cable.guard, GUARD4, 5060) as four, datagrams(cable.guard, GUARD6, 5060) as six:
        with streams[0], streams[1], streams[2], streams[3]:
            for swap in range(SWAPS):
                with inside(cable.guard):
                    change(swap)
        came = {**arrived(four), **arrived(six)}
    assert all(stream.sent > SWAPS for stream in streams)
    return {stream.source: list(range(stream.sent)) for stream in streams[:2]}, came


def many_rules(backend, tmp_path: Path) -> tuple[str, str]:
    """Two sets of many rules, which differ in the last of them."""
    services = "".join(f'[service.s{n}]\nports = ["{30_000 + n}/udp"]\n' for n in range(150))
    one = policy(tmp_path, ("[service.phones]", f"{services}[service.phones]"))
    other = tmp_path / "other.toml"
    other.write_text(one.read_text().replace(f'from = ["{PBX4}", "{STRANGER4}"]', f'from = ["{PBX4}"]'))
    return rules(backend, one), rules(backend, other)


def test_no_packet_is_lost_and_none_gets_through_while_the_rules_change(cable, tmp_path, backend):
    texts = many_rules(backend, tmp_path)
    assert texts[0] != texts[1]
    with inside(cable.guard):
        backend.put(texts[0])
    expected, came = under_load(cable, lambda swap: backend.put(texts[1 - swap % 2]))
    assert came == expected


def test_the_count_sees_a_change_that_is_made_in_two_steps(cable, tmp_path, backend):
    texts = many_rules(backend, tmp_path)

    def change(swap: int) -> None:
        backend.put(backend.back_to(""))
        backend.put(texts[swap % 2])

    with inside(cable.guard):
        backend.put(texts[0])
    expected, came = under_load(cable, change)
    assert {STRANGER4, STRANGER6} & set(came)
    assert {source: came[source] for source in expected} == expected


def test_what_was_there_before_is_there_again(cable, tmp_path, backend):
    """Also what somebody else added by hand."""
    with inside(cable.guard):
        assert backend.listing() == ""
        backend.put(rules(backend, policy(tmp_path)))
        first = backend.listing()
        assert GUARD4 in first
        backend.put(rules(backend, policy(tmp_path, (f'"{PBX4}", "{STRANGER4}"', f'"{PBX4}"'))))
        assert backend.listing() != first
        backend.put(backend.back_to(first))
        assert backend.listing() == first
        backend.put(backend.back_to(""))
        assert backend.listing() == ""


def test_rules_that_are_refused_change_nothing(cable, tmp_path, backend):
    with inside(cable.guard):
        backend.put(rules(backend, policy(tmp_path)))
        before = backend.listing()
        with pytest.raises(Exception, match="refuses the rules"):
            backend.put(rules(backend, policy(tmp_path, (PBX4, "10.20.0.11"))) + "nonsense\n")
        assert backend.listing() == before


class Machine:
    """The commands, run on the guard's machine."""

    def __init__(self, cable: Cable, path: Path) -> None:
        self.cable, self.path = cable, path
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}

    def __call__(self, *words: str, code: int = 0, ssh: str = "") -> str:
        line = [sys.executable, "-m", "ringfence", "firewall", *words, "--policy", str(self.path)]
        environment = {**self.environment, **({"SSH_CONNECTION": ssh} if ssh else {})}
        with inside(self.cable.guard):
            done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def strangers_get_in(self) -> bool:
        return passes(self.cable, STRANGER4, 5060)


@pytest.fixture
def machine(cable, tmp_path, backend):
    return Machine(cable, policy(tmp_path, ("[firewall]\n", f'[firewall]\nbackend = "{backend.name}"\n')))


def test_what_is_confirmed_stays(machine):
    assert "would change" in machine("diff", code=1)
    assert "rolled back in" in machine("apply")
    assert not machine.strangers_get_in()
    assert "wait for" in machine("diff")
    assert "a change waits" in machine("apply", code=2)
    assert "stay" in machine("confirm")
    assert machine("diff") == "the firewall is as the policy wants it\n"
    assert "nothing to do" in machine("apply")
    assert "no change waits" in machine("confirm", code=2)
    assert "is again" in machine("rollback")
    assert machine.strangers_get_in()


def test_what_nobody_confirms_is_rolled_back_though_the_command_is_gone(machine):
    machine("apply", "--confirm-s", "10")
    assert not machine.strangers_get_in()
    until = time.monotonic() + 60
    while not machine.strangers_get_in():
        assert time.monotonic() < until, "it was never rolled back"
        time.sleep(0.5)
    assert "no change waits" in machine("confirm", code=2)


def test_who_is_connected_cant_lock_himself_out(machine):
    said = machine("apply", ssh=f"{STRANGER4} 40000 {GUARD4} 22", code=2)
    assert "nothing was changed" in said
    assert f'from = ["{STRANGER4}"]' in said
    assert machine.strangers_get_in()
    machine("apply", ssh=f"{ADMIN4} 40000 {GUARD4} 22")
    machine("rollback")


def test_what_somebody_else_changes_is_noticed_and_put_right(machine):
    machine("apply")
    machine("confirm")
    with inside(machine.cable.guard):
        command("nft flush ruleset")
    assert machine.strangers_get_in()
    said = machine("diff", code=1)
    assert "changed by somebody else" in said
    assert any(line.startswith("-") and PBX4 in line and "5060" in line for line in said.splitlines())
    machine("restore")
    assert not machine.strangers_get_in()
    assert "nothing to do" in machine("restore")
    assert machine("diff") == "the firewall is as the policy wants it\n"


def test_a_running_guard_tells_that_its_firewall_is_gone(machine):
    machine("apply")
    machine("confirm")
    folder = machine.path.parent
    serve = [sys.executable, "-m", "ringfence", "serve", "--policy", str(machine.path)]
    with inside(machine.cable.guard):
        guard = subprocess.Popen(serve, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with guard, guard.stderr:
        try:
            assert said_by(guard, "ready: ")
            with inside(machine.cable.guard):
                command("nft flush ruleset")
            assert "somebody else changed the firewall" in said_by(guard, "firewall: ")
            status = [sys.executable, "-m", "ringfence", "status", "--control", str(folder / "state/control.sock")]
            told = subprocess.run(status, capture_output=True, text=True, check=True).stdout
            assert "somebody else changed the firewall" in told
            machine("restore")
            assert "as the policy wants it" in said_by(guard, "firewall: ")
        finally:
            guard.terminate()


def said_by(guard: subprocess.Popen, text: str) -> str:
    """The next line of its log with this in it."""
    return next(line for line in guard.stderr if text in line)


def test_a_ban_of_the_guard_holds_for_every_port_of_the_machine(machine):
    """Also once the rules, and the bans with them, were taken away and put back."""
    machine("apply")
    machine("confirm")
    folder = machine.path.parent
    control = ["--control", str(folder / "state/control.sock")]
    with inside(machine.cable.guard):
        serve = [sys.executable, "-m", "ringfence", "serve", "--policy", str(machine.path)]
        guard = subprocess.Popen(serve, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def ask(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "ringfence", *words, *control], check=True, stdout=subprocess.DEVNULL)

    def comes_to(expected: bool) -> None:
        until = time.monotonic() + 30
        while passes(machine.cable, STRANGER4, 5160) != expected:
            assert time.monotonic() < until

    with guard, guard.stderr:
        try:
            said_by(guard, "ready: ")
            comes_to(True)
            ask("ban", STRANGER4, "--for", "1h", "--why", "test", "--owner", "test")
            comes_to(False)
            with inside(machine.cable.guard):
                command("nft flush ruleset")
            comes_to(True)
            machine("restore")
            comes_to(False)
            ask("unban", STRANGER4, "--owner", "test")
            comes_to(True)
        finally:
            guard.terminate()


def test_addresses_that_change_are_told_and_more_than_before_are_a_warning(machine):
    machine("apply")
    machine("confirm")
    text = machine.path.read_text()
    machine.path.write_text(
        text.replace(f'carrier_addresses = ["{CARRIER4}"]', 'carrier_addresses = ["198.51.100.0/24"]')
    )
    warned = "listen.outside, trunk carrier: 198.51.100.0/24 may come in now; MORE addresses than before"
    assert warned in machine("diff", code=1)
    assert warned in machine("apply")
    machine("confirm")
    machine.path.write_text(text)
    said = machine("diff", code=1)
    assert "listen.outside, trunk carrier: 198.51.100.0/28, " in said
    assert "MORE" not in said


def test_a_rule_before_ours_is_noticed_and_ours_are_put_first_again(cable, tmp_path):
    """What it accepts would never come to them."""
    iptables = backend_of("iptables")
    with inside(cable.guard):
        iptables.put(rules(iptables, policy(tmp_path)))
        before = iptables.listing()
        command("iptables -I INPUT -p udp -j ACCEPT")
        assert passes(cable, STRANGER4, 5060)
        assert iptables.listing() != before
        iptables.put(rules(iptables, policy(tmp_path)))
        assert iptables.listing() == before
    assert not passes(cable, STRANGER4, 5060)
