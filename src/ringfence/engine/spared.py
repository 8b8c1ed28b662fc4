"""Who is never banned, whatever is seen or ordered (B6): carriers, PBXs and other parties that the policy names by
address, our own addresses, this machine, and the networks of `bans.allow`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from ringfence.model.settings import ANYWHERE, Policy

Network = IPv4Network | IPv6Network
_MACHINE = ("127.0.0.1", "::1")


class Spared:
    """Of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._names: dict[Network, str] = {}
        """What each of them is, for people."""
        self._lengths: dict[int, set[int]] = {4: set(), 6: set()}
        """Prefix lengths that there are, by IP version."""
        for trunk in policy.trunks.values():
            self._add(f"trunk {trunk.name}", trunk.carrier_addresses)
        for source in policy.sources.values():
            self._add(f"source {source.name}", source.addresses if source.addresses != ANYWHERE else ())
        for listen in policy.listens.values():
            self._add(f"listen {listen.name}", (listen.host, listen.advertise_host))
        self._add("this machine", _MACHINE)
        self._add("bans.allow", policy.bans.allow)

    def _add(self, name: str, addresses: tuple[str, ...]) -> None:
        for text in addresses:
            network = _network(text)
            if network is not None and not network.network_address.is_unspecified:
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


def _network(text: str) -> Network | None:
    """A host may be a name."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
