"""From the policy to what the firewall of this machine shall admit (controls A1 to A3, B6). Pure.

Theory. Every port that the policy names is a door with a list of who may knock; whoever isn't on it is dropped without
an answer, over IPv4 and IPv6 alike: a door that is only described for one of them is shut for the other. The doors of
listeners come first, so that nothing else can widen them; where services share a port, whoever is on either list gets
in. What comes to ports that no door is for is left alone, or dropped where the policy says so. The firewall only ever
narrows what the machine's other tables let in.

Before the doors stand the bans, and before those the list of who is never banned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Literal

import msgspec

from ringfence.engine.spared import never_banned
from ringfence.model.firewall import Firewall, OtherPorts, Ports, Service
from ringfence.model.settings import Listen, Policy, Source, Trunk

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
Version = Literal[4, 6]
EVERY_HOST = ""
"""Every address of this machine, of both kinds."""
_WILDCARDS: dict[str, Version] = {"0.0.0.0": 4, "::": 6}


class Admitted(msgspec.Struct, frozen=True):
    """Somebody and where he is."""

    who: str
    """`source pbx`, `service ssh`."""
    networks: tuple[str, ...]
    """In CIDR form."""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Ports and who may reach them."""

    name: str
    """Dotted key of the policy: `listen.inside`."""
    host: str
    """An address of this machine, `0.0.0.0` or `::` for all of that kind, or EVERY_HOST."""
    ports: tuple[Ports, ...]
    admitted: tuple[Admitted, ...]
    asks: bool = False
    """Whether strangers are asked for a password here: then the edge keeps bans, which knows phones from who shares
    their address, and emergency calls."""

    @property
    def versions(self) -> tuple[Version, ...]:
        """Of the Internet Protocol, over which it can be reached."""
        if self.host == EVERY_HOST:
            return 4, 6
        return (_version(self.host),)

    @property
    def one_host(self) -> str:
        """The address it is at, empty where it is at many."""
        return "" if self.host in _WILDCARDS else self.host

    def networks(self, version: Version) -> tuple[Network, ...]:
        """Everybody admitted, without overlaps, in order."""
        return merged((each for one in self.admitted for each in one.networks), version)

    def covers(self, protocol: str, port: int, to: Address) -> bool:
        """Whether what comes to this port of that address comes to this door."""
        there = to.version in self.versions and self.one_host in ("", str(to))
        return there and any(p.protocol == protocol and p.first <= port <= p.last for p in self.ports)

    def admits(self, address: Address) -> bool:
        """Whether this address gets in."""
        return _holds((each for one in self.admitted for each in one.networks), address)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All that the firewall shall do."""

    never_banned: tuple[Admitted, ...]
    listeners: tuple[Door, ...]
    """Each decides alone about its ports."""
    services: tuple[Door, ...]
    """Voice is among them. Where ports are shared, one list that somebody is on is enough."""
    other_ports: OtherPorts

    def admits(self, source: str, protocol: str, port: int, to: str) -> bool:
        """Whether a new connection or datagram gets in."""
        there, who = ip_address(to), ip_address(source)
        for door in self.listeners:
            if door.covers(protocol, port, there):
                return door.admits(who)
        doors = [door for door in self.services if door.covers(protocol, port, there)]
        return any(door.admits(who) for door in doors) if doors else self.other_ports == "leave"

    def is_never_banned(self, address: str) -> bool:
        """Whether no ban hits an address."""
        return any(_holds(one.networks, ip_address(address)) for one in self.never_banned)


def merged(networks: Iterable[str], version: Version) -> tuple[Network, ...]:
    """Networks of one version of the Internet Protocol, those inside others left out, in order."""
    found = [each for each in map(ip_network, networks) if each.version == version]
    return tuple(collapse_addresses(found))  # type: ignore[type-var]


def wanted(policy: Policy, firewall: Firewall) -> Wanted:
    """What a policy with this `[firewall]` wants."""
    return Wanted(
        never_banned=tuple(
            Admitted(who, tuple(map(str, networks))) for who, networks in never_banned(policy) if networks
        ),
        listeners=tuple(sorted((_listener(each, policy) for each in policy.listens.values()), key=_narrow_first)),
        services=(*_voice(policy, firewall), *map(_service, firewall.services.values())),
        other_ports=firewall.other_ports,
    )


def _listener(listen: Listen, policy: Policy) -> Door:
    return Door(
        name=f"listen.{listen.name}",
        host=listen.host,
        ports=(Ports("udp" if listen.transport == "udp" else "tcp", listen.port, listen.port),),
        admitted=tuple(
            Admitted(who, networks) for party, who, networks in _signalling(policy) if party.listen == listen.name
        ),
        asks=listen.digest,
    )


def _signalling(policy: Policy) -> Iterator[tuple[Trunk | Source, str, tuple[str, ...]]]:
    """Every party and where it signals from; the accounts of a digest source send from its networks."""
    for trunk in policy.trunks.values():
        yield trunk, f"trunk {trunk.name}", trunk.carrier_addresses
    for source in policy.sources.values():
        yield source, f"source {source.name}", (*source.addresses, *source.networks)


def _narrow_first(door: Door) -> tuple[bool, str]:
    """One address before all addresses: a socket that is bound to it gets what comes there."""
    return not door.one_host, door.name


def _voice(policy: Policy, firewall: Firewall) -> Iterator[Door]:
    if firewall.rtp_ports is not None:
        media = ((who, party.media or signalling) for party, who, signalling in _signalling(policy))
        admitted = tuple(Admitted(who, networks) for who, networks in media)
        yield Door(name="firewall.rtp_ports", host=EVERY_HOST, ports=(firewall.rtp_ports,), admitted=admitted)


def _service(service: Service) -> Door:
    admitted = (Admitted(f"service {service.name}", service.networks),)
    return Door(name=f"service.{service.name}", host=EVERY_HOST, ports=service.ports, admitted=admitted)


def _version(host: str) -> Version:
    return 6 if ":" in host else 4


def _holds(networks: Iterable[str], address: Address) -> bool:
    return any(address in ip_network(each) for each in networks)
