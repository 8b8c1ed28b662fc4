"""`ringfence reconcile`: exit codes, what people and programs read, remarks, and what can't be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clikit import Run, kept

BILL = "Connect Time,Called Number,Duration (s),Charge\n"
UK = "2026-11-26 10:00:05,+442079460000,90,1.20\n"
"""What `clikit.morning` has of it: answered, 90 s at 0.60 a minute."""


@pytest.fixture
def morning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger, a policy and a bill that agrees."""
    monkeypatch.chdir(tmp_path)
    kept(tmp_path)
    Path("bill.csv").write_text(BILL + UK)
    return tmp_path


def billed(run: Run, *lines: str, words: tuple[str, ...] = ()) -> tuple[int, dict[str, object]]:
    """Exit code and result for a bill of these lines."""
    Path("bill.csv").write_text(BILL + "".join(lines))
    done = run("reconcile", "--cdr", "bill.csv", "--ledger", "ledger.db", "--json", *words)
    return done.code, json.loads(done.out)


def test_a_bill_that_agrees_is_0(morning: Path, run: Run) -> None:
    done = run("reconcile", "--cdr", "bill.csv", "--ledger", "ledger.db")
    assert done.code == 0, done.out
    assert done.out.startswith("bill: 1 row, 2026-11-26 to 2026-11-26, 2 minutes, 1.20\n")
    assert "matched with calls of the ledger: 1; differences: 0" in done.out
    assert (
        "bill.csv: read as --map 'answer=Connect Time,dialled=Called Number,seconds=Duration (s),cost=Charge'"
        in done.err
    )


def test_a_call_around_the_guard_is_1(morning: Path, run: Run) -> None:
    Path("bill.csv").write_text(BILL + UK + "2026-11-26 10:02:30,+37167000000,600,9.00\n")
    done = run("reconcile", "--cdr", "bill.csv", "--ledger", "ledger.db", "--out", "found.jsonl")
    assert done.code == 1
    assert ["never seen by the guard", "1", "9.00"] in done.rows
    (row,) = [cells for cells in done.rows if "+37167000000" in cells]
    assert row[:2] == ["2026-11-26 10:02:30", "+37167000000"]
    assert "bill.csv:3" in row
    (line,) = Path("found.jsonl").read_text().splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["money_micros"]) == ("unseen", 9_000_000)


def test_each_kind_for_programs(morning: Path, run: Run) -> None:
    code, found = billed(run, "2026-11-26 10:00:05,+442079460000,300,6.00\n", "2026-11-26 10:01:00,+5378345678,60,1\n")
    assert code == 1
    counts = {kind: sums["calls"] for kind, sums in found["kinds"].items()}  # type: ignore[attr-defined]
    assert counts == {
        "unseen": 0, "refused": 1, "unanswered": 0, "twice": 0, "duration": 1, "price": 1, "unbilled": 0,
    }  # fmt: skip
    assert (found["rows"], found["matched"]) == (2, 2)


def test_tolerances(morning: Path, run: Run) -> None:
    late = "2026-11-26 10:00:35,+442079460000,93,1.25\n"
    assert billed(run, late)[0] == 1
    assert billed(run, late, words=("--tolerance-money", "0.05"))[0] == 0
    assert billed(run, late, words=("--tolerance-money", "0.05", "--within-s", "10"))[0] == 1
    long = UK.replace("90", "125")
    assert billed(run, long, words=("--tolerance-money", "9"))[0] == 1
    assert billed(run, long, words=("--tolerance-money", "9", "--tolerance-s", "5"))[0] == 0


def test_what_has_to_be_known_is_remarked(morning: Path, run: Run) -> None:
    Path("bill.csv").write_text(
        "Date;Called;Seconds;Direction\n26.11.2026 10:00:12;442079460000;90;out\n26.11.2026 10:00:12;12125550100;9;in\n"
        "01.11.2026 10:00:00;442079460000;90;out\nTotal;;;\n"
    )
    done = run("reconcile", "--cdr", "bill.csv", "--ledger", "ledger.db")
    assert done.code == 0
    assert "1 row of calls that came in are left out" in done.err
    assert "1 row can't be compared: before the ledger begins" in done.err
    assert "the carrier's times are 7.0 s ahead of ours (median)" in done.err
    assert "1 of 4 rows can't be used" in done.err


def test_what_a_bill_says_does_not_command_the_terminal(morning: Path, run: Run) -> None:
    Path("bill.csv").write_text(BILL + UK + "2026-11-26 10:00:09,+44\x1b[2J\u202e20,60,1\n")
    done = run("reconcile", "--cdr", "bill.csv", "--ledger", "ledger.db")
    assert "\x1b" not in done.out + done.err
    assert "\\x1b[2J" in done.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--trunk", "nobody"), "--trunk nobody: the policy has carrier"),
        (("--ledger", "gone.db"), "gone.db"),
        (("--policy", "gone.toml"), "gone.toml"),
        (("--cdr", "gone.csv"), "gone.csv: No such file"),
        (("--cdr", "policy.toml"), "can't tell when and where its calls went; say it with --map"),
        (("--map", "start=x"), "no line of the first 50 has the columns x"),
        (("--map", "start=x", "--format", "asterisk"), "exclude each other"),
        (("--format", "sox"), "--format sox: write one of"),
        (("--tolerance-money", "much"), "--tolerance-money much: write an amount"),
        (("--tolerance-money", "NaN"), "--tolerance-money NaN: write an amount"),
        (("--tolerance-money", "-1"), "--tolerance-money -1: write an amount"),
        (("--date-format", "%H"), "--date-format '%H'"),
        (("--time-zone", "Mars"), "--time-zone Mars"),
        (("--out", "gone/x"), "gone/x: No such file"),
    ],
)
def test_what_cannot_be_done(words: tuple[str, ...], text: str, morning: Path, run: Run) -> None:
    done = run("reconcile", "--cdr", "bill.csv", *words, *(() if "--ledger" in words else ("--ledger", "ledger.db")))
    assert done.code == 2
    assert text in done.err
