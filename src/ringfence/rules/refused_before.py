"""Goes on after refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class RefusedBefore:
    """An extension that was refused numbers abroad within the hour, and tries another.

    *Why it matters*

    Who is refused a country by mistake asks the administrator. Who tries the next country, and the next, looks for a
    hole. Each different number that was refused makes what comes after it more suspect.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 01137167000000: destination-not-permitted
        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 01137167000000: destination-not-permitted
        call 01137167000001: destination-not-permitted
        call 011442079460018: allow, refused-before

    *References*

    Control E1. TransNexus 2019: the blacklist alone stopped 59 % of an attack.
    """

    slug: ClassVar[str] = "refused-before"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count of refused numbers."""
        traits = abroad(case)
        if traits is None or not traits.new_number:
            return
        weight = step(traits.refused_numbers, (2, 15), (3, 30), (4, 45), (6, 60))
        if weight:
            text = f"{traits.refused_numbers} numbers abroad were refused to this extension within an hour"
            yield weighs(weight, text, traits.refused_numbers, 1, 3600)
