"""The jails, as fail2ban's configuration files say them (controls B2, B3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from ringfence.engine.spared import never_banned
from ringfence.model.settings import Policy
from ringfence.platforms.fail2ban.filters import MARK, Format, filter_conf

Network = IPv4Network | IPv6Network
JAILS = "jail.d/ringfence.conf"


class Strictness(NamedTuple):
    """How often a login may fail within six hours before an address is banned for a day."""

    failures: int


USUAL, HIGH = Strictness(5), Strictness(3)


def jail_name(name: Format) -> str:
    """The jail, and its filter."""
    return f"ringfence-{name}"


def filter_path(name: Format) -> str:
    """The filter's file, under fail2ban's directory."""
    return f"filter.d/{jail_name(name)}.conf"


def files(logs: Mapping[Format, str], policy: Policy, strictness: Strictness, admins: Iterable[str]) -> dict[str, str]:
    """All that fail2ban is given, by path under its directory; `admins`: addresses that are connected now."""
    jails = [MARK, *(_jail(name, log, policy, strictness, admins) for name, log in logs.items())]
    return {JAILS: "\n".join(jails), **{filter_path(name): filter_conf(name) for name in logs}}


def ignored(policy: Policy, admins: Iterable[str]) -> list[str]:
    """Who is never banned, as ignoreip lists it, without repetitions."""
    networks = (network for _, found in never_banned(policy) for network in found)
    return list(dict.fromkeys([*map(_text, networks), *admins]))


def _jail(name: Format, log: str, policy: Policy, strictness: Strictness, admins: Iterable[str]) -> str:
    iptables = policy.firewall is not None and policy.firewall.backend == "iptables"
    ignore = "\n           ".join(ignored(policy, admins))
    return f"""\
[{jail_name(name)}]
enabled = true
filter = {jail_name(name)}
logpath = {log}
backend = auto
maxretry = {strictness.failures}
findtime = 6h
bantime = 24h
usedns = no
ignoreself = true
ignoreip = {ignore}
banaction = {"iptables-allports" if iptables else "nftables-allports"}
action = %(action_)s
"""


def _text(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)
