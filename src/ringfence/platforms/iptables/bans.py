"""Bans in the sets of ipset, by its program: a process for any number of them at once."""

from __future__ import annotations

from collections.abc import Iterable

from ringfence.model.time import SECOND, Instant
from ringfence.platforms.firewall.bans import widened
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.tool import run
from ringfence.platforms.firewall.wanted import Network
from ringfence.platforms.iptables.render import IPSET, SETS

PACKAGE = "ipset"
LONGEST_S = 2_147_483
"""What ipset takes at most, some 24 days; the edge keeps a ban that is longer."""


class IpsetBans:
    """A `BanSet`."""

    def ban(self, address: str, until: Instant, *, now: Instant) -> None:
        if until <= now:
            raise FirewallError(f"{address} isn't banned: that would have ended before now")
        self.fill([(address, until)], now=now)

    def fill(self, bans: Iterable[tuple[str, Instant]], *, now: Instant) -> None:
        lines = [_line(address, until - now) for address, until in bans if until > now]
        done = run(IPSET, "restore", "-exist", package=PACKAGE, given="".join(lines))
        if done.code:
            raise FirewallError(_why(done.said))

    def unban(self, address: str) -> bool:
        network = widened(address)
        done = run(IPSET, "del", _set(network), str(network), package=PACKAGE)
        if done.code and "not added" not in done.said:
            raise FirewallError(_why(done.said))
        return not done.code

    def table(self) -> int:
        done = run(IPSET, "list", "-n", package=PACKAGE)
        return int(not done.code and set(SETS.values()) <= set(done.out.split()))

    def close(self) -> None:
        pass


def _line(address: str, duration_us: int) -> str:
    """Rounded up to seconds: a ban doesn't end early."""
    network = widened(address)
    seconds = min(-(-duration_us // SECOND), LONGEST_S)
    return f"add {_set(network)} {network} timeout {seconds}\n"


def _set(network: Network) -> str:
    return SETS[4 if network.version == 4 else 6]


def _why(said: str) -> str:
    gone = "does not exist" in said
    return "the rules aren't in force: `ringfence firewall apply`" if gone else f"ipset refuses the ban: {said}"
