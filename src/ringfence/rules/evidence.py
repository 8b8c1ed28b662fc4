"""What behaviour rules share: a finding that weighs something and refuses nothing by itself."""

from __future__ import annotations

from ringfence.rules.base import Case, Finding
from ringfence.rules.traits import Traits

PUBLIC = "Call Not Allowed"
"""Reason phrase of a refusal by evidence: who calls isn't told what gave him away."""

WHOSE = {"extension": "this extension", "source": "this source", "tenant": "this tenant", "trunk": "this trunk"}


def weighs(weight: int, text: str, observed: object = "", limit: object = "", window_s: int = 0) -> Finding:
    """Evidence of a weight: 100 is enough to refuse a call unless the policy says otherwise."""
    return Finding("info", text, "behaviour", str(observed), str(limit), window_s, weight)


def abroad(case: Case) -> Traits | None:
    """The traits of a call abroad or to a special kind; None for all others."""
    return case.traits if case.traits is not None and case.traits.foreign else None


def step(value: float, *steps: tuple[float, int]) -> int:
    """The weight of the last step that a value reaches; steps rise."""
    weight = 0
    for bound, reached in steps:
        if value < bound:
            break
        weight = reached
    return weight
