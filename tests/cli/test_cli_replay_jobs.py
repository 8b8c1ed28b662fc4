"""A replay in several processes finds what one finds, to the byte, and says where it can't be spread."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

from ringfence.cli import replay_jobs
from ringfence.cli.app import app, main
from ringfence.cli.replay_jobs import Asked
from ringfence.history import apart
from ringfence.testing.trial import RATES

HEAD = """\
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[behaviour]
mode = "enforce"
"""
PARTY = """\
[tenant.t{0}]
[trunk.way{0}]
listen = "inside"
carrier_addresses = ["127.0.1.{0}"]
send_to = ["sip:127.0.1.{0}:5060"]
permit = ["US", "GB", "LV"]
billing = {{ rates = "rates.csv" }}
concurrent = {{ block = 3 }}
[trunk.way{0}.max_call_s]
international = 400
[source.pbx{0}]
zone = "internal"
listen = "inside"
addresses = ["127.0.2.{0}"]
caller_ids = ["+1212555{0:02}00-+1212555{0:02}99"]
trunks = ["way{0}"]
tenant = "t{0}"
"""
HEADER = "call_id,start,answer,end,caller,extension,dialled,trunk,direction"
DIALLED = ("12125550143", "011442079460018", "01137167000000", "911", "01153123456789", "12125550144", "12125550145")


def row(number: int) -> str:
    """The nth call; several a second, so that many become known at one instant."""
    party, second = number * 7 % 5 + 1, 8 * 3600 + number // 4
    talk = number * 37 % 600 if number % 3 else 0
    start, answer, end = (clock(at) for at in (second, second + 5, second + 5 + talk))
    way = "in" if number % 11 == 0 else "out"
    fields = [f"c{number % 400}", start, answer if talk else "", end, f"+1212555{party:02}00", str(100 + number % 9)]
    return ",".join([*fields, DIALLED[number // 5 * 3 % 7], f"way{party}" if number % 50 else "nobody's", way])


def clock(second: int) -> str:
    return f"2026-11-27T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}-05:00"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rates.csv").write_text(RATES)
    Path("policy.toml").write_text(HEAD + "".join(PARTY.format(number) for number in range(1, 6)))
    Path("calls.csv").write_text("\n".join([HEADER, *map(row, range(3000))]) + "\n")
    return tmp_path


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, object], str]:
    """The sums, and the remarks beside them."""
    assert app(["replay", "--cdr", "calls.csv", "--json", *words]) == 1
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def test_two_processes_find_what_one_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone, _ = told(["--jobs", "1", "--out", "one.jsonl", "--html", "one.html"], capsys)
    both, err = told(["--jobs", "2", "--out", "two.jsonl", "--html", "two.html"], capsys)
    assert (alone.pop("jobs"), both.pop("jobs")) == (1, 2)
    assert both == alone
    assert alone["unplaced"] == 60
    assert len(alone["by_source"]) == 5  # type: ignore[arg-type]
    assert {"concurrent-calls", "longest-call"} <= set(alone["by_rule"])  # type: ignore[call-overload]
    assert Path("two.jsonl").read_bytes() == Path("one.jsonl").read_bytes()
    assert Path("two.html").read_text() == Path("one.html").read_text()
    assert "judged in" not in err


def test_few_calls_are_not_worth_a_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    assert told([], capsys)[0]["jobs"] == 1
    monkeypatch.setattr(replay_jobs, "FEW", 1000)
    assert told([], capsys)[0]["jobs"] == 2


@pytest.mark.parametrize(
    ("parties", "jobs", "used", "text"),
    [
        (1, "2", 1, "judged in one process: the policy has one source"),
        (2, "9", 2, "judged in 2 processes: sources of"),
        (1, "1", 1, ""),
    ],
)
def test_where_it_cannot_be_spread_it_says_so(
    parties: int, jobs: str, used: int, text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("policy.toml").write_text(HEAD + "".join(PARTY.format(number) for number in range(1, parties + 1)))
    found, err = told(["--jobs", jobs], capsys)
    assert found["jobs"] == used
    assert (text in err) if text else ("judged in" not in err)


@pytest.mark.parametrize(
    ("parties", "few", "text"),
    [
        (1, 1000, "judged in one process: the policy has one source"),
        (3, 1000, "judged in one process: sources of one trunk, of one tenant, or of none share caps or habits"),
        (1, 20_000, ""),
    ],
)
def test_of_many_calls_it_says_why_one_core_judges_them(
    parties: int, few: int, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(replay_jobs, "FEW", few)
    ways = "".join(PARTY.format(number) for number in range(1, parties + 1))
    Path("policy.toml").write_text(HEAD + re.sub(r"(?m)^\[?tenant.*\n", "", ways))
    found, err = told([], capsys)
    assert found["jobs"] == 1
    assert (text in err) if text else ("judged in" not in err)


def test_what_goes_wrong_in_a_process_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked(Path("policy.toml"), "", "", None)
    placing = asked.player().placing
    broken = asked._replace(baseline=Path("gone"))
    with pytest.raises(apart.CdrError, match="gone: No such file or directory"):
        replay_jobs._apart(broken, placing, iter(()), None, 2)


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--jobs", "-1"], "--jobs -1: write how many"), (["--jobs", "2", "--out", "gone/x"], "gone/x: No such file")],
)
def test_what_cannot_be_done(words: list[str], text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["replay", "--cdr", "calls.csv", *words])
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stderr on which there is a person."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_how_far_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert app(["replay", "--cdr", "calls.csv", "--jobs", "1"]) == 1
    assert "judging" in terminal.getvalue()
    assert "of 3,000 calls" in terminal.getvalue()
