"""Dialled through from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls

WEIGHT, MORE = 20, 15
"""Of a new number, and what an area or country that is new too adds."""


@dataclass(frozen=True, slots=True)
class DialledThrough:
    """A call abroad to a new number by an extension while a call from outside is up to it.

    *Why it matters*

    With direct inward dialling (DISA), a calling card menu or a hacked voicemail a stranger calls in, enters a PIN,
    mostly after some short calls in which he guesses it, and calls out at the owner's expense. The two legs overlap:
    the inbound call is up when the one abroad begins.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        call 011442079460018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        inbound 12025550123 to 101
        call 011442079460018: allow, dialled-through

    *References*

    Controls C10, E3. FBI and Verizon advisories on DISA fraud.
    """

    slug: ClassVar[str] = "dialled-through"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The inbound call, and the short ones before it."""
        traits = abroad(case)
        if traits is None or traits.inbound_before_s < 0 or traits.new_number != "source" or traits.forwarded_by:
            return
        weight = WEIGHT + step(traits.knocks, (1, 15), (2, 30), (3, 45)) + (MORE if traits.new_destination else 0)
        before = f" and {traits.knocks} short ones before it" if traits.knocks else ""
        text = f"a call from outside to this extension is up since {traits.inbound_before_s} s{before}"
        yield weighs(weight, text, traits.inbound_before_s)
