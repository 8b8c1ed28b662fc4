"""`ringfence ledger erase`: what it would do, what it does, with a guard and without one, and what it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from clikit import SECOND_US, TEN, Run, kept, ledger, morning

from ringfence.cli import erase as module
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.peer import Dialog, Leg, Peer, answer_ok, call, leg

DAY_US = 86_400 * SECOND_US
UK, SPOKEN = "442079460000", "+44 20 7946 0000"
SINCE = ("--since", "2026-11-26T00:00")


@pytest.fixture
def path(tmp_path: Path, clock: type[Clock]) -> Path:
    return kept(tmp_path)


class Clock:
    """The time at which the command is run: soon after the morning."""

    at = TEN + 600 * SECOND_US

    def now(self) -> int:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(module, "Clock", Clock)
    monkeypatch.setattr(Clock, "at", Clock.at)
    return Clock


def traces(directory: Path, number: str) -> list[str]:
    """The files in which a number stands, but for compressed ones."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if number.encode() in path.read_bytes())


# --- without a guard ------------------------------------------------------------------------------------------------


def test_without_yes_it_tells_what_would_go(path: Path, run: Run) -> None:
    before = path.read_bytes()
    told = run("ledger", "erase", SPOKEN, "--ledger", path)
    says = f"nothing is erased yet (add --yes): 1 call from, to or forwarded by {SPOKEN}, 3 entries of the ledger\n"
    assert told == (1, says, "")
    assert path.read_bytes() == before


def test_the_calls_of_a_number_go_and_the_chain_holds(path: Path, run: Run) -> None:
    told = run("ledger", "erase", SPOKEN, "--yes", "--ledger", path)
    says = f"erased 1 call from, to or forwarded by {SPOKEN}, 3 entries of the ledger, 1 SIP message\n"
    assert told == (0, says, "")
    assert traces(path.parent, UK) == []
    assert run("ledger", "verify", "--ledger", path).code == 0
    rows = map(json.loads, run("log", *SINCE, "--ledger", path, "--json").out.splitlines())
    assert [row["id"] for row in rows] == ["n1-2", "n1-3", "n1-4", "n1-5"]
    assert run("explain", "n1-1", "--ledger", path).code == 2
    again = run("ledger", "erase", SPOKEN, "--yes", "--ledger", path, "--json")
    assert again.code == 0
    assert json.loads(again.out) == {
        "calls": 0, "entries": 0, "messages": 0, "in_progress": 0, "other_forms": {}, "erased": True,
    }  # fmt: skip


def test_other_forms_of_the_number_are_told(path: Path, run: Run) -> None:
    told = run("ledger", "erase", "020 7946 0000", "--ledger", path)
    assert told.code == 0  # Nothing to erase under this one.
    assert f"also kept, perhaps the same person: {UK} (1 entries); name it too if it is" in told.out


def test_a_call_in_progress_stays(path: Path, run: Run, clock: type[Clock]) -> None:
    asked = ("ledger", "erase", "12125550143", "--ledger", path)
    busy = "1 call from, to or forwarded by 12125550143, 2 entries of the ledger"
    says = "1 call in progress, kept until the end: erase again then\n"
    assert run(*asked) == (1, f"nothing is erased yet (add --yes): {busy}\n{says}", "")
    assert run(*asked, "--yes") == (1, f"erased {busy}, 0 SIP messages\n{says}", "")
    clock.at += 3 * DAY_US  # Its end was lost.
    assert "1 call from, to or forwarded by 12125550143, 2 entries" in run(*asked, "--yes").out


def test_what_is_older_than_a_date_goes_with_its_headers(path: Path, run: Run, clock: type[Clock]) -> None:
    clock.at += 3 * DAY_US
    asked = ("ledger", "erase", "--before", "2026-11-26T10:03", "--ledger", path)
    told = run(*asked)
    assert told.code == 1
    assert "nothing is erased yet (add --yes): 6 entries older than 2026-11-26T10:03, from 2026-11-26 10:00" in told.out
    told = run(*asked, "--yes")
    # The record on its segment of messages stands at the end of the chain: only a run from the front goes.
    assert told == (0, "erased 5 entries older than 2026-11-26T10:03, and their SIP messages\n", "")
    assert run("ledger", "verify", "--ledger", path).code == 0
    rows = map(json.loads, run("log", *SINCE, "--ledger", path, "--json").out.splitlines())
    assert [row["id"] for row in rows] == ["n1-3", "n1-4", "n1-5"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ((), "name either numbers or --before: what is to be erased?"),
        (("1", "--before", "30d"), "name either numbers or --before: what is to be erased?"),
        (("Mr. Jones",), "'Mr. Jones' is no number: it has no digits"),
        (("--before", "1d"), "--before 1d: calls in progress may need what is younger than two days"),
        (("--before", "soon"), "'soon' is no time: write 15m, 36h, 7d (ago) or 2026-11-26T08:00"),
    ],
)
def test_what_it_refuses(path: Path, run: Run, asked: tuple[str, ...], says: str) -> None:
    assert run("ledger", "erase", *asked, "--yes", "--ledger", path) == (2, "", f"{says}\n")


def test_a_ledger_of_another_user_is_left_to_its_owner(path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root writes anew, the guard couldn't read."""
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    told = run("ledger", "erase", SPOKEN, "--yes", "--ledger", path)
    says = f"ledger {path}: belongs to another user; run this as that user, or start its guard\n"
    assert told == (2, "", says)


def test_a_ledger_that_another_process_writes_and_no_guard_answers_for(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as opened:
        opened.append(morning(tmp_path)[0])
        told = run("ledger", "erase", SPOKEN, "--yes", "--ledger", path, "--control", tmp_path / "none.sock")
    assert told.code == 2
    assert f"process {os.getpid()} writes this ledger already" in told.err
    assert f"no guard answers at {tmp_path / 'none.sock'}" in told.err


# --- with a guard ---------------------------------------------------------------------------------------------------

NUMBER, CALLER = "+442079460018", "+12125550100"


class Site:
    """A guard between a PBX and a carrier."""

    def __init__(self, guard: Guard, pbx: Peer, carrier: Peer) -> None:
        self.guard, self.pbx, self.carrier = guard, pbx, carrier
        self.where = ("--ledger", guard.directory / "state" / "ledger.db", "--control", guard.control)

    def connect(self, number: str) -> tuple[Dialog, Leg]:
        made = call(self.pbx, self.guard.inside, number, CALLER)
        offered = leg(self.carrier, self.carrier.expect("INVITE", call_id=made.call_id))
        offered.answer()
        return made.confirm(self.pbx.expect(200, call_id=made.call_id)), offered

    def hang_up(self, dialog: Dialog) -> None:
        dialog.send("BYE")
        answer_ok(self.carrier, self.carrier.expect("BYE", call_id=dialog.call_id))
        self.pbx.expect(200, call_id=dialog.call_id, method="BYE")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        Peer(PBX, name="pbx") as pbx,
        Peer(CARRIER, name="carrier") as carrier,
        Guard(tmp_path, pbx.address, carrier.address) as guard,
    ):
        yield Site(guard, pbx, carrier)


def test_a_running_guard_erases_and_goes_on(site: Site, run: Run) -> None:
    for number in (NUMBER, "+442079460099"):
        site.hang_up(site.connect(number)[0])
    asked = ("ledger", "erase", NUMBER, *site.where)
    assert "1 call from, to or forwarded by" in run(*asked).out
    told = run(*asked, "--yes", "--json")
    assert told.code == 0
    found = json.loads(told.out)
    assert (found["calls"], found["in_progress"], found["erased"]) == (1, 0, True)
    assert found["messages"] > 4
    assert traces(site.guard.directory / "state", NUMBER[1:]) == []
    assert run("ledger", "verify", "--ledger", site.where[1]).code == 0
    site.hang_up(site.connect("+442079460099")[0])
    site.guard.process.end()
    site.guard.start()
    assert traces(site.guard.directory / "state", NUMBER[1:]) == []
    assert run("ledger", "verify", "--ledger", site.where[1]).code == 0


def test_a_call_in_progress_stays_and_is_known_after_a_restart(site: Site, run: Run) -> None:
    dialog, _ = site.connect(NUMBER)
    told = run("ledger", "erase", NUMBER, "--yes", *site.where)
    assert told.code == 1
    assert "1 call in progress, kept until the end: erase again then" in told.out
    site.guard.process.kill()
    site.guard.start()
    assert [row["state"] for row in site.guard.ask("calls")] == ["up"]
    site.hang_up(dialog)
    assert run("ledger", "erase", NUMBER, "--yes", *site.where).code == 0
    assert traces(site.guard.directory / "state", NUMBER[1:]) == []


def test_a_guard_erases_from_no_other_ledger_than_its_own(site: Site, run: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "ledger.db"
    with ledger(other) as opened:
        opened.append(morning(tmp_path / "other")[0])
        told = run("ledger", "erase", SPOKEN, "--yes", "--ledger", other, "--control", site.guard.control)
    assert told.code == 2
    assert f"this guard writes {site.where[1]}, not {other}" in told.err
