"""Calls abroad that hardly anybody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls

LEAST = 6
"""Calls that a share can be told from."""


@dataclass(frozen=True, slots=True)
class FailingCalls:
    """Most of an extension's calls abroad to new numbers within a day were not answered.

    *Why it matters*

    Who looks for numbers that work, or dials through a range, fails most of the time. People reach somebody in every
    second call or so, and don't go on.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 100 s 6 times: allow
        call 011441214960018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 0 s 6 times: allow
        call 011441214960018: allow, failing-calls

    *References*

    Control E3. ASR of 60 to 70 % is usual in VoIP.
    """

    slug: ClassVar[str] = "failing-calls"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The share of failures, where there are enough calls."""
        traits = abroad(case)
        if traits is None or traits.tried < LEAST or not traits.new_number:
            return
        weight = step(traits.failed / traits.tried, (0.8, 20), (0.95, 35))
        if weight:
            last = f"{traits.failed} of the last {traits.tried} calls abroad of this extension to new numbers"
            text = f"{last} were not answered"
            yield weighs(weight, text, traits.failed, traits.tried, 86_400)
