"""Addresses between the tables of a policy: each is one party's, and a remote user's is in the VPN or an exception."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ringfence.model.settings import ANYWHERE, PRIVATE
from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError
from ringfence.policy.tree import Node
from ringfence.sip.uri import parse_uri

Network = IPv4Network | IPv6Network


def wrong_addresses(document: Document) -> Iterator[PolicyError]:
    """Overlaps on a listener, targets that answer as strangers, remote sources outside the VPN (control A12)."""
    yield from _overlaps(document)
    yield from _strange_targets(document)
    yield from _remote(document)
    yield from _not_its_own(document)


def _strange_targets(document: Document) -> Iterator[PolicyError]:
    """Where calls are sent has to be its party's, since what comes from elsewhere is dropped, answers too."""
    for entry in document.named["trunk"].values():
        own = entry.values.get("carrier_addresses")
        for index, uri in enumerate(entry.values.get("send_to", ())):
            host = parse_uri(uri.encode()).host
            if own and is_address(host) and not _inside(host, own):
                text = f"{host} isn't among carrier_addresses, so its answers would be a stranger's"
                yield entry.at("send_to").value[index].error(text, "write it there too")
    for entry in document.named["source"].values():
        own, (host, _) = entry.values.get("addresses"), entry.values.get("deliver_to", ("", None))
        if own and is_address(host) and not _inside(host, own):
            text = f"{host} isn't among the source's addresses, so its answers would be a stranger's"
            yield entry.at("deliver_to").error(text, "write it there too")


def is_address(host: str) -> bool:
    """Whether a host is an address, not a name, which only the resolver knows."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _remote(document: Document) -> Iterator[PolicyError]:
    vpn = _vpn(document)
    if vpn is None:
        return
    for name, entry in document.named["source"].items():
        if entry.values.get("zone") != "remote":
            continue
        allowed = [*vpn, *(cidr for cidr, _ in _excepted(document, name))]
        for cidr, node in _own(entry):
            if not _inside(cidr, allowed):
                text = f"{_short(cidr)} isn't in site.vpn, and a remote source sends from elsewhere by exception only"
                hint = 'write [[address_exception]] with source, addresses, owner, why and until, or zone = "internal"'
                yield node.error(text, hint)


def _vpn(document: Document) -> tuple[str, ...] | None:
    """The VPN's networks; None where they can't be read, so that one mistake isn't told many times."""
    site = document.single.get("site")
    if site is None:
        return None
    if "vpn" not in site.node.value:
        return PRIVATE
    found: tuple[str, ...] | None = site.values.get("vpn")
    return found


def _not_its_own(document: Document) -> Iterator[PolicyError]:
    for name, entry in document.named["source"].items():
        own = [cidr for cidr, _ in _own(entry)]
        for cidr, node in _excepted(document, name):
            if own and not any(_inside(each, [cidr]) for each in own):
                key = "addresses" if "addresses" in entry.values else "networks"
                yield node.error(
                    f"{_short(cidr)} holds no address of source.{name}", f"write it into the source's {key} too"
                )


def _own(entry: Entry) -> list[tuple[str, Node]]:
    """Where a source may send from."""
    return _addresses(entry) + _addresses(entry, "networks")


def _excepted(document: Document, source: str) -> list[tuple[str, Node]]:
    """Networks of the exceptions of a source."""
    entries = [e for e in document.listed["address_exception"] if e.values.get("source") == source]
    return [pair for entry in entries for pair in _addresses(entry)]


def _addresses(entry: Entry, key: str = "addresses") -> list[tuple[str, Node]]:
    nodes: Any = entry.at(key).value
    return list(zip(entry.values.get(key, ()), nodes, strict=False))


def shares_addresses(one: Entry, other: Entry) -> bool:
    """Whether two trunks have a carrier address in common."""
    pairs = [(a, b) for a in one.values.get("carrier_addresses", ()) for b in other.values.get("carrier_addresses", ())]
    return any(_inside(a, [b]) or _inside(b, [a]) for a, b in pairs)


def _anywhere(entry: Entry) -> list[tuple[str, Node]]:
    """Where a source is that is known by its certificate alone."""
    at = entry.at("tls_peer")
    return [(cidr, at) for cidr in ANYWHERE] if "tls_peer" in entry.values and "addresses" not in entry.values else []


def _inside(cidr: str, networks: Iterable[str]) -> bool:
    inner = ip_network(cidr)
    return any(_holds_all(ip_network(outer), inner) for outer in networks)


def _holds_all(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _short(cidr: str) -> str:
    """One address without its `/32`."""
    network = ip_network(cidr)
    return str(network.network_address) if network.num_addresses == 1 else cidr


class _Claim:
    """A network that a source or carrier of a listener has."""

    def __init__(self, owner: str, carrier: bool, cidr: str, node: Node, peers: frozenset[str]) -> None:
        self.owner = owner
        self.carrier = carrier
        self.network: Network = ip_network(cidr)
        self.node = node
        self.peers = peers
        """Names by which it is told apart from others at the same address."""

    def is_mistaken_for(self, other: _Claim) -> bool:
        """Whether a message from an address of both could be of either."""
        if self.owner == other.owner or (self.carrier and other.carrier):
            return False
        return self.peers == other.peers or not self.peers.isdisjoint(other.peers)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.network.version, int(self.network.network_address), -self.network.num_addresses


def _overlaps(document: Document) -> Iterator[PolicyError]:
    """Sweep each listener's networks by first address: what begins before an earlier one ends overlaps it."""
    claims: dict[str, list[_Claim]] = {}
    for section, key in (("trunk", "carrier_addresses"), ("source", "addresses")):
        for name, entry in document.named[section].items():
            for cidr, node in _addresses(entry, key) or _anywhere(entry):
                peers = frozenset(entry.values.get("tls_peer", ()))
                claim = _Claim(f"{section}.{name}", section == "trunk", cidr, node, peers)
                claims.setdefault(entry.values.get("listen", ""), []).append(claim)
    for on_listener in claims.values():
        yield from _overlaps_of(sorted(on_listener, key=lambda claim: claim.order))


def _overlaps_of(claims: list[_Claim]) -> Iterator[PolicyError]:
    """Two networks overlap only if one holds the other, so the open ones form a stack."""
    stack: list[_Claim] = []
    for claim in claims:
        while stack and not _holds(stack[-1], claim):
            stack.pop()
        clash = next((s for s in reversed(stack) if s.is_mistaken_for(claim)), None)
        if clash is not None:
            first, second = sorted((clash, claim), key=lambda c: (c.node.path, c.node.line))
            hint = "a message from there could be of either"
            yield second.node.error(
                f"{second.network} overlaps {first.network} of {first.owner} on the same listener", hint
            )
        stack.append(claim)


def _holds(outer: _Claim, inner: _Claim) -> bool:
    a, b = outer.network, inner.network
    return a.version == b.version and int(a.broadcast_address) >= int(b.network_address)
