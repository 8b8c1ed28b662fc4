"""What people order a running guard about bans: look, ban, release, allow. Commands of the control socket.

An order can't hit whom the policy names: carriers, PBXs, this machine, `bans.allow` (B6).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import msgspec

from ringfence.engine.allowances import MAX_ALLOWED
from ringfence.engine.bans import Bans
from ringfence.engine.spared import Network
from ringfence.model import SECOND, Allowed, Banned, Disallowed, Instant, Unbanned
from ringfence.platforms.fail2ban.database import Foreign
from ringfence.server.control import ControlError
from ringfence.server.guard import Guard
from ringfence.server.orders import LONGEST_HOLD_S, ordered_text, ordered_us

BY_HAND = "by-hand"
FAIL2BAN = "fail2ban"
WIDEST = {4: 8, 6: 19}
"""Shortest prefix that may be banned: more is a mistake."""
BAN_ORDERS = ("bans", "ban", "unban", "import_bans", "allow", "disallow", "allowed")
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
        obstacle = self._obstacle(network, arguments)
        if obstacle:
            raise ControlError(obstacle)
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

    # Who is never banned.

    def allowed(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """All who are never banned since somebody said so, the latest last."""
        return [msgspec.to_builtins(fact) for fact in sorted(self._in_force(), key=lambda fact: (fact.at, fact.name))]

    def allow(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Never ban an address or network from now on; for a time where `for_s` is given."""
        now, network = self._now(), _network(str(arguments.get("address", "")))
        if network.prefixlen < WIDEST[network.version]:
            raise ControlError(f"{_name(network)} is a large part of all there is; allow something narrower")
        if len(self._guard.engine.banning.allowances) >= MAX_ALLOWED:
            raise ControlError(f"{MAX_ALLOWED} are allowed already: `ringfence disallow` some, or write bans.allow")
        fact = Allowed(
            at=now,
            name=_name(network),
            until=now + ordered_us(arguments) if arguments.get("for_s") else 0,
            why=ordered_text(arguments, "why"),
            owner=ordered_text(arguments, "owner"),
        )
        self._guard.order(fact)
        found: dict[str, Any] = msgspec.to_builtins(fact)
        return found

    def disallow(self, arguments: dict[str, Any]) -> None:
        """Undo that."""
        name = _name(_network(str(arguments.get("address", ""))))
        if name not in {fact.name for fact in self._in_force()}:
            raise ControlError(f"{name} isn't allowed by hand; `ringfence allowed` lists who is")
        self._guard.order(Disallowed(at=self._now(), name=name, owner=ordered_text(arguments, "owner")))

    def _in_force(self) -> list[Allowed]:
        now = self._now()
        return [fact for fact in self._guard.engine.banning.allowances if not fact.until or fact.until > now]

    def _obstacle(self, network: Network, arguments: dict[str, Any]) -> str:
        """Why this network can't be banned; `connected` of the arguments are addresses of who orders it."""
        if network.prefixlen < WIDEST[network.version]:
            return f"{_name(network)} is a large part of all there is; ban something narrower"
        connected = (each for each in arguments.get("connected", ()) if _touches(each, network))
        mine = next((f"your own connection from {each}" for each in connected), "")
        whose = self._guard.engine.banning.spared.whose(network) or mine
        return f"{_name(network)} would hit {whose}, which is never banned" if whose else ""

    def import_bans(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """Take over bans of fail2ban (`address`, `jail`, `until`, `failures`), or with `dry` say what would become of
        each."""
        owner, dry, now = ordered_text(arguments, "owner"), arguments.get("dry") is True, self._now()
        given = _converted(arguments.get("bans"))
        return [self._imported(one, owner, arguments, now, dry=dry) for one in given]

    def _imported(
        self, one: Foreign, owner: str, arguments: dict[str, Any], now: Instant, *, dry: bool
    ) -> dict[str, Any]:
        name = self._named(one.address, arguments)
        until = min(one.until, now + LONGEST_HOLD_S * SECOND)
        before = self._bans.get(name)
        says = self._obstacle(_network(name), arguments)
        if not says and before is not None and before.until >= until:
            says = "is banned for as long already"
        if not says and not dry:
            reason, why = f"{FAIL2BAN} {one.jail}", "taken over from fail2ban"
            fact = Banned(at=now, name=name, until=until, reason=reason, why=why, evidence=one.failures, owner=owner)
            self._guard.order(fact)
        return {"name": name, "jail": one.jail, "until": until, "failures": one.failures, "obstacle": says}

    def _named(self, address: str, arguments: dict[str, Any]) -> str:
        """What is banned for an address: of IPv6 its /64, unless that would hit somebody who is never banned."""
        network = _network(address)
        if network.num_addresses > 1:
            return str(network)
        wide = self._guard.engine.banning.name(address) or address
        return address if self._obstacle(_network(wide), arguments) else wide

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


def _converted(bans: object) -> list[Foreign]:
    try:
        return msgspec.convert(bans, list[Foreign])
    except msgspec.ValidationError as error:
        raise ControlError(f"no list of bans: {error}") from None


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
