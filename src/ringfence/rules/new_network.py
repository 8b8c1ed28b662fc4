"""Abroad from a network or a device that the extension never used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, abroad, weighs
from ringfence.rules.traits import Calls

NETWORK, AGENT = 35, 20
"""What each weighs."""


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """The call comes from another network, or by another user agent, than the extension's calls before.

    *Why it matters*

    Stolen credentials are used from somewhere else, often with other software: correct password, business hours,
    ordinary speed, so that nothing else is remarkable. The remote colleague on travels comes from a new network too,
    but calls the numbers he always calls.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011441214960018 peer 203.0.113.9:5060: allow, new-network

    *References*

    Controls A2, E4. USENIX ;login:, Anatomy of SIP attacks.
    """

    slug: ClassVar[str] = "new-network"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = True
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """What is new of network and user agent."""
        traits = abroad(case)
        if traits is None or not traits.new_number or traits.forwarded_by:
            return  # What is forwarded comes from the PBX, wherever the phone is.
        news = []
        if traits.new_network:
            news.append(f"network {traits.new_network}")
        if traits.new_agent:
            news.append(f"user agent {words.quoted(traits.new_agent)}")
        weight = NETWORK * bool(traits.new_network) + AGENT * bool(traits.new_agent)
        if news:
            yield weighs(weight, f"this extension never called from {' with '.join(news)} before", ", ".join(news))
