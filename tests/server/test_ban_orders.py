"""What people order about bans, at a running guard; and that a ban outlives its death."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.control import ControlError
from ringfence.testing.guard import CARRIER, PBX, STRANGER, Guard
from ringfence.testing.peer import Peer
from ringfence.testing.process import polls

ORDER = {"why": "ticket 4711", "owner": "noc"}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    with (
        Peer(PBX, name="pbx") as pbx,
        Peer(CARRIER, name="carrier") as carrier,
        Guard(tmp_path, pbx.address, carrier.address) as running,
    ):
        yield running


def names(guard: Guard, address: str = "") -> list[str]:
    return [fact["name"] for fact in guard.ask("bans", address=address)]


def test_a_ban_by_hand_and_its_end(guard: Guard) -> None:
    fact = guard.ask("ban", address="203.0.113.0/24", for_s=3600, **ORDER)
    assert (fact["name"], fact["reason"], fact["owner"], fact["why"]) == (
        "203.0.113.0/24", "by-hand", "noc", "ticket 4711",
    )  # fmt: skip
    assert fact["until"] - fact["at"] == 3600 * 1_000_000
    guard.ask("ban", address="198.51.100.7", for_s=60, **ORDER)
    assert names(guard) == ["203.0.113.0/24", "198.51.100.7"]
    assert names(guard, "203.0.113.9") == ["203.0.113.0/24"]
    assert guard.ask("unban", address="203.0.113.9", owner="noc") == ["203.0.113.0/24"]
    assert guard.ask("unban", address="all", owner="noc") == ["198.51.100.7"]
    assert guard.ask("unban", address="all", owner="noc") == []


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (CARRIER, "would hit trunk carrier, which is never banned"),
        ("127.0.1.0/24", "would hit source pbx"),
        ("127.0.0.1", "would hit listen inside"),
        ("::1", "would hit this machine"),
        ("203.0.0.0/7", "no address or network"),
        ("4.0.0.0/7", "large part of all there is"),
        ("nobody", "no address or network"),
    ],
)
def test_what_cant_be_banned(guard: Guard, address: str, says: str) -> None:
    with pytest.raises(ControlError, match=says):
        guard.ask("ban", address=address, for_s=3600, **ORDER)
    assert names(guard) == []


def test_who_isnt_banned_cant_be_released(guard: Guard) -> None:
    with pytest.raises(ControlError, match=r"203\.0\.113\.9 isn't banned"):
        guard.ask("unban", address="203.0.113.9", owner="noc")


def test_a_ban_outlives_a_kill_and_a_release_too(guard: Guard) -> None:
    for address in ("203.0.113.9", "203.0.113.10"):
        guard.ask("ban", address=address, for_s=3600, **ORDER)
    guard.ask("unban", address="203.0.113.10", owner="noc")
    log = ("log", "--ledger", "state/ledger.db", "--kind", "banned", "--kind", "unbanned", "--json")
    for _ in polls(10.0):
        kinds = [json.loads(line)["kind"] for line in guard.cli(*log).stdout.splitlines()]
        if kinds == ["banned", "banned", "unbanned"]:
            break
    assert kinds == ["banned", "banned", "unbanned"]
    guard.process.kill()
    guard.start()
    assert names(guard) == ["203.0.113.9"]


def test_a_reload_that_names_somebody_ends_his_ban(guard: Guard) -> None:
    guard.ask("ban", address=STRANGER, for_s=3600, **ORDER)
    guard.ask("ban", address="203.0.113.9", for_s=3600, **ORDER)
    guard.edit(f'addresses = ["{PBX}"]', f'addresses = ["{PBX}", "{STRANGER}"]')
    guard.ask("reload")
    assert names(guard) == ["203.0.113.9"]


def test_the_commands(guard: Guard) -> None:
    control = ("--control", str(guard.control))
    assert guard.cli("bans", *control).stdout == "nobody is banned\n"
    assert "in force" not in guard.cli("status", *control).stdout
    told = guard.cli("ban", "203.0.113.9", "--for", "2h", "--why", "scans us", "--owner", "noc", *control)
    assert told.stdout.startswith("203.0.113.9 is banned until ") and told.returncode == 0
    assert "1 ban in force: ringfence bans\n" in guard.cli("status", *control).stdout
    listed = guard.cli("bans", *control)
    assert listed.returncode == 1
    assert all(text in listed.stdout for text in ("203.0.113.9", "by-hand", "noc", "scans us"))
    (found,) = json.loads(guard.cli("bans", "203.0.113.9", "--json", *control).stdout)
    assert found["name"] == "203.0.113.9"
    assert guard.cli("bans", "203.0.113.10", *control).stdout == "203.0.113.10 isn't banned\n"
    assert guard.cli("unban", "203.0.113.9", *control).stdout == "203.0.113.9 isn't banned any more\n"
    refused = guard.cli("ban", CARRIER, "--why", "x", *control)
    assert (refused.returncode, "trunk carrier" in refused.stderr) == (2, True)
    json_told = guard.cli("ban", "203.0.113.9", "--why", "x", "--json", *control)
    assert json.loads(json_told.stdout)["reason"] == "by-hand"
    assert guard.cli("unban", "all", *control).returncode == 0
    assert guard.cli("unban", "all", *control).stdout == "nobody was banned\n"
