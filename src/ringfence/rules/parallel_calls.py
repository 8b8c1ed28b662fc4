"""One extension in several calls abroad at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class ParallelCalls:
    """More calls abroad of one extension, or of a source to one number, at the same time than were ever up together.

    *Why it matters*

    A person has one call, and one on hold. A stolen account or a forwarded extension carries as many as the trunk has
    channels: 568 calls went through a line of four in a published case. What is usual is learned, so that a switchboard
    or a dialler that calls out under one number isn't suspect for what it always does.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow
        call 011441214960018: allow, parallel-calls
        call 011441314960018: allow, parallel-calls

    *References*

    Control E3. NYT 2014: $166,000 in a weekend through one forwarded extension.
    """

    slug: ClassVar[str] = "parallel-calls"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "abroad"

    def find(self, case: Case) -> Iterator[Finding]:
        """Both counts, where they are over what is usual."""
        traits = abroad(case)
        if traits is None:
            return
        over = traits.parallel - max(traits.usual_parallel, 1)
        weight = step(over, (1, 20), (2, 45), (3, 70))
        if weight and traits.new_number:
            usual = max(traits.usual_parallel, 1)
            text = f"{traits.parallel} calls abroad of this extension at once, at most {usual} before"
            yield weighs(weight, text, traits.parallel, traits.usual_parallel)
        over = traits.same_number - max(traits.usual_same_number, 1)
        weight = step(over, (1, 10), (2, 25), (3, 40), (5, 70), (8, 100))
        if weight:
            text = f"{traits.same_number} calls of source {case.source.name} to this number at once"
            yield weighs(weight, text, traits.same_number, traits.usual_same_number)
