"""Media that goes to somewhere else than its party's ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import ClassVar

from ringfence.model.media import Media
from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC
from ringfence.rules.traits import Calls

WEIGHT = 40
SHOWN = 3
"""Addresses that are named."""
HELD = ("0.0.0.0", "::")
"""Where a call on hold sends media (RFC 3264 §8.4; a name under `.invalid` too, RFC 6157)."""


@dataclass(frozen=True, slots=True)
class MediaElsewhere:
    """Media of a call is to be sent to an address outside the `media` ranges of who says so.

    *Why it matters*

    Who takes calls over doesn't always place them: a session description with another address turns the voice of a
    running call elsewhere, to listen in or to talk in somebody's place, and who uses a PBX as his relay has the media
    sent to himself. A PBX, its phones and a carrier have their media in ranges that are known. A call on hold
    (`0.0.0.0`) is in none of them, and is fine. Only where `media` is written; calls that come in are told, and weigh
    nothing.

    *Before*

        call 12125550123 media plain@203.0.113.66: allow

    *After*

        [source.pbx]
        media = ["127.0.0.0/24"]

        call 12125550123 media plain@203.0.113.66: allow, media-elsewhere
        call 12125550123 media plain@127.0.0.2: allow
        call 12125550123 media plain@0.0.0.0: allow

    *References*

    Controls A2, A8. RFC 3264 §8 (changing a session), RFC 8445 (candidates).
    """

    slug: ClassVar[str] = "media-elsewhere"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "all"

    def find(self, case: Case) -> Iterator[Finding]:
        """What each side says that is outside its ranges."""
        source, trunk, attempt = case.source, case.trunk, case.attempt
        for kind, party, media in (("source", source, attempt.media), ("trunk", trunk, attempt.answer)):
            text = elsewhere(f"{kind} {party.name}", media, party.media) if media is not None and party.media else ""
            if media is not None and text:
                observed, limit = ", ".join(media.hosts[:SHOWN]), ", ".join(party.media)
                yield Finding("alert", text, f"{kind}.{party.name}.media", observed, limit, 0, WEIGHT)


def elsewhere(who: str, media: Media, ranges: tuple[str, ...]) -> str:
    """What is wrong with where somebody has media sent, in words; empty where nothing is. Names are in no range."""
    if media.fault:
        return f"where {who} has media sent can't be read: {media.fault}"
    hosts = [host for host in media.hosts if not _is_held(host) and not _within(host, ranges)]
    if not hosts:
        return ""
    more = f" and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else ""
    return f"{who} has media sent to {', '.join(hosts[:SHOWN])}{more}, outside its ranges"


def _is_held(host: str) -> bool:
    return host in HELD or host.endswith(".invalid")


@lru_cache(maxsize=4096)
def _within(host: str, ranges: tuple[str, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _read(ranges))


@lru_cache(maxsize=1024)
def _read(ranges: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in ranges)
