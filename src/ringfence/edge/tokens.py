"""Names that we give away and recognise again: attempt ids, Via branches, Record-Route cookies, contacts.

Each carries a MAC (keyed BLAKE2b, 64 bits), so that what comes back is known to be ours without any state: a response
after a crash, a Route header, a carrier's call to a contact that we rewrote. The kind is part of what is signed, so
that a branch is no cookie.
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from hashlib import blake2b
from hmac import compare_digest

MAGIC = "z9hG4bK"
"""Every RFC 3261 branch begins with it (§8.1.1.7)."""
OURS = MAGIC + "rf-"
"""What our branches begin with."""
_INBOUND = "-in"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,79}", re.ASCII)
_UNFIT = re.compile(r"[^A-Za-z0-9]", re.ASCII)


def is_inbound(id: str) -> bool:
    """Whether this id was made for an inbound call."""
    return id.endswith(_INBOUND)


class Tokens:
    """Makes and reads signed names.

    One counter begins at the instant of its first use and goes up by one, so that no number comes twice: also not
    after a restart, as long as there is less than one a microsecond.
    """

    __slots__ = ("_count", "_key", "node")

    def __init__(self, secret: bytes, node: str) -> None:
        self._key = blake2b(secret, digest_size=32).digest()
        self.node = _UNFIT.sub("", node)[:16] or "n"
        self._count = 0

    def number(self, now: int) -> str:
        """A number that was never given before."""
        self._count = self._count + 1 if self._count else now
        return f"{self._count:x}"

    def new_id(self, now: int) -> str:
        """An id for an attempt."""
        return f"{self.node}-{self.number(now)}"

    def inbound_id(self, now: int) -> str:
        """An id for an inbound call, known as one also when the call is forgotten."""
        return f"{self.node}-{self.number(now)}{_INBOUND}"

    def branch(self, call: str, which: str) -> str:
        """The Via branch for one request of an attempt (or of anything with an id's form); same for the same two."""
        body = f"{call}.{which}"
        return f"{OURS}{body}.{self._mac('v', body)}"

    def read_branch(self, branch: str) -> str | None:
        """The attempt that a branch of ours names."""
        if not branch.startswith(OURS) or not branch.isascii():
            return None
        body, _, mac = branch[len(OURS) :].rpartition(".")
        if not compare_digest(mac, self._mac("v", body)):
            return None
        return body.rpartition(".")[0]

    def plain_branch(self, now: int) -> str:
        """The Via branch of a request that is never answered (ACK)."""
        return f"{MAGIC}rfa{self.number(now)}"

    def cookie(self, call: str) -> str:
        """User part of our Record-Route entries."""
        return f"rf-{call}.{self._mac('r', call)}"

    def read_cookie(self, user: str | None) -> str | None:
        """The attempt that a Route entry of ours names."""
        if user is None or not user.startswith("rf-") or not user.isascii():
            return None
        call, _, mac = user[3:].rpartition(".")
        return call if _ID.fullmatch(call) and compare_digest(mac, self._mac("r", call)) else None

    def contact(self, text: str) -> str:
        """A token that holds a text of our own (where a registered contact really is)."""
        body = b32encode(text.encode()).decode("ascii").rstrip("=").lower()
        return f"{body}.{self._mac('c', body)}"

    def read_contact(self, token: str) -> str | None:
        """The text in such a token."""
        if not token.isascii():
            return None
        body, _, mac = token.lower().rpartition(".")
        if not compare_digest(mac, self._mac("c", body)):
            return None
        try:
            return b32decode(body.upper() + "=" * (-len(body) % 8)).decode()
        except (Base32Error, UnicodeDecodeError):
            return None

    def tag(self, seed: str) -> str:
        """A To tag that is the same for the same request (§16.11 asks it of whoever answers without state)."""
        return "rf" + self._mac("t", seed)

    def _mac(self, kind: str, body: str) -> str:
        return blake2b((kind + body).encode("utf-8", "surrogateescape"), key=self._key, digest_size=8).hexdigest()
