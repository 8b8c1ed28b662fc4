"""Calls through a guard's own process over UDP, then the same calls as records through `ringfence replay`.

The day in `tests/edge/test_edge_replay.py` compares more, by a clock of its own; here nothing is shared but the policy
and what a call record holds.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ringfence.cli.app import app
from ringfence.ledger.reading import Reader
from ringfence.model import Answered, Arrived, Decided, Ended, Fact
from ringfence.testing.simulate.attacks import BY_KIND
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import customer
from ringfence.testing.simulate.kinds import BY_NAME
from ringfence.testing.simulate.live import Stage, own_guard, scripts_of

pytestmark = pytest.mark.e2e
MONDAY = date(2026, 11, 9)
OWNER = customer(4, 0, BY_NAME["office"])
ATTACKS = ("published-case", "wangiri", "forwarding", "dial-through", "prefix-probing", "known-country")
EACH = 25
CUTS = ("suspicious-call", "contained")
MOVED = (*CUTS, "parallel-calls")
"""What may differ while a call is being cut, which counts as up meanwhile."""
HEADER = (
    "call_id", "start", "answer", "end", "caller", "extension", "source_ip", "user_agent", "dialled", "trunk",
    "diverted_from", "direction",
)  # fmt: skip


def played(stage: Stage) -> list[Fact]:
    """Some calls of each attack with everyday ones among them; what the ledger holds of them."""
    for kind in ATTACKS:
        scripts = scripts_of(4, stage.owner, MONDAY, [BY_KIND[kind]], everyday=True)
        for _ in stage.player.play([script for script in scripts if isinstance(script, Call)][:EACH]):
            pass
    with Reader(stage.control.parent / "ledger.db") as reader:
        return [fact for _, fact in reader.facts()]


def records(facts: list[Fact], path: Path) -> None:
    """What a PBX would have written of it, times to the microsecond; what is still up ends with the ledger."""
    last = max(fact.at for fact in facts)
    answers = {fact.id: fact.at for fact in facts if isinstance(fact, Answered)}
    ends = {fact.id: fact.at for fact in facts if isinstance(fact, Ended)}
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for fact in facts:
            if isinstance(fact, Decided):
                own = fact.attempt
                rest = (own.caller, own.extension, own.peer.rpartition(":")[0], own.user_agent, own.dialled, own.trunk)
                row = (*rest, own.forwarded_by or "", "out")
            elif isinstance(fact, Arrived):
                row = (fact.caller, "", "", "", fact.dialled, fact.trunk, "", "in")
            else:
                continue
            call = fact.attempt.id if isinstance(fact, Decided) else fact.id
            rows.writerow((call, iso(fact.at), iso(answers.get(call, 0)), iso(ends.get(call, last)), *row))


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat() if at else ""


def ending(facts: list[Fact]) -> list[tuple[int, int]]:
    """From the verdict to the end of each call that was cut: in the guard it is up until both sides say so.

    In a replay it ends at once, so that what is contained by it then may come a call earlier or later.
    """
    began = {fact.attempt.id: fact.at for fact in facts if isinstance(fact, Decided)}
    ended = [fact for fact in facts if isinstance(fact, Ended) and fact.cause in CUTS]
    return [(began[fact.id], fact.at) for fact in ended if fact.id in began]


def test_a_replay_decides_as_the_guard_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with own_guard(OWNER, 600, everything=True, enforce=True) as stage:
        facts = played(stage)
        records(facts, tmp_path / "calls.csv")
        policy = stage.control.parents[1] / "policy.toml"
        app(
            [
                "replay",
                "--policy",
                str(policy),
                "--cdr",
                str(tmp_path / "calls.csv"),
                "--out",
                str(tmp_path / "d.jsonl"),
            ]
        )
    live = {
        fact.attempt.id: (
            fact.verdict.outcome,
            fact.verdict.reason,
            list(dict.fromkeys(hit.rule for hit in fact.verdict.hits)),
        )
        for fact in facts
        if isinstance(fact, Decided)
    }
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert len(lines) == len(live)
    at, slow = {fact.attempt.id: fact.at for fact in facts if isinstance(fact, Decided)}, ending(facts)
    for one in lines:
        verdict, reason, hits = live[one["call_id"]]
        assert one["verdict"] == verdict, one
        if one["cut_after_s"] is None:
            between = any(began < at[one["call_id"]] < ended for began, ended in slow)
            assert between or one["reason"] == reason, one
            found = [[hit for hit in names if not between or hit not in MOVED] for names in (one["hits"], hits)]
            assert found[0] == found[1], one
    cut = {fact.id for fact in facts if isinstance(fact, Ended) and fact.cause in CUTS}
    assert {one["call_id"] for one in lines if one["cut_after_s"] is not None} == cut
    outcomes = [verdict for verdict, *_ in live.values()]
    assert min(outcomes.count("allow"), outcomes.count("deny")) > 10, outcomes
    assert sum(isinstance(fact, Arrived) for fact in facts) > 10
    assert "calls, " in capsys.readouterr().out
