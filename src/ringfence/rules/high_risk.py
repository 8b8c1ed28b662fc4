"""Calls to where fraud was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.verdict import Severity
from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.permits import digits_of, named_exception


@dataclass(frozen=True, slots=True)
class HighRisk:
    """Calls to a number on a block list, or with a risk score over the trunk's levels.

    *Why it matters*

    Within a permitted country there are ranges that are sold to fraudsters and published in test-number lists. A block
    list names them; the risk score sums up what is known of a number: its kind, its country, the way it was dialled,
    each with source and date. The score orders alerts; it refuses only where `risk_block` is set. An exception that
    names the number or its prefix is stronger than both.

    *Before*

        [trunk.carrier]
        permit = ["US", "CU"]
        risk_alert = 30

        call 0115352041234: allow

    *After*

        [trunk.carrier]
        permit = ["US", "CU"]
        risk_alert = 30
        risk_block = 35

        call 0115352041234: high-risk

    *References*

    Control C6. CFCA Worldwide Fraud Survey 2011; FCC consumer alert on one-ring scams, 2019.
    """

    slug: ClassVar[str] = "high-risk"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Destination Not Allowed"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """The row of each block list that matches, and the score at or over its level."""
        found = [*_listed(case), *_scored(case)]
        if not found:
            return
        lifted = named_exception(case)
        for finding in found:
            yield finding if lifted is None else lifted.finding(case, finding.text)


def _listed(case: Case) -> Iterator[Finding]:
    digits = digits_of(case.destination.number) if case.trunk.block_lists else ""
    for block_list in case.trunk.block_lists if digits else ():
        row = block_list.match(digits)
        if row is not None:
            text = f"+{digits} is on a block list under +{row.prefix}: {row.reason} ({row.source}, {row.date})"
            yield Finding("block", text, f"trunk.{case.trunk.name}.block_lists", digits, row.prefix)


def _scored(case: Case) -> Iterator[Finding]:
    trunk, risk = case.trunk, case.destination.risk
    if trunk.risk_block is not None and risk >= trunk.risk_block:
        yield _risky(case, "block", trunk.risk_block)
    elif trunk.risk_alert is not None and risk >= trunk.risk_alert:
        yield _risky(case, "alert", trunk.risk_alert)


def _risky(case: Case, severity: Severity, level: int) -> Finding:
    what, risk = words.destination(case.destination.number, case.attempt.dialled), case.destination.risk
    does = "refused" if severity == "block" else "told"
    text = f"{what} has a risk of {risk} of 100; {does} from {level} on"
    return Finding(severity, text, f"trunk.{case.trunk.name}.risk_{severity}", str(risk), str(level))
