"""From what a feed sends to the networks that are on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

import msgspec

from ringfence.errors import RingfenceError

Network = IPv4Network | IPv6Network
WIDEST = {4: 16, 6: 32}
"""Shortest prefix that a feed may ban: more isn't a list of attackers."""
NOBODYS = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
)
"""Private, of one link, of one machine, multicast, reserved: nobody on the internet sends from there."""
_WORD = re.compile(r"[^\s#;,]+")
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)


class FeedError(RingfenceError):
    """A feed can't be had or read; the text says why."""


class Listing(NamedTuple):
    """What is on a list."""

    networks: tuple[Network, ...]
    unreadable: int = 0
    """Lines that are no address or network."""


def plain(body: bytes) -> Listing:
    """An address or network in CIDR form at the beginning of each line; `#` and `;` begin a comment. Raises FeedError
    where most lines are something else."""
    words = [found[0] for line in body.decode("utf-8", "replace").splitlines() if (found := _WORD.match(line.strip()))]
    return _listing(words)


class _Apiban(msgspec.Struct):
    ipaddress: list[str]
    ID: str | int


def apiban(body: bytes) -> tuple[Listing, str]:
    """One page of APIBAN's API, and the id that the next one is asked by; empty where there is nothing more. Raises
    FeedError, also where the key isn't taken or too much was asked."""
    try:
        page = msgspec.json.decode(body, type=_Apiban)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FeedError(f"the answer isn't APIBAN's: {error}") from error
    following = str(page.ID)
    if following == "none":
        return Listing(()), ""
    if not _ID.fullmatch(following):
        raise FeedError(f"it says {page.ipaddress[:1]} with ID {following[:40]!r}")
    return _listing(page.ipaddress), following


def _listing(words: Iterable[str]) -> Listing:
    networks: dict[Network, None] = {}
    unreadable = 0
    for word in words:
        try:
            networks[ip_network(word, strict=False)] = None
        except ValueError:
            unreadable += 1
    if unreadable > len(networks):
        raise FeedError(f"it isn't a list: {unreadable} entries are no address, {len(networks)} are")
    return Listing(tuple(networks), unreadable)


def obstacle(network: Network) -> str:
    """Why no feed bans this network; empty where one may."""
    if network.prefixlen < WIDEST[network.version]:
        return f"wider than /{WIDEST[network.version]}"
    overlaps = any(each.version == network.version and each.overlaps(network) for each in NOBODYS)
    return "private or reserved" if overlaps else ""
