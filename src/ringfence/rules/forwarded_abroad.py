"""Forwarded abroad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, weighs
from ringfence.rules.traits import Calls

WEIGHT, MORE = 15, 15
"""Of a new number, and what an area or country that is new too adds."""


@dataclass(frozen=True, slots=True)
class ForwardedAbroad:
    """A call that somebody forwarded goes to a number abroad that is new.

    *Why it matters*

    Who gets at a voicemail PIN or a web portal sets a forward to a number that pays him, and then calls in, from
    anywhere and as often as the trunk has channels. The bill goes to who forwarded. The owner's mobile abroad is a
    forward too: one number, one call at a time.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011442079460018 forwarded by 12125550100: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 forwarded by 12125550100: allow, forwarded-abroad

    *References*

    Controls C10, E3. FCC consumer guide on voicemail hacking; NZ TCF code on call forward fraud.
    """

    slug: ClassVar[str] = "forwarded-abroad"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = True
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """Who forwarded it."""
        traits = abroad(case)
        if traits is None or not traits.forwarded_by or traits.new_number != "source":
            return
        weight = WEIGHT + (MORE if traits.new_destination else 0)
        yield weighs(weight, f"forwarded abroad by {words.quoted(traits.forwarded_by)}", traits.forwarded_by)
