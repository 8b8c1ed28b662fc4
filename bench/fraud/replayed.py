"""Detector (d): Ringfence itself, by its own commands.

`learn --baseline` reads the five weeks, a copy of the policy sets what was learned to enforce, and
`replay --baseline --out` judges the sixth week. The outcomes are read from `decisions.jsonl`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from corpus import Case
from ringfence.cli.app import app
from ringfence.errors import RingfenceError
from score import Outcome

FIXED = frozenset(
    {
        "unverified-source", "caller-id-not-owned", "unusable-number", "destination-not-permitted", "special-kind",
        "high-risk", "outside-hours", "price-over-ceiling", "concurrent-calls", "calls-per-window", "calls-per-second",
        "spend", "longest-call",
    }
)  # fmt: skip
"""Rules of what the policy says, not of what was learned."""


class ReplayError(RingfenceError):
    """A command of ours failed."""


@cache
def available() -> bool:
    """Whether this version has the commands."""
    return {"learn", "replay"} <= set(app)


class Replayed:
    """One customer's history, learned, and sixth weeks, replayed, under one of his policies."""

    def __init__(self, case: Case, policy: str) -> None:
        self._case = case
        self._baseline = case.folder / "baseline"
        self._policy = case.folder / f"enforced-{policy}"
        text = (case.folder / policy).read_text()
        self._policy.write_text(f'{text}\n[behaviour]\nmode = "enforce"\n')
        if not self._baseline.exists():
            learned = ("--out", str(case.folder / "learned.toml"), "--baseline", str(self._baseline))
            _ringfence("learn", *_cdr(case.history), "--home", case.owner.home, *learned)

    def week(self, name: str) -> Mapping[str, Outcome]:
        """Outcomes by call id."""
        folder = self._case.folder / name
        out = folder / f"{self._policy.stem}.jsonl"
        given = ("--policy", str(self._policy), "--baseline", str(self._baseline), "--out", str(out))
        _ringfence("replay", *given, *_cdr([folder / "week-6.csv"]))
        with out.open(encoding="utf-8") as file:
            return {row["call_id"]: _outcome(row) for row in map(json.loads, file)}


def _cdr(paths: list[Path]) -> list[str]:
    return [part for path in paths for part in ("--cdr", str(path))]


def _outcome(row: dict[str, object]) -> Outcome:
    cut = row.get("cut_after_s")
    reason = str(row.get("reason") or "")
    return Outcome(row["verdict"] != "allow", float(str(cut)) if cut is not None else None, reason in FIXED)


def _ringfence(*arguments: str) -> None:
    """Run a command; raises ReplayError with what it said where it fails. Exit code 1: something was found."""
    done = subprocess.run([sys.executable, "-m", "ringfence", *arguments], capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise ReplayError(f"ringfence {' '.join(arguments)}\n{done.stderr.strip()}")
