"""What is wanted as one transaction of nftables. Pure.

Theory. The table, its base chains and its sets are made once and never deleted: a base chain that goes takes its hook
with it, and until the next one is there packets pass unseen (measured: docs/firewall.md#measured). Each change flushes
the chains and fills them in the same transaction, so that every packet meets the old rules or the new ones. The sets of
bans aren't touched by it. Who is admitted stands in sets without a name, which come and go with their rule.

Bans are looked up in `prerouting` at priority raw, before connection tracking: a banned peer's established flow ends
with the ban. An IPv6 host has 2^64 addresses, so hosts are banned by their /64. Datagrams to a listener that asks for
passwords pass: there the edge keeps the ban, and leaves out phones that share the address, and emergency calls (C8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.wanted import Door, Network, Version, Wanted, merged

TABLE = "ringfence"
SETS = {
    "banned4": "type ipv4_addr; flags timeout; size 65536;",
    "banned6": "type ipv6_addr; flags timeout; size 65536;",
    "banned4_net": "type ipv4_addr; flags interval,timeout; size 4096;",
    "banned6_net": "type ipv6_addr; flags interval,timeout; size 4096;",
}
"""Bans of hosts, of IPv6 /64 networks, and of other networks; a set has a bound, and the kernel forgets by itself."""
CHAINS = {
    "bans": "type filter hook prerouting priority raw; policy accept;",
    "input": "type filter hook input priority filter; policy accept;",
}
_CHAIN = re.compile(r"^\tchain (\S+) \{$", re.MULTILINE | re.ASCII)
_BODY = re.compile(r"^\tchain \S+ \{\n(.*?)^\t\}$", re.MULTILINE | re.DOTALL | re.ASCII)
_FAMILY: dict[Version, tuple[str, str]] = {4: ("ip", "ipv4"), 6: ("ip6", "ipv6")}


def render(wanted: Wanted) -> str:
    """The transaction for `nft -f -`."""
    lines = [f"add table inet {TABLE}"]
    lines += [f"add set inet {TABLE} {name} {{ {what} }}" for name, what in SETS.items()]
    lines += [f"add chain inet {TABLE} {name} {{ {what} }}" for name, what in CHAINS.items()]
    lines += [f"flush chain inet {TABLE} {name}" for name in CHAINS]
    lines += [f"add rule inet {TABLE} bans {rule}" for rule in _bans(wanted)]
    lines += [f"add rule inet {TABLE} input {rule}" for rule in _input(wanted)]
    return "\n".join(lines) + "\n"


def back_to(listing: str) -> str:
    """The transaction after which `nft -s -t list table` says again what it said; nothing: no rules, as without us.

    What is listed is added, then all chains are flushed, then it is added again: that way each chain is there when it
    is flushed.
    """
    listed = _CHAIN.findall(listing)
    ours = [name for name in CHAINS if name not in listed]
    lines = [f"add table inet {TABLE}"]
    lines += [f"add chain inet {TABLE} {name} {{ {CHAINS[name]} }}" for name in ours]
    lines += [listing, *(f"flush chain inet {TABLE} {name}" for name in (*ours, *listed)), listing]
    return "\n".join(lines) + "\n"


def has_rules(listing: str) -> bool:
    """Whether any chain that is listed has a rule."""
    return any(
        not line.startswith("type ") for body in _BODY.findall(listing) for line in map(str.strip, body.splitlines())
    )


def _bans(wanted: Wanted) -> Iterator[str]:
    yield 'iifname "lo" accept'
    for version in (4, 6):
        networks = merged((each for one in wanted.never_banned for each in one.networks), version)
        if networks:
            yield f'{_from(networks, version)} accept comment "never banned"'
    for door in wanted.listeners:
        if door.asks and door.ports[0].protocol == "udp":
            yield f'{next(_ports(door.ports))} accept comment "{door.name}: the edge decides"'
    for match in (
        "ip saddr @banned4",
        "ip saddr @banned4_net",
        "ip6 saddr & ffff:ffff:ffff:ffff:: == @banned6",
        "ip6 saddr @banned6_net",
    ):
        yield f'{match} counter drop comment "banned"'


def _input(wanted: Wanted) -> Iterator[str]:
    yield 'iifname "lo" accept'
    for door in wanted.listeners:
        yield from _accepts(door)
        yield from _drops(door)
    for door in wanted.services:
        yield from _accepts(door)
    for door in wanted.services:
        yield from _drops(door)
    if wanted.other_ports == "drop":
        yield from _others()


def _others() -> Iterator[str]:
    yield 'ct state established,related accept comment "answers"'
    yield "meta l4proto { icmp, ipv6-icmp } accept"
    yield 'udp sport 67 udp dport 68 accept comment "DHCP"'
    yield 'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "DHCP"'
    yield 'counter drop comment "other ports"'


def _accepts(door: Door) -> Iterator[str]:
    for version in door.versions:
        networks = door.networks(version)
        if networks:
            for ports in _ports(door.ports):
                yield f'{_to(door)}{ports} {_from(networks, version)} accept comment "{door.name}"'


def _drops(door: Door) -> Iterator[str]:
    for ports in _ports(door.ports):
        yield f'{_to(door)}{ports} counter drop comment "{door.name}: strangers"'


def _to(door: Door) -> str:
    """The match on where it goes, with a space after it where there is one."""
    if len(door.versions) > 1:
        return ""
    family, protocol = _FAMILY[door.versions[0]]
    return f"{family} daddr {door.one_host} " if door.one_host else f"meta nfproto {protocol} "


def _from(networks: tuple[Network, ...], version: Version) -> str:
    """The match on where it comes from; everywhere is no network to nftables."""
    family, protocol = _FAMILY[version]
    if networks[0].prefixlen == 0:
        return f"meta nfproto {protocol}"
    return f"{family} saddr {_set(map(_short, networks))}"


def _short(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _ports(ports: tuple[Ports, ...]) -> Iterator[str]:
    for protocol in ("udp", "tcp"):
        found = sorted({(p.first, p.last) for p in ports if p.protocol == protocol})
        if found:
            yield f"{protocol} dport {_set(str(a) if a == b else f'{a}-{b}' for a, b in _joined(found))}"


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges without overlaps, which nftables would refuse."""
    found: list[tuple[int, int]] = []
    for first, last in ranges:
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _set(items: Iterable[str]) -> str:
    listed = list(items)
    return listed[0] if len(listed) == 1 else f"{{ {', '.join(listed)} }}"
