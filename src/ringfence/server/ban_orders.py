"""What people order a running guard about bans: look, ban, release. Commands of the control socket.

An order can't hit whom the policy names: carriers, PBXs, this machine, `bans.allow` (B6).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import msgspec

from ringfence.engine.bans import Bans
from ringfence.engine.spared import Network
from ringfence.model import Banned, Instant, Unbanned
from ringfence.server.control import ControlError
from ringfence.server.guard import Guard
from ringfence.server.orders import ordered_text, ordered_us

BY_HAND = "by-hand"
WIDEST = {4: 8, 6: 19}
"""Shortest prefix that may be banned: more is a mistake."""
BAN_ORDERS = ("bans", "ban", "unban")
"""Methods of `BanOrders` that are commands of the control socket."""


class BanOrders:
    """Of one guard."""

    def __init__(self, guard: Guard, now: Callable[[], Instant]) -> None:
        self._guard = guard
        self._now = now

    @property
    def _bans(self) -> Bans:
        return self._guard.engine.banning.bans

    def bans(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """All in force, the latest last; or those that an address is under."""
        now, wanted = self._now(), str(arguments.get("address", ""))
        network = _network(wanted) if wanted else None
        found = (fact for fact in self._bans if fact.until > now)
        of_it = (fact for fact in found if network is None or _touches(fact.name, network))
        return [msgspec.to_builtins(fact) for fact in sorted(of_it, key=lambda fact: (fact.at, fact.name))]

    def ban(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ban an address or network for a while."""
        now, network = self._now(), _network(str(arguments.get("address", "")))
        whose = self._guard.engine.banning.spared.whose(network)
        if whose:
            raise ControlError(f"{_name(network)} would hit {whose}, which is never banned")
        if network.prefixlen < WIDEST[network.version]:
            raise ControlError(f"{_name(network)} is a large part of all there is; ban something narrower")
        fact = Banned(
            at=now,
            name=_name(network),
            until=now + ordered_us(arguments),
            reason=BY_HAND,
            why=ordered_text(arguments, "why"),
            owner=ordered_text(arguments, "owner"),
        )
        self._guard.order(fact)
        found: dict[str, Any] = msgspec.to_builtins(fact)
        return found

    def unban(self, arguments: dict[str, Any]) -> list[str]:
        """Undo what bans an address or network; all there is for `all`."""
        wanted, owner = str(arguments.get("address", "")), ordered_text(arguments, "owner")
        network = None if wanted == "all" else _network(wanted)
        names = [fact.name for fact in self._bans if network is None or _touches(fact.name, network)]
        if not names and network is not None:
            raise ControlError(f"{_name(network)} isn't banned; `ringfence bans` lists what is")
        for name in names:
            self._guard.order(Unbanned(at=self._now(), name=name, owner=owner))
        return names


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ControlError(f"{text!r} is no address or network: {error}") from None


def _name(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _touches(name: str, network: Network) -> bool:
    other = ip_network(name)
    return other.version == network.version and other.overlaps(network)
