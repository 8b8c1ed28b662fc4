"""Nonces of our challenges: signed, so that none is kept before somebody answers it well (RFC 7616 §3.3, §5.4).

A nonce says when it was made and which algorithms were offered with it, and is signed together with the address that it
was made for. So a stranger who asks for a million challenges fills no table; an answer with an algorithm that wasn't
offered isn't one; and whoever answers from an address has heard what was sent there, which over UDP is the only proof
that the address wasn't forged.

What is kept is how often each nonce was used, once its first answer was right: only who knows a password can fill that
table. A count may come late (two requests that overtake each other) but not twice. The table has a bound; where one is
forgotten before its time, so is every nonce made before it, and a restart forgets them all: who comes with one is told
that it is stale, and asks again. So nothing can be played back, ever.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Literal

from ringfence.sip.digest import ALGORITHMS, Algorithm

MAX_NONCES = 50_000
"""Nonces whose uses are counted (about 300 bytes each)."""
WINDOW = 64
"""By how much a count may be late."""
_MARKS: dict[Algorithm, str] = {"SHA-256": "s", "MD5": "m"}

Standing = Literal["unknown", "stale", "good"]
"""unknown: not made here for this address with this algorithm; stale: it was, and has had its time."""


class _Uses:
    """How often one nonce was used."""

    __slots__ = ("highest", "made", "seen")

    def __init__(self, made: int) -> None:
        self.made = made
        self.highest = 0
        self.seen = 0
        """Bit n: whether the count that is n under the highest was there."""

    def take(self, count: int) -> bool:
        """Whether this count is new; then it is so no longer."""
        ahead = count - self.highest
        if ahead > 0:
            self.seen = ((self.seen << ahead) | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
            self.highest = count
            return True
        bit = 1 << -ahead
        if count < 1 or -ahead >= WINDOW or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Nonces:
    """Makes nonces and knows them again; instants are microseconds."""

    __slots__ = ("_forgotten", "_key", "_lifetime_us", "_number", "_uses")

    def __init__(self, secret: bytes, lifetime_us: int = 0) -> None:
        self._key = blake2b(secret, digest_size=32, person=b"nonces").digest()
        self._lifetime_us = lifetime_us
        self._forgotten = 0
        """Nonces made up to then aren't good unless they are in the table. 0 before anything was asked for: then the
        process before this one made them."""
        self._uses: dict[str, _Uses] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._uses)

    def lasting(self, lifetime_us: int) -> None:
        """How long a nonce is good, from now on."""
        self._lifetime_us = lifetime_us

    def make(self, host: str, offered: tuple[Algorithm, ...], now: int) -> str:
        """A nonce for an address, and the algorithms that it is offered with."""
        self._begin(now)
        self._number += 1
        body = f"{now:x}.{self._number:x}.{''.join(_MARKS[algorithm] for algorithm in offered)}"
        return f"{body}.{self._sign(body, host)}"

    def standing(self, nonce: str, host: str, algorithm: Algorithm, now: int) -> Standing:
        """What an answer to it from an address with an algorithm is worth, but for how often it was used."""
        self._begin(now)
        body, _, signature = nonce.rpartition(".")
        if not nonce.isascii() or not compare_digest(signature, self._sign(body, host)):
            return "unknown"
        when, _, offered = body.split(".")
        if _MARKS[algorithm] not in offered:
            return "unknown"
        made = int(when, 16)
        known = made > self._forgotten or nonce in self._uses
        return "good" if known and made <= now < made + self._lifetime_us else "stale"

    def use(self, nonce: str, count: int, now: int) -> bool:
        """Count a use of a good nonce whose answer was right; False where this count was there before."""
        uses = self._uses.get(nonce)
        if uses is None:
            self._make_room(now)
            uses = self._uses[nonce] = _Uses(int(nonce.partition(".")[0], 16))
        return uses.take(count)

    def _begin(self, now: int) -> None:
        if not self._forgotten:
            self._forgotten = now - 1

    def _make_room(self, now: int) -> None:
        while self._uses:
            first = next(iter(self._uses))
            made = self._uses[first].made
            if made + self._lifetime_us > now and len(self._uses) < MAX_NONCES:
                return
            del self._uses[first]
            self._forgotten = max(self._forgotten, made)

    def _sign(self, body: str, host: str) -> str:
        digest = blake2b(f"{body} {host}".encode(), key=self._key, digest_size=15).digest()
        return urlsafe_b64encode(digest).decode("ascii")


def offer(permitted: frozenset[Algorithm] | set[Algorithm]) -> tuple[Algorithm, ...]:
    """What to offer, the strongest first."""
    return tuple(algorithm for algorithm in ALGORITHMS if algorithm in permitted)
