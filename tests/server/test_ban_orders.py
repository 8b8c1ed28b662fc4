"""What people order about bans, at a running guard; and that a ban outlives its death."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.model import SECOND
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


def foreign(address: str, until: int, jail: str = "asterisk") -> dict[str, Any]:
    return {"address": address, "jail": jail, "until": until, "failures": 5}


def test_bans_of_fail2ban_are_taken_over(guard: Guard) -> None:
    guard.ask("ban", address="203.0.113.7", for_s=7200, **ORDER)
    soon = guard.ask("bans")[0]["at"] + 3600 * SECOND
    given = [
        foreign("203.0.113.7", soon),
        foreign("203.0.113.9", soon),
        foreign("2001:db8::9", soon),
        foreign("203.0.114.0/24", soon),
        foreign(CARRIER, soon),
        foreign("198.51.100.200", soon),
        foreign("2001:db8:1::9", soon),
    ]
    orders = {"owner": "noc", "connected": ["198.51.100.200", "2001:db8:1::8"], "bans": given}
    says = ["is banned for as long already", "", "", "", "trunk carrier", "your own connection", ""]
    for dry in (True, False):
        rows = guard.ask("import_bans", dry=dry, **orders)
        assert all(says in row["obstacle"] for row, says in zip(rows, says, strict=True))
        assert [not row["obstacle"] for row in rows] == [not each for each in says]
        if dry:
            assert names(guard) == ["203.0.113.7"]
    added = ["203.0.113.9", "2001:db8::/64", "203.0.114.0/24", "2001:db8:1::9"]
    assert set(names(guard)) == {"203.0.113.7", *added}
    (fact,) = guard.ask("bans", address="203.0.113.9")
    assert (fact["reason"], fact["evidence"], fact["owner"], fact["until"]) == ("fail2ban asterisk", 5, "noc", soon)


def test_what_isnt_a_list_of_bans_is_refused(guard: Guard) -> None:
    for bans in (None, [1], [{"address": "203.0.113.9"}]):
        with pytest.raises(ControlError, match="no list of bans"):
            guard.ask("import_bans", owner="noc", bans=bans)


def test_ones_own_connection_isnt_banned(guard: Guard) -> None:
    with pytest.raises(ControlError, match="would hit your own connection from 203"):
        guard.ask("ban", address="203.0.113.0/24", for_s=60, connected=["203.0.113.9"], **ORDER)


def test_who_is_allowed_is_banned_no_more_and_never_again(guard: Guard) -> None:
    guard.ask("ban", address="203.0.113.0/24", for_s=3600, **ORDER)
    guard.ask("ban", address="203.0.114.9", for_s=3600, **ORDER)
    fact = guard.ask("allow", address="203.0.113.9", **ORDER)
    assert (fact["name"], fact["until"], fact["why"], fact["owner"]) == ("203.0.113.9", 0, "ticket 4711", "noc")
    assert names(guard) == ["203.0.114.9"]
    for address in ("203.0.113.9", "203.0.113.0/24"):
        with pytest.raises(ControlError, match="would hit somebody allowed by hand"):
            guard.ask("ban", address=address, for_s=60, **ORDER)
    guard.ask("ban", address="203.0.113.8", for_s=3600, **ORDER)
    log = ("log", "--ledger", "state/ledger.db", "--kind", "allowed", "--json")
    for _ in polls(10.0):
        if guard.cli(*log).stdout:
            break
    guard.process.kill()
    guard.start()
    assert [fact["name"] for fact in guard.ask("allowed")] == ["203.0.113.9"]
    guard.ask("reload")
    with pytest.raises(ControlError, match="allowed by hand"):
        guard.ask("ban", address="203.0.113.9", for_s=60, **ORDER)
    guard.ask("disallow", address="203.0.113.9", owner="noc")
    guard.ask("ban", address="203.0.113.9", for_s=60, **ORDER)
    assert guard.ask("allowed") == []


@pytest.mark.parametrize(("order", "address", "says"), [
    ("allow", "4.0.0.0/6", "large part of all there is"),
    ("allow", "nobody", "no address or network"),
    ("disallow", "203.0.113.9", "isn't allowed by hand"),
])  # fmt: skip
def test_what_cant_be_allowed_or_undone(guard: Guard, order: str, address: str, says: str) -> None:
    with pytest.raises(ControlError, match=says):
        guard.ask(order, address=address, **ORDER)


def test_the_commands_about_who_is_allowed(guard: Guard) -> None:
    control = ("--control", str(guard.control))
    assert guard.cli("allowed", *control).stdout == "nobody is allowed by hand\n"
    told = guard.cli("allow", "203.0.113.9", "--for", "2h", "--why", "tests", "--owner", "noc", *control)
    assert told.stdout.startswith("203.0.113.9 is never banned, until 20") and told.returncode == 0
    guard.cli("allow", "203.0.113.10", "--why", "tests", *control)
    listed = guard.cli("allowed", *control)
    assert listed.returncode == 1 and "until it is undone" in listed.stdout and "noc" in listed.stdout
    assert guard.cli("disallow", "203.0.113.9", *control).stdout == "203.0.113.9 can be banned again\n"
    assert guard.cli("disallow", "203.0.113.9", *control).returncode == 2


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
