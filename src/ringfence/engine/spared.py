"""Who is never banned, whatever is seen or ordered (B6): carriers, PBXs and other parties that the policy names by
address, our own addresses, this machine, administrators, and the networks of `bans.allow`; and whom
somebody allowed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from ringfence.model.settings import ANYWHERE, Policy

Network = IPv4Network | IPv6Network
_MACHINE = ("127.0.0.1", "::1")


class Spared:
    """Of one policy, and of what people allowed beside it."""

    def __init__(self, policy: Policy, allowed: Iterable[str] = ()) -> None:
        self._names: dict[Network, str] = {}
        """What each of them is, for people."""
        self._lengths: dict[int, set[int]] = {4: set(), 6: set()}
        """Prefix lengths that there are, by IP version."""
        by_hand = ("somebody allowed by hand (`ringfence allowed`)", tuple(map(ip_network, allowed)))
        for name, networks in (*never_banned(policy), by_hand):
            for network in networks:
                self._names.setdefault(network, name)
                self._lengths[network.version].add(network.prefixlen)

    def whose(self, network: Network) -> str:
        """Who would be hit by a ban of this network: `trunk carrier`; empty where nobody."""
        for length in self._lengths[network.version]:
            if length <= network.prefixlen and (found := self._names.get(network.supernet(new_prefix=length))):
                return found
        if network.prefixlen == network.max_prefixlen:
            return ""
        within = (name for one, name in self._names.items() if one.version == network.version and one.overlaps(network))
        return next(within, "")


def never_banned(policy: Policy) -> Iterator[tuple[str, tuple[Network, ...]]]:
    """Who it is, for people, and where."""
    for trunk in policy.trunks.values():
        yield f"trunk {trunk.name}", _networks(*trunk.carrier_addresses, *trunk.media)
    for source in policy.sources.values():
        if source.addresses != ANYWHERE:
            yield f"source {source.name}", _networks(*source.addresses)
    for listen in policy.listens.values():
        yield f"listen {listen.name}", _networks(listen.host, listen.advertise_host)
    yield "this machine", _networks(*_MACHINE)
    yield "bans.allow", _networks(*policy.bans.allow)
    if policy.firewall is not None:
        yield "firewall.admins", _networks(*policy.firewall.admins)


def _networks(*texts: str) -> tuple[Network, ...]:
    found = (_network(text) for text in texts)
    return tuple(one for one in found if one is not None and not one.network_address.is_unspecified)


def _network(text: str) -> Network | None:
    """A host may be a name."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
