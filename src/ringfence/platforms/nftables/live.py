"""nftables of this machine, by its own program `nft`.

Why the program and not libnftables: its Python binding is a module of Debian's for the system's Python, and what it
takes is the same text. A change is rare, one process is enough for it, and the text is what a person reads in a diff.
Bans come often and go by netlink instead (`bans.py`).
"""

from __future__ import annotations

from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.tool import run
from ringfence.platforms.firewall.wanted import Wanted
from ringfence.platforms.nftables import render as rendering
from ringfence.platforms.nftables.bans import Bans

PACKAGE = "nftables"
_LIST = ("nft", "-s", "-t", "list", "table", "inet", rendering.TABLE)
"""Without counters and without the elements of named sets, which change by themselves."""


class Nftables:
    """A `Backend`. Every method raises FirewallError."""

    name = "nftables"

    def render(self, wanted: Wanted) -> str:
        return rendering.render(wanted)

    def back_to(self, listing: str) -> str:
        return rendering.back_to(listing)

    def bans(self) -> Bans:
        return Bans()

    def check(self, text: str) -> None:
        done = run("nft", "-c", "-f", "-", package=PACKAGE, given=text)
        if done.code:
            raise FirewallError(f"nftables refuses the rules: {done.said}")

    def put(self, text: str) -> None:
        done = run("nft", "-f", "-", package=PACKAGE, given=text)
        if done.code:
            raise FirewallError(f"nftables refuses the rules, nothing was changed: {done.said}")

    def listing(self) -> str:
        done = run(*_LIST, package=PACKAGE)
        if done.code and "No such file or directory" not in done.said:
            raise FirewallError(f"nftables can't be read: {done.said}")
        return done.out if rendering.has_rules(done.out) else ""
