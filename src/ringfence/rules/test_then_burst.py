"""Short calls to a new area, then more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class TestThenBurst:
    """Calls to an area that is new for the source, after short ones into it within a day.

    *Why it matters*

    Before the pump starts, its owner tests with a call or two of some seconds whether the route works and the number is
    counted. The second and third call into an area that was new an hour ago, after such short ones, is that pattern.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 300 s: allow
        call 011442079460019: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 20 s: allow
        call 011442079460019: allow, test-then-burst

    *References*

    Control E3. Simwood 2015: fraudsters first call ordinary test numbers.
    """

    slug: ClassVar[str] = "test-then-burst"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of tests."""
        traits = abroad(case)
        if traits is None or traits.new_area in ("", "extension") or not traits.new_number:
            return
        weight = step(traits.tests, (1, 15), (2, 30), (3, 45))
        if weight:
            text = (
                f"{traits.tests} short calls into this area within 24 hours, which was new to source {case.source.name}"
            )
            yield weighs(weight, text, traits.tests, 0, 86_400)
