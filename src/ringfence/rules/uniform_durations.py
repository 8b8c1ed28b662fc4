"""Calls to new areas that all take equally long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class UniformDurations:
    """The last answered calls of an extension to new areas took the same time, to two per cent.

    *Why it matters*

    Machines hang up by the clock; people don't. Calls of the same length to areas that are new are pumped, or tests of
    what a carrier counts.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 60 s: allow
        call 011441214960018 for 600 s: allow
        call 011441314960018 for 190 s: allow
        call 011441414960018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018 for 181 s: allow
        call 011441214960018 for 180 s: allow
        call 011441314960018 for 180 s: allow
        call 011441414960018: allow, uniform-durations

    *References*

    Control E3.
    """

    slug: ClassVar[str] = "uniform-durations"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of calls that were alike."""
        traits = abroad(case)
        weight = step(traits.uniform, (3, 25), (4, 40), (6, 60)) if traits is not None and traits.new_destination else 0
        if traits is not None and weight:
            text = f"the last {traits.uniform} calls of this extension to new areas took {traits.uniform_s} s each"
            yield weighs(weight, text, traits.uniform, 2, 86_400)
