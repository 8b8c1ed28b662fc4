"""Who signs calls, by the URL of the certificate: fetched once, kept for a while, bounded.

Nothing is fetched here. What isn't known is asked for, and calls wait for it for as long as the policy says; then they
go on without. What couldn't be had isn't asked for again for a minute, so that a host that is down costs one call the
wait and not each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509

from ringfence.edge.shaken.chain import ChainError, Signer, signer_of
from ringfence.model.time import SECOND, Instant

MAX_KNOWN = 512
MAX_ASKED = 32
"""URLs that are being fetched at once."""
MAX_SEEN = 20_000
"""Signatures that are remembered, so that one that comes again is known."""
FAILED_FOR_US = 60 * SECOND
LONGEST_URL = 512
PORTS = ("443", "8443")
"""Those that are meant where x5u_hosts names none."""

_URL = re.compile(r"https://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(/[!$&-;=@-Z_a-z~%]*)", re.ASCII)
"""Without user, query and fragment."""


class Place(NamedTuple):
    """Where a certificate is."""

    host: str
    port: int
    path: str


def place_of(url: str) -> Place | None:
    """The parts of a URL that may be asked for; None where it is none."""
    match = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if match is None or not 0 < int(match[2] or 443) < 65_536:
        return None
    return Place(match[1].lower(), int(match[2] or 443), match[3])


def is_allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether the policy lets a certificate be fetched from there."""
    place = place_of(url)
    if place is None:
        return False
    return f"{place.host}:{place.port}" in hosts or (place.host in hosts and str(place.port) in PORTS)


class Known(NamedTuple):
    """What was found at a URL."""

    found: Signer | str
    """Or why there is nobody."""
    until: Instant


class Signers:
    """Of one edge."""

    def __init__(self) -> None:
        self._roots: tuple[x509.Certificate, ...] = ()
        self._known: dict[str, Known] = {}
        self._waiting: dict[str, list[str]] = {}
        """URL that is being fetched to the calls that wait for it."""
        self._seen: dict[bytes, tuple[str, Instant]] = {}
        """Mark of a signature to the Call-ID it came with, and when."""

    def trust(self, roots: tuple[x509.Certificate, ...]) -> None:
        """Other authorities; what was found under those before is forgotten."""
        self._roots = roots
        self._known.clear()

    @property
    def verifying(self) -> bool:
        """Whether anybody is trusted."""
        return bool(self._roots)

    def look(self, url: str, now: Instant) -> Signer | str | None:
        """Who signs with the certificate there, or why nobody does; None where that isn't known."""
        known = self._known.get(url)
        return known.found if known is not None and now < known.until else None

    def ask(self, url: str, call: str) -> bool:
        """Let a call wait for a URL; whether that has to be fetched now."""
        waiting = self._waiting.get(url)
        if waiting is not None:
            waiting.append(call)
            return False
        if len(self._waiting) >= MAX_ASKED:
            return False
        self._waiting[url] = [call]
        return True

    def learn(self, url: str, pem: bytes, why: str, keep_us: int, now: Instant) -> list[str]:
        """What was found there, or why nothing; gives the calls that wait for it."""
        found: Signer | str = why
        until = now + FAILED_FOR_US
        if not why:
            try:
                found = signer_of(pem, self._roots, now // SECOND)
                until = min(now + keep_us, found.until_s * SECOND)
            except ChainError as error:
                found = str(error)
        self._known.pop(url, None)
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[url] = Known(found, until)
        return self._waiting.pop(url, [])

    def came_before(self, mark: bytes, call_id: str, within_us: int, now: Instant) -> bool:
        """Whether this signature came with another call; remembered from now on."""
        before = self._seen.pop(mark, None)
        if len(self._seen) >= MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        again = before is not None and before[0] != call_id and now - before[1] <= within_us
        self._seen[mark] = before if again and before is not None else (call_id, now)
        return again
