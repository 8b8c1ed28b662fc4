"""`ringfence replay`: exit codes, sums for people and programs, one line a call, and what goes wrong with names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ringfence.cli.app import app, main
from ringfence.errors import RingfenceError
from ringfence.testing.trial import RATES, merged

HEADER = "call_id,start,answer,end,caller,extension,dialled,trunk,direction\n"
LINES = (
    '[trunk.carrier]\npermit = ["US", "GB"]\nbilling = { rates = "rates.csv" }\n'
    "[trunk.carrier.max_call_s]\ninternational = 300\n"
)
CALLS = """\
home,2026-11-27T12:00:00-05:00,2026-11-27T12:00:05-05:00,2026-11-27T12:01:05-05:00,+12125550100,101,12125550143,carrier,out
long,2026-11-27T12:01:00-05:00,2026-11-27T12:01:05-05:00,2026-11-27T12:21:05-05:00,+12125550100,101,011442079460018,carrier,out
riga,2026-11-27T12:02:00-05:00,2026-11-27T12:02:05-05:00,2026-11-27T12:12:05-05:00,+12125550100,102,01137167000000,carrier,out
missed,2026-11-27T12:03:00-05:00,,2026-11-27T12:03:05-05:00,+442079460018,101,12125550100,carrier,in
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.csv").write_text(RATES)
    (tmp_path / "policy.toml").write_text(merged(LINES))
    (tmp_path / "calls.csv").write_text(HEADER + CALLS)
    return tmp_path / "policy.toml"


def failed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that can't be done says."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_what_people_read(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["replay", "--cdr", "calls.csv"]) == 1
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith("3 calls, 3 answered, 31 minutes, 5.46\n")
    assert "would have been refused: 1; cut: 1; saved: 5.35" in out
    assert ["destination-not-permitted", "1", "0", "5.05"] in lines
    assert ["longest-call", "0", "1", "0.30"] in lines
    assert ["pbx/102", "1", "0", "5.05"] in lines
    assert ["GB", "0", "1", "0.30"] in lines


def test_nothing_to_refuse_is_0(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("calls.csv").write_text(HEADER + CALLS.splitlines()[0] + "\n")
    assert app(["replay", "--cdr", "calls.csv"]) == 0
    assert "would have been refused: 0; cut: 0; saved: 0.00" in capsys.readouterr().out


def test_one_line_a_call(policy: Path) -> None:
    assert app(["replay", "--cdr", "calls.csv", "--out", "d.jsonl"]) == 1
    rows = [json.loads(line) for line in Path("d.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [["call_id", "verdict", "reason", "hits", "cut_after_s", "incident"]] * 3
    told = {row["call_id"]: (row["verdict"], row["reason"], row["cut_after_s"]) for row in rows}
    assert told == {
        "home": ("allow", "", None),
        "long": ("allow", "longest-call", 300.0),
        "riga": ("deny", "destination-not-permitted", None),
    }
    assert "destination-not-permitted" in next(row for row in rows if row["call_id"] == "riga")["hits"]


def test_json(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("calls.csv").write_text(HEADER + CALLS + "broken,never,,,,,1,,\n")
    assert app(["replay", "--cdr", "calls.csv", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["calls"], shown["answered"], shown["unplaced"]) == (3, 3, 0)
    assert shown["total"] == {"refused": 1, "cut": 1, "saved_micros": 5_350_000}
    assert shown["left_out"] == {"'never' is no time": 1}


def test_rows_that_cannot_be_used_are_told_with_their_place(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("calls.csv").write_text(HEADER + "x,never,,,,,1,,\n" + CALLS + "y,never,,,,,1,,\nz,2026-11-27,,,,,,,\n")
    app(["replay", "--cdr", "calls.csv"])
    err = capsys.readouterr().err
    assert "3 of 7 rows can't be used:" in err
    assert "  2 rows: 'never' is no time, first at calls.csv:2" in err
    assert "  1 row: dialled is empty, first at calls.csv:8" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--format", "sox"], "--format sox: write one of generic, asterisk"),
        (["--time-zone", "Mars/Port"], "--time-zone Mars/Port: no such time zone; write one like Europe/London or UTC"),
        (["--time-zone", "../etc"], "--time-zone ../etc: no such time zone"),
        (["--source", "nobody"], "--source nobody: the policy has pbx"),
        (["--trunk", "nobody"], "--trunk nobody: the policy has carrier"),
        (["--out", "gone/d.jsonl"], "gone/d.jsonl: No such file or directory"),
        (["--baseline", "gone"], "gone: No such file or directory"),
        (["--policy", "gone.toml"], "gone.toml"),
        (["--cdr", "gone.csv"], "gone.csv: No such file or directory"),
        (["--cdr", "policy.toml"], "policy.toml:1: can't tell what wrote this file; say it with --format (generic, "),
        (["--cdr", "policy.toml", "--format", "generic"], "policy.toml:1: no column call_id, start, dialled"),
    ],
)
def test_what_cannot_be_done(words: list[str], text: str, policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert text in failed(["replay", "--cdr", "calls.csv", *words], capsys)


def test_the_zone_of_the_policy_holds_unless_another_is_given(policy: Path) -> None:
    policy.write_text(merged(LINES + '[trunk.carrier.hours]\ndomestic = "Mon-Fri 08:00-18:00"\n'))
    Path("calls.csv").write_text(HEADER + "a,2026-11-27 17:30:00,,2026-11-27 17:31:00,+12125550100,101,12125550143,,\n")
    assert app(["replay", "--cdr", "calls.csv"]) == 0
    assert app(["replay", "--cdr", "calls.csv", "--time-zone", "UTC"]) == 0
    assert app(["replay", "--cdr", "calls.csv", "--time-zone", "America/Los_Angeles"]) == 1


def test_errors_are_ringfence_errors(policy: Path) -> None:
    with pytest.raises(RingfenceError):
        app(["replay", "--cdr", "gone.csv"])


def test_a_page(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["replay", "--cdr", "calls.csv", "--html", "report.html"]) == 1
    page = Path("report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "calls.csv" in page
    assert "+37167000000 (fixed, LV)" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "gone/r.html: No such file" in failed(["replay", "--cdr", "calls.csv", "--html", "gone/r.html"], capsys)


def test_what_records_say_does_not_command_the_terminal(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "x,2026-11-27T12:00:00-05:00,,,+12125550100,\x1b[2J\u202e101,01137167000000,carrier,out\n"
    Path("calls.csv").write_text(HEADER + hostile)
    assert app(["replay", "--cdr", "calls.csv"]) == 1
    out = capsys.readouterr().out
    assert "pbx/\\x1b[2J\\u202e101" in out
    assert "\x1b" not in out


@pytest.fixture
def other(policy: Path) -> str:
    """A policy that permits Latvia, and lets calls last."""
    Path("other.toml").write_text(merged(LINES.replace('"GB"', '"GB", "LV"').replace("300", "3000")))
    return "other.toml"


def test_what_another_policy_does_otherwise(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["replay", "--cdr", "calls.csv", "--versus", other, "--html", "v.html", "--out", "v.jsonl"]) == 1
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert out.startswith("3 calls, 2 treated differently\n")
    assert ["policy.toml", "1", "1", "5.35"] in rows
    assert ["other.toml", "0", "0", "0.00"] in rows
    assert ["newly", "let", "through", "destination-not-permitted", "1", "-5.05"] in rows
    assert ["newly", "let", "through", "longest-call", "1", "-0.30"] in rows
    assert "What another policy would do otherwise" in Path("v.html").read_text()
    lines = [json.loads(line) for line in Path("v.jsonl").read_text().splitlines()]
    told = {row["call_id"]: (row["change"], row["policy"]["reason"], row["versus"]["verdict"]) for row in lines}
    assert told == {
        "riga": ("allowed", "destination-not-permitted", "allow"),
        "long": ("allowed", "longest-call", "allow"),
    }
    assert [row["more_micros"] for row in lines if row["call_id"] == "riga"] == [-5_050_000]


def test_the_same_for_programs(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["replay", "--policy", other, "--cdr", "calls.csv", "--versus", "policy.toml", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["calls"], shown["different"], shown["unplaced"]) == (3, 2, 0)
    assert shown["changes"]["refused"] == {"calls": 1, "more_micros": 5_050_000}
    assert shown["changes"]["cut"] == {"calls": 1, "more_micros": 300_000}
    assert [way["after"] for way in shown["ways"]] == ["destination-not-permitted", "longest-call"]


def test_policies_that_do_the_same_are_0(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["replay", "--cdr", "calls.csv", "--versus", "policy.toml"]) == 0
    assert "3 calls, 0 treated differently" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--versus", "gone.toml"], "gone.toml"),
        (["--versus", "policy.toml", "--jobs", "2"], "--jobs and --versus exclude each other"),
        (["--versus", "policy.toml", "--out", "gone/x"], "gone/x: No such file"),
    ],
)
def test_what_cannot_be_compared(words: list[str], text: str, policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert text in failed(["replay", "--cdr", "calls.csv", *words], capsys)
