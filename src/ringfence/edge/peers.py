"""Who an address is: the first question about every datagram (A1, A9).

Theory. Identity is what was verified, and on UDP that is the address and the listener it came in on; a From header is
never asked. One listener may serve several sources and several trunks of the same carrier, so an address stands for a
`Party`: its kind and the names that it may be. Answers are remembered, in two dictionaries with a bound: one for known
addresses and one for strangers, so that a flood from forged addresses can't push the known ones out.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple

from ringfence.model.settings import ANYWHERE, Policy, Source

MAX_KNOWN = 65_536
MAX_STRANGERS = 4_096


class Party(NamedTuple):
    """Who may be at an address, seen from one listener."""

    kind: Literal["source", "trunk"]
    names: tuple[str, ...]
    """In the order of the policy; a source first of its name."""

    label: str
    """`source:NAME` or `trunk:NAME,NAME`: what a leg remembers."""


def plain_host(host: str) -> str:
    """An address as `ip_address` writes it: no zone, IPv4 out of its IPv6 wrapping."""
    if ":" not in host:
        return host
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


Name = tuple[Literal["source", "trunk"], str]
Networks = dict[tuple[int, int], dict[int, list[Name]]]
"""By (IP version, prefix length): leading bits of the address to who has that network."""


class Peers:
    """Look-up by (listener, address) for one policy."""

    __slots__ = ("_known", "_networks", "_proofs", "_strangers", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._networks: dict[str, Networks] = {}
        self._proofs: dict[Name, frozenset[str]] = {}
        """Names that the certificate of who is known by one has to have."""
        for source in policy.sources.values():
            self._add(source.listen, ("source", source.name), source.addresses)
            self._proofs["source", source.name] = frozenset(source.tls_peer)
        for trunk in policy.trunks.values():
            self._add(trunk.listen, ("trunk", trunk.name), trunk.carrier_addresses)
            self._proofs["trunk", trunk.name] = frozenset(trunk.tls_peer)
        for networks in self._networks.values():
            longest_first = sorted(networks.items(), key=lambda item: -item[0][1])
            networks.clear()
            networks.update(longest_first)
        self._known: dict[tuple[str, str], Party] = {}
        self._strangers: set[tuple[str, str]] = set()

    def _add(self, listener: str, name: Name, addresses: tuple[str, ...]) -> None:
        networks = self._networks.setdefault(listener, {})
        for text in addresses:
            network = ip_network(text, strict=False)
            bits = _leading(int(network.network_address), network.max_prefixlen, network.prefixlen)
            rows = networks.setdefault((network.version, network.prefixlen), {})
            rows.setdefault(bits, []).append(name)

    def find(self, listener: str, host: str) -> Party | None:
        """The party at this address, None for a stranger. The longest prefix decides, among equals sources.

        Whoever is known by a certificate is among them too: `proven` says who somebody with a certificate is.
        """
        key = (listener, host)
        party = self._known.get(key)
        if party is not None:
            return party
        if key in self._strangers:
            return None
        party = self._search(listener, host)
        if party is None:
            if len(self._strangers) >= MAX_STRANGERS:
                self._strangers.clear()
            self._strangers.add(key)
        else:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = party
        return party

    def is_inside(self, host: str) -> bool:
        """Whether an address is that of a source, or of a listener that no trunk is reached by."""
        outer = {trunk.listen for trunk in self.policy.trunks.values()}
        for name, listen in self.policy.listens.items():
            party = self.find(name, host)
            if party is not None and party.kind == "source":
                return True
            if name not in outer and host in (listen.host, listen.advertise_host):
                return True
        return False

    def proven(self, listener: str, host: str, domains: tuple[str, ...]) -> Party | None:
        """The party at this address whose certificate is of these domains; else one that its address is enough for."""
        rows = self._rows(listener, host)
        proven = [[name for name in names if not self._proofs[name].isdisjoint(domains)] for names in rows]
        others = [[name for name in names if not self._proofs[name]] for names in rows]
        return _party_of([names for names in proven if names]) or _party_of([names for names in others if names])

    def is_named(self, listener: str, host: str) -> bool:
        """Whether an address is somebody's in particular, not just one of those from anywhere with a certificate."""
        return any(not self._from_anywhere(name) for names in self._rows(listener, host) for name in names)

    def _from_anywhere(self, name: Name) -> bool:
        kind, party = name
        return kind == "source" and self.policy.sources[party].addresses == ANYWHERE

    def is_proven(self, party: Party) -> bool:
        """Whether a party is known by its certificate."""
        return any(self._proofs[party.kind, name] for name in party.names)

    def _rows(self, listener: str, host: str) -> list[list[Name]]:
        """Who has the address, the longest prefix first."""
        try:
            address = ip_address(host)
        except ValueError:
            return []
        version, number = address.version, int(address)
        return [
            names
            for (of, length), rows in self._networks.get(listener, {}).items()
            if of == version and (names := rows.get(_leading(number, address.max_prefixlen, length)))
        ]

    def _search(self, listener: str, host: str) -> Party | None:
        return _party_of(self._rows(listener, host))

    def sources_of(self, trunks: tuple[str, ...]) -> list[Source]:
        """Sources that take calls from one of these trunks."""
        wanted = set(trunks)
        return [s for s in self.policy.sources.values() if "in" in s.directions and wanted.intersection(s.trunks)]

    def source_for(self, trunks: tuple[str, ...], digits: str) -> Source | None:
        """Whose an inbound number is: the one that names it, else the only one that names none."""
        takers = self.sources_of(trunks)
        for source in takers:
            if digits and any(same_number(digits, did) for did in source.dids):
                return source
        open_ended = [source for source in takers if not source.dids]
        return open_ended[0] if len(open_ended) == 1 else None


def _party_of(rows: list[list[Name]]) -> Party | None:
    """Who is meant where these have an address, the longest prefix first."""
    if not rows:
        return None
    sources = tuple(name for kind, name in rows[0] if kind == "source")
    if sources:
        return _party("source", sources)
    return _party("trunk", tuple(name for names in rows for kind, name in names if kind == "trunk"))


def _party(kind: Literal["source", "trunk"], names: tuple[str, ...]) -> Party:
    return Party(kind, names, f"{kind}:{','.join(names)}")


def _leading(number: int, size: int, length: int) -> int:
    return number >> (size - length)


def digits_in(text: str) -> str:
    """The digits of a text."""
    return "".join(character for character in text if character in "0123456789")


def same_number(digits: str, did: str) -> bool:
    """Whether what the carrier dialled is this DID: all of it, or it without its country code (7 digits at least)."""
    return digits == did or (len(digits) >= 7 and did.endswith(digits.lstrip("0")) and len(digits.lstrip("0")) >= 7)
