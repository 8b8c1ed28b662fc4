"""Numbers next to each other, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class SequentialNumbers:
    """Calls abroad of one extension to numbers that are next to each other, in a row.

    *Why it matters*

    A script that walks through a rented range, or looks for the numbers in it that answer, dials one number after the
    other. Nobody else does, but for a campaign at home, which isn't looked at here.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011442079460099: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011442079460019: allow
        call 011442079460020: allow, sequential-numbers

    *References*

    Control E3. OpenSIPS fraud_detection (sequential calls).
    """

    slug: ClassVar[str] = "sequential-numbers"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The length of the run."""
        traits = abroad(case)
        weight = step(traits.run, (3, 30), (4, 50), (6, 80)) if traits is not None and traits.new_block else 0
        if traits is not None and weight:
            yield weighs(weight, f"{traits.run} calls in a row to numbers next to each other", traits.run, 2)
