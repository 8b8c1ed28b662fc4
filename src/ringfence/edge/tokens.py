"""Names that we give away and recognise again: attempt ids, Via branches, Record-Route cookies, Call-IDs, contacts.

Each carries a MAC (keyed BLAKE2b, 64 bits), so that what comes back is known to be ours without any state: a response
after a crash, a Route header, a carrier's call to a contact that we rewrote. The kind is part of what is signed, so
that a branch is no cookie. Our node's name is left out of them: it may be that of a machine.

What nobody else may read (where a PBX is, which hops are behind us) is sealed: AES-SIV (RFC 5297), which gives the same
for the same, as a repetition needs it.
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base32Error
from hashlib import blake2b
from hmac import compare_digest
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MAGIC = "z9hG4bK"
"""Every RFC 3261 branch begins with it (§8.1.1.7)."""
OURS = MAGIC + "rf-"
"""What our branches begin with."""
_INBOUND = "-in"
_SIV = 16
"""Bytes that sealing adds."""
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

    __slots__ = ("_count", "_key", "_prefix", "_sealing", "node")

    def __init__(self, secret: bytes, node: str) -> None:
        self._key = blake2b(secret, digest_size=32).digest()
        self._sealing = AESSIV(blake2b(secret, digest_size=32, person=b"seal").digest())
        self.node = _UNFIT.sub("", node)[:16] or "n"
        self._prefix = f"{self.node}-"
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
        body = f"{self._cut(call)}.{which}"
        return f"{OURS}{body}.{self._mac('v', body)}"

    def read_branch(self, branch: str) -> str | None:
        """The attempt that a branch of ours names."""
        if not branch.startswith(OURS) or not branch.isascii():
            return None
        body, _, mac = branch[len(OURS) :].rpartition(".")
        if not compare_digest(mac, self._mac("v", body)):
            return None
        return self._whole(body.rpartition(".")[0])

    def plain_branch(self, now: int) -> str:
        """The Via branch of a request that is never answered (ACK)."""
        return f"{MAGIC}rfa{self.number(now)}"

    def cookie(self, call: str) -> str:
        """User part of our Record-Route entries."""
        return self._named("r", call)

    def read_cookie(self, user: str | None) -> str | None:
        """The attempt that a Route entry of ours names."""
        return self._read_named("r", user) if user is not None else None

    def call_id(self, call: str) -> str:
        """The Call-ID of an attempt toward a carrier that isn't to know the caller's."""
        return self._named("i", call)

    def read_call_id(self, call_id: str) -> str | None:
        """The attempt that such a Call-ID is of."""
        return self._read_named("i", call_id)

    def _named(self, kind: str, call: str) -> str:
        cut = self._cut(call)
        return f"rf-{cut}.{self._mac(kind, cut)}"

    def _read_named(self, kind: str, token: str) -> str | None:
        if not token.startswith("rf-") or not token.isascii():
            return None
        cut, _, mac = token[3:].rpartition(".")
        call = self._whole(cut)
        return call if _ID.fullmatch(call) and compare_digest(mac, self._mac(kind, cut)) else None

    def _cut(self, call: str) -> str:
        """An id without the name of our node."""
        return call[len(self.node) :] if call.startswith(self._prefix) else call

    def _whole(self, cut: str) -> str:
        return self.node + cut if cut.startswith("-") else cut

    def seal(self, data: bytes) -> str:
        """A token that holds bytes which nobody else can read or change."""
        return urlsafe_b64encode(self._sealing.encrypt(data, None)).rstrip(b"=").decode("ascii")

    def unseal(self, token: str) -> bytes | None:
        """The bytes in such a token."""
        try:
            sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (ValueError, UnicodeError):
            return None
        return self._open(sealed)

    def _open(self, sealed: bytes) -> bytes | None:
        try:
            return self._sealing.decrypt(sealed, None) if len(sealed) > _SIV else None
        except InvalidTag:
            return None

    def contact(self, text: str) -> str:
        """A token that holds a text of our own (where a registered contact really is), whatever becomes of its case."""
        return b32encode(self._sealing.encrypt(text.encode(), None)).decode("ascii").rstrip("=").lower()

    def read_contact(self, token: str) -> str | None:
        """The text in such a token."""
        if not token.isascii():
            return None
        try:
            found = self._open(b32decode(token.upper() + "=" * (-len(token) % 8)))
        except Base32Error:
            return None
        return found.decode() if found is not None else None

    def tag(self, seed: str) -> str:
        """A To tag that is the same for the same request (§16.11 asks it of whoever answers without state)."""
        return "rf" + self._mac("t", seed)

    def uuid(self, seed: str) -> str:
        """A UUID that is the same for the same seed, and says nothing of it to who doesn't have the secret."""
        raw = blake2b(("u" + seed).encode("utf-8", "surrogateescape"), key=self._key, digest_size=16).digest()
        return str(UUID(bytes=raw, version=4))

    def _mac(self, kind: str, body: str) -> str:
        return blake2b((kind + body).encode("utf-8", "surrogateescape"), key=self._key, digest_size=8).hexdigest()
