"""What every firewall has to be able to do, whatever it is called."""

from __future__ import annotations

from typing import Protocol

from ringfence.platforms.firewall.bans import BanSet
from ringfence.platforms.firewall.wanted import Wanted


class Backend(Protocol):
    """One firewall of this machine. Texts are in its own language; all but the pure ones raise FirewallError."""

    @property
    def name(self) -> str:
        """Its slug."""

    def render(self, wanted: Wanted) -> str:
        """What is wanted as one change. Pure."""

    def back_to(self, listing: str) -> str:
        """The change after which `listing` says again what it said. Pure."""

    def bans(self) -> BanSet:
        """Who is banned here."""

    def check(self, text: str) -> None:
        """Have it read a change without making it."""

    def put(self, text: str) -> None:
        """Make a change, whole or not at all."""

    def listing(self) -> str:
        """What of ours is in force, without what changes by itself; empty where nothing is."""
