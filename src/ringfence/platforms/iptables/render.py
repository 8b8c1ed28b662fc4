"""What is wanted for `ipset restore`, `iptables-restore` and `ip6tables-restore`, in one text. Pure.

Theory. Two chains are ours, one in the table raw and one in filter, reached by a jump that is the first rule of
PREROUTING and of INPUT. Each change flushes and fills a chain in one commit of its table, so a packet meets the old
rules or the new ones; between IPv4 and IPv6, and between the two tables, there is a moment. Whoever gets in returns
from our chain to the rules of others: ACCEPT would end the table, and open what they keep shut.

Who is admitted stands in rules, not in sets, since a set can't change in the same moment as the rules do. Bans are in
two sets (networks, in which hosts are networks of their own length), whose entries end by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ringfence.platforms.firewall.wanted import Door, Network, Version, Wanted, merged

CHAINS = {"raw": ("PREROUTING", "RINGFENCE-BANS"), "filter": ("INPUT", "RINGFENCE")}
"""By table: the chain of the system, and ours, which is reached from there."""
SETS: dict[Version, str] = {4: "ringfence4", 6: "ringfence6"}
PROGRAMS: dict[Version, str] = {4: "iptables", 6: "ip6tables"}
IPSET = "ipset"
_HEAD = re.compile(r"^# (ipset|iptables|ip6tables)\n", re.MULTILINE)
_FAMILY: dict[Version, str] = {4: "inet", 6: "inet6"}
_DHCP: dict[Version, str] = {4: "--sport 67 --dport 68", 6: "--sport 547 --dport 546"}
_ICMP: dict[Version, str] = {4: "icmp", 6: "ipv6-icmp"}


def render(wanted: Wanted) -> str:
    """All three parts."""
    return written({version: _part(wanted, version) for version in SETS})


def _part(wanted: Wanted, version: Version) -> str:
    return _tables({"raw": _bans(wanted, version), "filter": _input(wanted, version)})


def written(parts: dict[Version, str]) -> str:
    """One text of what each of the programs gets."""
    sets = "".join(
        f"create {name} hash:net family {_FAMILY[version]} timeout 0 maxelem 65536\n" for version, name in SETS.items()
    )
    return f"# {IPSET}\n{sets}" + "".join(f"# {PROGRAMS[version]}\n{part}" for version, part in parts.items())


def parts(text: str) -> dict[str, str]:
    """What each program gets, by its name."""
    found = _HEAD.split(text)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def jump(table: str) -> str:
    """The rule that leads to our chain, as a listing has it."""
    system, ours = CHAINS[table]
    return f"-A {system} -j {ours}"


def first(table: str) -> str:
    """The command that puts it before all others."""
    system, ours = CHAINS[table]
    return f"-I {system} 1 -j {ours}"


def back_to(listing: str) -> str:
    """The text after which a listing says again what it said."""
    listed = parts(listing)
    return written({version: _again(listed.get(program, "")) for version, program in PROGRAMS.items()})


def _again(listed: str) -> str:
    rules: dict[str, list[str]] = {}
    for table, (_, ours) in CHAINS.items():
        rules[table] = [line for line in listed.splitlines() if line.startswith(f"-A {ours} ")]
    return _tables(rules)


def _tables(rules: Mapping[str, Iterable[str]]) -> str:
    return "".join(_table(table, rules[table]) for table in CHAINS)


def _table(table: str, rules: Iterable[str]) -> str:
    lines = [f"*{table}", f":{CHAINS[table][1]} - [0:0]", *rules, first(table), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)


def _bans(wanted: Wanted, version: Version) -> Iterator[str]:
    start = f"-A {CHAINS['raw'][1]}"
    yield f"{start} -i lo -j RETURN"
    for network in merged((each for one in wanted.never_banned for each in one.networks), version):
        yield f"{start}{_from(network)} -j RETURN"
    for door in wanted.listeners:
        if door.asks:
            yield from (f"{start}{ports} -j RETURN" for ports in _ports(door) if " -p udp " in ports)
    yield f"{start} -m set --match-set {SETS[version]} src -j DROP"


def _input(wanted: Wanted, version: Version) -> Iterator[str]:
    start = f"-A {CHAINS['filter'][1]}"
    yield f"{start} -i lo -j RETURN"
    for door in (door for door in wanted.listeners if version in door.versions):
        yield from _lets_in(door, version)
        yield from _drops(door, version)
    services = [door for door in wanted.services if version in door.versions]
    for door in services:
        yield from _lets_in(door, version)
    for door in services:
        yield from _drops(door, version)
    if wanted.other_ports == "drop":
        yield f"{start} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
        yield f"{start} -p {_ICMP[version]} -j RETURN"
        yield f"{start} -p udp -m udp {_DHCP[version]} -j RETURN"
        yield f"{start} -j DROP"


def _lets_in(door: Door, version: Version) -> Iterator[str]:
    for network in door.networks(version):
        for ports in _ports(door):
            yield f"-A {CHAINS['filter'][1]}{_from(network)}{_to(door, version)}{ports}{_comment(door.name)} -j RETURN"


def _drops(door: Door, version: Version) -> Iterator[str]:
    for ports in _ports(door):
        yield f"-A {CHAINS['filter'][1]}{_to(door, version)}{ports}{_comment(f'{door.name}: strangers')} -j DROP"


def _from(network: Network) -> str:
    return f" -s {network}" if network.prefixlen else ""


def _to(door: Door, version: Version) -> str:
    return f" -d {door.one_host}/{32 if version == 4 else 128}" if door.one_host else ""


def _ports(door: Door) -> Iterator[str]:
    for protocol, low, high in sorted(set(door.ports)):
        yield f" -p {protocol} -m {protocol} --dport {low if low == high else f'{low}:{high}'}"


def _comment(text: str) -> str:
    return f' -m comment --comment "{text}"'
