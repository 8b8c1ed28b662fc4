"""Where requests go: a trunk's by `send_to`, those that lately failed last; a source's calls by `deliver_to`.

A name is looked up by a shell (`resolve`), which tells the addresses by `resolved`. Only addresses that belong to the
party are used (`carrier_addresses`, `addresses`): answers from elsewhere would be those of a stranger, and a forged DNS
answer can't lead calls to somebody else (A4, A15).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from ringfence.edge.records import Target
from ringfence.model.settings import Listen, Policy, Source, Trunk
from ringfence.model.time import SECOND
from ringfence.sip.hop import DEFAULT_PORT, Transport
from ringfence.sip.uri import parse_uri

DOWN_FOR = 30_000_000
"""How long a target that failed is tried last at least, microseconds."""
DOWN_LONGEST_S = 3600
"""However long it says itself that it is to be left alone (Retry-After, RFC 3261 §21.5.4)."""
Address = tuple[str, int]
"""Address and port."""


class Name(NamedTuple):
    """What has to be looked up."""

    host: str
    """In lower case."""
    port: int
    """0 where none is written: then SRV records say which (RFC 3263 §4.2)."""
    v6: bool
    """The kind of address that the listener can send to."""
    transport: Transport = "udp"
    """The listener's."""


class Hop(NamedTuple):
    """One place that the policy names for a party, by address or by name."""

    party: str
    """`trunk carrier` or `source pbx`."""
    host: str
    port: int
    listen: Listen
    networks: tuple[IPv4Network | IPv6Network, ...]
    key: str
    """The key that lists the networks."""

    @property
    def name(self) -> Name | None:
        """What to look up; None for an address."""
        v6, transport = ":" in self.listen.host, self.listen.transport
        return None if _is_address(self.host) else Name(self.host.lower(), self.port, v6, transport)

    @property
    def written(self) -> str:
        """Host and port as the policy has them: what the Request-URI names; empty for an address."""
        return "" if _is_address(self.host) else self.host + (f":{self.port}" if self.port else "")

    def has(self, address: str) -> bool:
        """Whether this address is the party's."""
        return any(ip_address(address) in network for network in self.networks)


class Targets:
    """The targets of every trunk, and of every source that takes calls."""

    __slots__ = ("_addresses", "_down", "_hops", "_lists")

    def __init__(self) -> None:
        self._addresses: dict[Name, tuple[Address, ...]] = {}
        """What names were resolved to."""
        self._down: dict[Address, int] = {}
        self._hops: dict[str, list[Hop]] = {}
        """By `Hop.party`, in the order of the policy."""
        self._lists: dict[str, list[Target]] = {}

    def use(self, policy: Policy) -> None:
        """Another policy; what is known of names that it has too stays known."""
        self._hops = {_of_trunk(trunk): _trunk_hops(policy, trunk) for trunk in policy.trunks.values() if trunk.listen}
        sources = [source for source in policy.sources.values() if source.listen]
        self._hops |= {_of_source(source): _source_hops(policy, source) for source in sources}
        wanted = set(self.names())
        self._addresses = {name: found for name, found in self._addresses.items() if name in wanted}
        self._settle()

    def names(self) -> list[Name]:
        """What has to be looked up."""
        return sorted({hop.name for hops in self._hops.values() for hop in hops if hop.name is not None})

    def resolved(self, name: Name, addresses: tuple[Address, ...]) -> None:
        """The addresses of a name, in order."""
        self._addresses[name] = addresses
        self._settle()

    def of(self, trunk: str, now: int) -> list[Target]:
        """Where to try, in order; a list of the caller's own. Empty for a trunk that is gone."""
        return self._in_order(f"trunk {trunk}", now)

    def of_source(self, source: str, now: int) -> list[Target]:
        """Where a source takes its calls, in order; empty where nothing says which of its hosts does."""
        return self._in_order(f"source {source}", now)

    def mark_down(self, host: str, port: int, now: int, after_s: int = 0) -> None:
        """A target failed: others come first for a while, or for as long as it said."""
        self._down = {known: until for known, until in self._down.items() if until > now}
        self._down[host, port] = now + max(DOWN_FOR, min(after_s, DOWN_LONGEST_S) * SECOND)

    def hosts_at(self, kind: str, name: str, address: str, port: int) -> tuple[str, ...]:
        """The host names by which the policy sends a party's requests to this address; else all that it has for it."""
        hops = [hop for hop in self._hops.get(f"{kind} {name}", ()) if hop.name is not None]
        here = [hop.host.lower() for hop in hops if (address, port) in self._found(hop)]
        return tuple(dict.fromkeys(here or [hop.host.lower() for hop in hops]))

    def unusable(self) -> list[str]:
        """Words about addresses of names that aren't used, since they aren't the party's."""
        return [
            f"{hop.party}: {hop.host} has the address {address}, which isn't among its {hop.key}, so it isn't used: "
            "answers from there would be a stranger's"
            for hops in self._hops.values()
            for hop in hops
            for address, _ in self._found(hop)
            if not hop.has(address)
        ]

    def _in_order(self, party: str, now: int) -> list[Target]:
        targets = self._lists.get(party, [])
        if not self._down:
            return targets.copy()
        return sorted(targets, key=lambda target: self._down.get(target[:2], 0) > now)

    def _settle(self) -> None:
        self._lists = {party: list(self._usable(hops)) for party, hops in self._hops.items()}

    def _usable(self, hops: list[Hop]) -> Iterator[Target]:
        for hop in hops:
            for address, port in self._found(hop):
                if hop.has(address):
                    yield Target(address, port, hop.written)

    def _found(self, hop: Hop) -> tuple[Address, ...]:
        name = hop.name
        if name is None:
            return ((hop.host, hop.port or DEFAULT_PORT[hop.listen.transport]),)
        return self._addresses.get(name, ())


def _of_trunk(trunk: Trunk) -> str:
    return f"trunk {trunk.name}"


def _of_source(source: Source) -> str:
    return f"source {source.name}"


def _trunk_hops(policy: Policy, trunk: Trunk) -> list[Hop]:
    uris = [parse_uri(uri.encode()) for uri in trunk.send_to]
    networks, listen = _networks(trunk.carrier_addresses), policy.listens[trunk.listen]
    return [Hop(_of_trunk(trunk), uri.host, uri.port or 0, listen, networks, "carrier_addresses") for uri in uris]


def _source_hops(policy: Policy, source: Source) -> list[Hop]:
    """What `deliver_to` says, else the only address of the source; a digest source has none but what registers."""
    if source.auth == "digest":
        return []
    networks = _networks(source.addresses)
    if source.deliver_to is not None:
        host, _, port = source.deliver_to.rpartition(":")
        where = (host.strip("[]"), int(port))
    elif networks[0].num_addresses == 1:
        where = (str(networks[0].network_address), 0)
    else:
        return []
    return [Hop(_of_source(source), *where, policy.listens[source.listen], networks, "addresses")]


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _networks(cidrs: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(cidr, strict=False) for cidr in cidrs)
