"""`calls ended`: what is told of which calls, from a file, a stream, or by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from clikit import Run

from ringfence.cli import ended as command

HEAD = "call_id,start,answer,end,dialled\n"
START, ANSWER = "2026-11-26T10:00:00", "2026-11-26T10:00:05"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What a guard would have been told."""
    calls: list[tuple[str, int]] = []

    def ask(control: Path, do: str, **arguments: Any) -> dict[str, int]:
        assert do == "ended"
        calls.extend((one["call"], one["talked_s"]) for one in arguments["calls"])
        return {"ended": len(arguments["calls"]), "unknown": 0}

    monkeypatch.setattr(command, "ask", ask)
    return calls


def test_one_call(run: Run, told: list[tuple[str, int]]) -> None:
    assert run("calls", "ended", "x@sbc", "--talked-s", "62").out == "1 over, 0 not held here\n"
    assert run("calls", "ended", "y@sbc").code == 0
    assert told == [("x@sbc", 62), ("y@sbc", 0)]


def test_of_several_tries_the_answered_one(run: Run, told: list[tuple[str, int]], tmp_path: Path) -> None:
    rows = [f"a,{START},,{ANSWER},+1", f"a,{START},{ANSWER},2026-11-26T10:00:15,+1", f"b,{START},,{ANSWER},+1"]
    (tmp_path / "calls.csv").write_text(HEAD + "\n".join(rows) + "\n")
    assert run("calls", "ended", "--cdr", tmp_path / "calls.csv").code == 0
    assert sorted(told) == [("a", 10), ("b", 0)]


def test_a_stream(run: Run, told: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a@sbc 5\n\nnonsense\nb@sbc -3\nc@sbc 0\n"))
    done = run("calls", "ended", "--stream")
    assert (told, done.out) == ([("a@sbc", 5), ("c@sbc", 0)], "2 over, 0 not held here\n")
    assert "line 3: is no CALL SECONDS" in done.err


@pytest.mark.parametrize("arguments", [(), ("a", "--stream"), ("a", "--cdr", "x.csv")])
def test_one_way_at_a_time(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("calls", "ended", *arguments)
    assert (done.code, "say one call, or --cdr, or --stream" in done.err) == (2, True)
