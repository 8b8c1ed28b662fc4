"""From where somebody is connected, as the processes above his command know it."""

from pathlib import Path

import pytest

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.ssh import Connection, connections, parse, shut_out
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted

SSH = b"SSH_CONNECTION=203.0.113.9 51234 10.20.0.5 22"


def process(proc: Path, number: int, parent: int, environment: bytes | None, name: str = "bash") -> None:
    there = proc / str(number)
    there.mkdir()
    (there / "stat").write_text(f"{number} ({name}) S {parent} {number} {number} 0")
    if environment is not None:
        (there / "environ").write_bytes(environment)


def test_sudo_hides_the_connection_and_its_parent_shows_it(tmp_path: Path) -> None:
    process(tmp_path, 1, 0, b"")
    process(tmp_path, 10, 1, b"PATH=/bin\0" + SSH + b"\0HOME=/root")
    process(tmp_path, 20, 10, SSH, name="sudo) S 99 (x")
    process(tmp_path, 30, 20, b"PATH=/bin\0SUDO_USER=ann\0")
    assert connections(30, tmp_path) == (Connection("203.0.113.9", "10.20.0.5", 22),)


def test_at_the_console_there_is_none(tmp_path: Path) -> None:
    process(tmp_path, 1, 0, SSH)
    process(tmp_path, 30, 1, b"NOT_SSH_CONNECTION=203.0.113.9 51234 10.20.0.5 22\0")
    assert connections(30, tmp_path) == ()


def test_what_cant_be_read_is_passed_over(tmp_path: Path) -> None:
    process(tmp_path, 20, 7, SSH)
    process(tmp_path, 30, 20, None)
    assert connections(30, tmp_path) == (Connection("203.0.113.9", "10.20.0.5", 22),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("::ffff:203.0.113.9 51234 ::ffff:10.20.0.5 22", Connection("203.0.113.9", "10.20.0.5", 22)),
        ("fe80::1%eth0 51234 fe80::5%eth0 2222", Connection("fe80::1", "fe80::5", 2222)),
        ("2001:db8::9 51234 2001:db8::5 22", Connection("2001:db8::9", "2001:db8::5", 22)),
        ("203.0.113.9 51234 10.20.0.5", None),
        ("gateway 51234 10.20.0.5 22", None),
        ("", None),
    ],
)
def test_what_sshd_writes(value: str, expected: Connection | None) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(("port", "source", "out"), [(22, "192.0.2.1", 0), (22, "192.0.2.2", 1), (23, "192.0.2.2", 0)])
def test_who_would_not_get_in_again_is_shut_out(port: int, source: str, out: int) -> None:
    door = Door(
        name="service.ssh", host="", ports=(Ports("tcp", 22, 22),), admitted=(Admitted("admins", ("192.0.2.1/32",)),)
    )
    wants = Wanted(never_banned=(), listeners=(), services=(door,), other_ports="leave")
    assert len(shut_out(wants, (Connection(source, "10.20.0.5", port),))) == out
