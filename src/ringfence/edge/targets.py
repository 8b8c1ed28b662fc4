"""Where the requests of a trunk go: addresses in the order of `send_to`, those that lately failed last (RFC 3263 §4).

A name is resolved by a shell (`resolve`), which tells the addresses by `resolved`. Only addresses among the trunk's
`carrier_addresses` are used: answers from elsewhere would be those of a stranger, and a forged DNS answer can't lead
calls to somebody else (A4, A15).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ringfence.edge.records import Target
from ringfence.model.settings import Policy, Trunk
from ringfence.sip.uri import Uri, parse_uri

DOWN_FOR = 30_000_000
"""How long a target that failed is tried last, microseconds."""


class Targets:
    """The targets of every trunk."""

    __slots__ = ("_addresses", "_down", "_lists", "_policy", "_uris")

    def __init__(self) -> None:
        self._addresses: dict[tuple[str, int], tuple[str, ...]] = {}
        """Addresses of a (name, port) that was resolved."""
        self._down: dict[tuple[str, int], int] = {}
        self._lists: dict[str, list[Target]] = {}
        self._uris: dict[str, list[Uri]] = {}
        self._policy: Policy | None = None

    def use(self, policy: Policy) -> None:
        """Another policy."""
        self._policy = policy
        self._uris = {
            trunk.name: [parse_uri(uri.encode()) for uri in trunk.send_to] for trunk in policy.trunks.values()
        }
        wanted = set(self.names())
        self._addresses = {name: found for name, found in self._addresses.items() if name in wanted}
        self._settle()

    def names(self) -> list[tuple[str, int]]:
        """What has to be resolved: (host name, port)."""
        uris = (uri for uris in self._uris.values() for uri in uris)
        return sorted({(uri.host, uri.port or 5060) for uri in uris if not is_address(uri.host)})

    def resolved(self, host: str, port: int, addresses: tuple[str, ...]) -> None:
        """The addresses of a name, in order."""
        self._addresses[host, port] = addresses
        self._settle()

    def of(self, trunk: str, now: int) -> list[Target]:
        """Where to try, in order; a list of the caller's own. Empty for a trunk that is gone."""
        targets = self._lists.get(trunk, [])
        if not self._down:
            return targets.copy()
        return sorted(targets, key=lambda target: self._down.get(target[:2], 0) > now)

    def mark_down(self, host: str, port: int, now: int) -> None:
        """A target failed: others come first for a while."""
        self._down = {known: until for known, until in self._down.items() if until > now}
        self._down[host, port] = now + DOWN_FOR

    def unusable(self) -> list[str]:
        """Words about names without addresses, and addresses outside the trunk's networks."""
        said = []
        for trunk, uris in self._uris.items():
            for uri in uris:
                if not self._found(uri):
                    said.append(f"trunk {trunk}: {uri.host} has no address yet")
                elif not self._usable(trunk, uri):
                    said.append(f"trunk {trunk}: no address of {uri.host} is in carrier_addresses")
        return said

    def _settle(self) -> None:
        self._lists = {
            trunk: [target for uri in uris for target in self._usable(trunk, uri)] for trunk, uris in self._uris.items()
        }

    def _found(self, uri: Uri) -> tuple[str, ...]:
        if is_address(uri.host):
            return (uri.host,)
        return self._addresses.get((uri.host, uri.port or 5060), ())

    def _usable(self, trunk: str, uri: Uri) -> list[Target]:
        if self._policy is None:
            return []
        networks = _networks(self._policy.trunks[trunk])
        domain = "" if is_address(uri.host) else uri.host
        return [
            Target(address, uri.port or 5060, domain)
            for address in self._found(uri)
            if any(ip_address(address) in network for network in networks)
        ]


def is_address(host: str) -> bool:
    """Whether a URI's host is an address and no name."""
    return ":" in host or host.replace(".", "").isdigit()


def _networks(trunk: Trunk) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in trunk.carrier_addresses]
