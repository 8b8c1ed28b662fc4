"""iptables, ip6tables and ipset of this machine, by their own programs: nothing else speaks to them that lasts."""

from __future__ import annotations

import re

from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.tool import Done, run
from ringfence.platforms.firewall.wanted import Version, Wanted
from ringfence.platforms.iptables import render as rendering
from ringfence.platforms.iptables.bans import PACKAGE as SETS_PACKAGE
from ringfence.platforms.iptables.bans import IpsetBans
from ringfence.platforms.iptables.render import CHAINS, IPSET, PROGRAMS

PACKAGE = "iptables"
_COUNTERS = re.compile(r"\[[0-9]+:[0-9]+\]", re.ASCII)


class Iptables:
    """A `Backend`. Every method raises FirewallError."""

    name = "iptables"

    def render(self, wanted: Wanted) -> str:
        return rendering.render(wanted)

    def back_to(self, listing: str) -> str:
        return rendering.back_to(listing)

    def bans(self) -> IpsetBans:
        return IpsetBans()

    def check(self, text: str) -> None:
        parts = rendering.parts(text)
        _make_sets(parts[IPSET])
        for version, program in PROGRAMS.items():
            _refused(_restore(program, "--test", given=self._placed(version, parts[program])))

    def put(self, text: str) -> None:
        self.check(text)
        parts, before = rendering.parts(text), rendering.parts(rendering.back_to(self.listing()))
        for version, program in PROGRAMS.items():
            done = _restore(program, given=self._placed(version, parts[program]))
            if done.code:
                for other_version, other in PROGRAMS.items():
                    _restore(other, given=self._placed(other_version, before[other]))
                _refused(done)

    def listing(self) -> str:
        found = {version: "".join(_listed(version, table) for table in CHAINS) for version in PROGRAMS}
        return rendering.written(found) if any("-A RINGFENCE" in part for part in found.values()) else ""

    def _placed(self, version: Version, part: str) -> str:
        """A part with our jump first in the chains of the system, once."""
        for table in CHAINS:
            there = _rules(version, table)
            jump = rendering.jump(table)
            wanted = rendering.first(table)
            remove = "".join(f"{jump.replace('-A', '-D', 1)}\n" for rule in there if rule == jump)
            place = "" if there[:1] == [jump] and there.count(jump) == 1 else f"{remove}{wanted}\n"
            part = part.replace(f"{wanted}\n", place)
        return part


def _make_sets(text: str) -> None:
    done = run(IPSET, "restore", "-exist", package=SETS_PACKAGE, given=text)
    if done.code:
        raise FirewallError(f"ipset can't make the sets of bans: {done.said}")


def _restore(program: str, *arguments: str, given: str) -> Done:
    return run(f"{program}-restore", "--noflush", "-w", "5", *arguments, package=PACKAGE, given=given)


def _refused(done: Done) -> None:
    if done.code:
        raise FirewallError(f"iptables refuses the rules, nothing was changed: {done.said}")


def _rules(version: Version, table: str) -> list[str]:
    """The rules of the system's chain."""
    system, _ = CHAINS[table]
    done = run(PROGRAMS[version], "-w", "5", "-t", table, "-S", system, package=PACKAGE)
    if done.code:
        raise FirewallError(f"{PROGRAMS[version]} can't be read: {done.said}")
    return [line for line in done.out.splitlines() if line.startswith("-A ")]


def _listed(version: Version, table: str) -> str:
    """Our chain of a table, and what comes before it, which decides whether anything gets there."""
    done = run(f"{PROGRAMS[version]}-save", "-t", table, package=PACKAGE)
    if done.code:
        raise FirewallError(f"{PROGRAMS[version]} can't be read: {done.said}")
    system, ours = CHAINS[table]
    jump = rendering.jump(table)
    lines = [_COUNTERS.sub("[0:0]", line) for line in done.out.splitlines()]
    own = [line for line in lines if line.startswith((f":{ours} ", f"-A {ours} "))]
    on_the_way = [line for line in lines if line.startswith(f"-A {system} ")]
    way = on_the_way[: on_the_way.index(jump) + 1] if jump in on_the_way else []
    return "".join(f"{line}\n" for line in (f"*{table}", *own, *way, "COMMIT"))
