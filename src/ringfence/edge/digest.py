"""What the edge knows of digest sources: where they are challenged and how, whose accounts there are, who is where."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from ringfence.edge.bindings import Bindings
from ringfence.edge.guests import Guests
from ringfence.edge.nonces import Nonces, offer
from ringfence.edge.secrets import Hashes, Secrets
from ringfence.model.settings import Policy, Source
from ringfence.model.time import SECOND, Instant
from ringfence.sip.dialog import Leg
from ringfence.sip.digest import ALGORITHMS, Algorithm, ha1

Network = IPv4Network | IPv6Network


class Entrance(NamedTuple):
    """A listener at which strangers are challenged."""

    sources: tuple[str, ...]
    """Digest sources that come in there."""
    offered: tuple[Algorithm, ...]
    status: int
    """What an INVITE is challenged with: 407, since we are the proxy of phones and PBXs (RFC 3261 §22.3); 401 where all
    are vendors, to whom we are the far end."""
    networks: tuple[Network, ...]
    """Strangers from elsewhere get no answer."""


class Until(NamedTuple):
    """Networks that are permitted for a while (control A12)."""

    networks: tuple[Network, ...]
    until: Instant


class Digest:
    """Of one edge."""

    __slots__ = (
        "_dummies", "_exceptions", "_networks", "bindings", "entrances", "guests", "nonces", "owners", "realm",
        "secrets",
    )  # fmt: skip

    def __init__(self, secret: bytes, secrets: Secrets) -> None:
        self.guests = Guests()
        self.bindings = Bindings()
        self.nonces = Nonces(secret)
        self.secrets = secrets
        self.realm = ""
        self.entrances: dict[str, Entrance] = {}
        """By listener."""
        self.owners: dict[str, Source] = {}
        """By account."""
        self._networks: dict[str, tuple[Network, ...]] = {}
        self._exceptions: dict[str, list[Until]] = {}
        self._dummies: dict[Algorithm, str] = {}

    def use(self, policy: Policy) -> None:
        """Another policy. Who no longer has an account may end his calls, and no more."""
        sources = [source for source in policy.sources.values() if source.auth == "digest"]
        self.realm = policy.digest.realm
        self.nonces.lasting(policy.digest.nonce_s * SECOND)
        self.owners = {account: source for source in sources for account in source.accounts}
        self._networks = {source.name: _read(source.networks) for source in sources}
        self._exceptions = {}
        for one in policy.address_exceptions:
            self._exceptions.setdefault(one.source, []).append(Until(_read(one.addresses), one.until))
        self.entrances = {
            name: _entrance([source for source in sources if source.listen == name])
            for name, listen in policy.listens.items()
            if listen.digest and any(source.listen == name for source in sources)
        }
        self._dummies = {algorithm: ha1(algorithm, "", self.realm, "") for algorithm in ALGORITHMS}

    def trust(self, secrets: Secrets) -> set[str]:
        """Other secrets; gives the accounts that no longer have the one they had."""
        before, self.secrets = self.secrets, secrets
        return {owner.user for owner in before if _changed(before.of(*owner), secrets.of(*owner))}

    def moved(self) -> set[str]:
        """Accounts with contacts that aren't of the source any more that they were of."""
        facts = [binding.fact for binding in self.bindings]
        owners = self.owners
        return {f.account for f in facts if f.account not in owners or owners[f.account].name != f.source}

    def recall(self, leg: Leg) -> None:
        """Who is at one end of a call from before a restart proved his password then."""
        kind, _, name = leg.party.partition(":")
        if kind == "source" and name in self._networks:
            self.guests.add((leg.listener, leg.host, leg.port), f" {leg.host}:{leg.port}", name)

    def secret_of(self, account: str, source: Source | None, algorithm: Algorithm) -> tuple[str, bool]:
        """The HA1 to compare with, and whether it is one: where there is none the comparison takes as long."""
        permitted = source is not None and algorithm in source.digest_algorithms
        found = self.secrets.of(account, self.realm).get(algorithm) if permitted else None
        return found or self._dummies[algorithm], found is not None

    def users(self, host: str) -> int:
        """How many accounts were right at an address."""
        return self.guests.users(self.entrances, host)

    def is_near(self, listener: str, host: str) -> bool:
        """Whether strangers at this address are challenged."""
        entrance = self.entrances.get(listener)
        return entrance is not None and any(ip_address(host) in network for network in entrance.networks)

    def admits(self, source: Source, host: str, now: Instant) -> bool:
        """Whether accounts of a source may be at this address now."""
        address = ip_address(host)
        if not any(address in network for network in self._networks[source.name]):
            return False
        spans = [one for one in self._exceptions.get(source.name, ()) if any(address in n for n in one.networks)]
        return not spans or any(now < one.until for one in spans)


def _changed(before: Hashes, after: Hashes) -> bool:
    return any(after.get(algorithm) != kept for algorithm, kept in before.items())


def _entrance(sources: list[Source]) -> Entrance:
    return Entrance(
        sources=tuple(source.name for source in sources),
        offered=offer({algorithm for source in sources for algorithm in source.digest_algorithms}),
        status=401 if all(source.zone == "vendor" for source in sources) else 407,
        networks=tuple(dict.fromkeys(network for source in sources for network in _read(source.networks))),
    )


def _read(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)
