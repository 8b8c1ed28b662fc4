"""What is remembered of our own registrations at carriers, and of challenges that we answer."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.model.fact import Enrolled
from ringfence.model.settings import Register
from ringfence.sip.digest import Challenge


class Asked(NamedTuple):
    """A challenge that can be answered."""

    challenge: Challenge
    header: str
    """Of the answer."""
    secret: str
    """The HA1."""

    @property
    def stale(self) -> bool:
        """Whether only the nonce was too old."""
        return self.challenge.stale


class Enrolment:
    """Of one trunk."""

    __slots__ = (
        "armed", "asked", "call_id", "client", "count", "cseq", "expires_s", "failures", "fresh", "settings", "told",
        "tries", "trunk", "until", "wake",
    )  # fmt: skip

    def __init__(self, trunk: str, settings: Register, call_id: str) -> None:
        self.trunk = trunk
        self.settings = settings
        self.call_id = call_id
        self.cseq = 0
        self.expires_s = settings.expires_s
        """How long is asked for."""
        self.asked: Asked | None = None
        """The challenge that is answered."""
        self.count = 0
        """How often."""
        self.fresh = False
        """Whether it came in answer to the REGISTER before, so that it can't be too old."""
        self.client = ""
        """Key of the transaction whose answer is waited for."""
        self.failures = 0
        self.tries = 0
        """Addresses that kept silent in this round."""
        self.until = 0
        """When the registration runs out."""
        self.told: Enrolled | None = None
        self.wake = self.armed = 0
