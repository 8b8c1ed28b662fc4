"""Abroad after a password was guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class GuessedPassword:
    """A call to a new number abroad by an extension that was registered, from a new network, after wrong passwords.

    *Why it matters*

    The oldest way in: a machine tries passwords until one is right, registers, and calls a revenue-share number within
    minutes. Who mistypes a password sits where he always sits: from a network that the extension is known from,
    nothing is weighed.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days
        wrong password 25 times
        registered
        call 011441214960018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days
        wrong password 25 times peer 203.0.113.9:5060
        registered peer 203.0.113.9:5060
        call 011441214960018 peer 203.0.113.9:5060: allow, guessed-password

    *References*

    Controls B4, E4.
    """

    slug: ClassVar[str] = "guessed-password"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The story, if there is one."""
        traits = abroad(case)
        if traits is None or not traits.new_number:
            return
        weight = step(traits.wrong_passwords, (3, 25), (5, 45), (20, 70))
        if weight:
            times = f"{traits.wrong_passwords} wrong passwords for this extension"
            since = f"then a registration from {traits.guessed_from}, {traits.guessed_s} s before this call"
            yield weighs(weight, f"{times}, {since}", traits.wrong_passwords, 3, 86_400)
