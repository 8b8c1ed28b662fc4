"""From a name to addresses and ports, for SIP over a transport that is known (RFC 3263 §4.2).

    a port is written     A or AAAA of the name, that port
    none is               SRV of _sip._udp.NAME: by priority, then at random by weight (RFC 2782), each A or AAAA;
                          _sip._tcp over TCP, _sips._tcp over TLS
                          no SRV there: A or AAAA of the name, port 5060, over TLS 5061

The transport is the listener's, so NAPTR has nothing to say (§4.1). Chance is drawn from the name and its
records, not anew each time: while they stay the same so does the order, because a challenge has to be answered at the
server that made it, and a CANCEL has to find its INVITE also after a restart. Many guards still share the load by
weight, since their nodes differ.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ringfence.edge.targets import Address, Name
from ringfence.errors import RingfenceError
from ringfence.sip.hop import DEFAULT_PORT, Transport

SERVICES: dict[Transport, str] = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
MAX_ADDRESSES = 16
"""Addresses of one name that are used."""


class DnsError(RingfenceError):
    """A name can't be looked up, or has no usable address; the text says why."""


class Service(NamedTuple):
    """An SRV record."""

    priority: int
    weight: int
    port: int
    host: str
    """Without the dot at its end; empty where the service isn't offered."""


class Hosts(NamedTuple):
    """Addresses of a host; none where it has none."""

    found: tuple[str, ...]
    ttl_s: int


class Services(NamedTuple):
    """SRV records of a service; none where it has none."""

    found: tuple[Service, ...]
    ttl_s: int


class Dns(Protocol):
    """Asks; both methods raise DnsError where there is no answer."""

    async def addresses(self, host: str, v6: bool) -> Hosts:
        """A, or AAAA, of a host."""

    async def services(self, name: str) -> Services:
        """SRV of a name."""


class Found(NamedTuple):
    """Where a name leads."""

    addresses: tuple[Address, ...]
    """In the order to try."""
    ttl_s: int
    """How long that holds."""


async def look_up(dns: Dns, name: Name, node: str) -> Found:
    """Where a name leads, at least one address; raises DnsError. `node` sets the chance among equals."""
    if name.port:
        return await _of_host(dns, name, name.host, name.port, node)
    services = await dns.services(f"{SERVICES[name.transport]}.{name.host}")
    if not services.found:
        found = await _of_host(dns, name, name.host, DEFAULT_PORT[name.transport], node)
        return Found(found.addresses, min(found.ttl_s, services.ttl_s))
    offered = [service for service in services.found if service.host]
    if not offered:
        raise DnsError(f"its SRV record says that it doesn't offer SIP over {name.transport.upper()}")
    return await _of_services(dns, name, in_order(offered, node), services.ttl_s, node)


async def _of_services(dns: Dns, name: Name, services: Sequence[Service], ttl_s: int, node: str) -> Found:
    tries = [_of_host(dns, name, service.host, service.port, node) for service in services[:MAX_ADDRESSES]]
    results = await asyncio.gather(*tries, return_exceptions=True)
    founds = [result for result in results if isinstance(result, Found)]
    for result in results:
        if isinstance(result, BaseException) and (not founds or not isinstance(result, DnsError)):
            raise result
    addresses = dict.fromkeys(address for found in founds for address in found.addresses)
    return Found(tuple(addresses)[:MAX_ADDRESSES], min([ttl_s, *(found.ttl_s for found in founds)]))


async def _of_host(dns: Dns, name: Name, host: str, port: int, node: str) -> Found:
    hosts = await dns.addresses(host, name.v6)
    if not hosts.found:
        raise DnsError(f"{host} has no {'IPv6' if name.v6 else 'IPv4'} address")
    # Servers turn the order at each question; ours stays.
    addresses = sorted(set(hosts.found))
    _chance(node, addresses).shuffle(addresses)
    return Found(tuple((address, port) for address in addresses[:MAX_ADDRESSES]), hosts.ttl_s)


def in_order(services: Sequence[Service], node: str) -> list[Service]:
    """Lowest priority first, among equals at random by weight (RFC 2782)."""
    chance = _chance(node, sorted(services))
    ordered: list[Service] = []
    for priority in sorted({service.priority for service in services}):
        # Those without weight come first in the list, so that they have a very small chance of being first.
        left = sorted(service for service in services if service.priority == priority)
        while left:
            ordered.append(left.pop(_drawn([service.weight for service in left], chance)))
    return ordered


def _drawn(weights: list[int], chance: random.Random) -> int:
    """The first place at which the running sum of the weights reaches a number drawn from 0 to all of it."""
    left = chance.randint(0, sum(weights))
    for place, weight in enumerate(weights):
        left -= weight
        if left <= 0:
            return place
    return len(weights) - 1


def _chance(node: str, records: Sequence[object]) -> random.Random:
    return random.Random(f"{node} {records}")
