"""The hash chain: what is hashed, what is signed.

    digest(n) = SHA-256(salt(n) ‖ body(n))                      the salt keeps a purged body from being guessed
    chain(n)  = SHA-256(chain(n-1) ‖ seq ‖ at ‖ kind ‖ digest(n))
    chain(0)  = SHA-256("ringfence ledger 1" ‖ node)

A body and its salt may go; the digest stays, and the chain still verifies. A head is (seq, at, chain) signed with
Ed25519: who holds a head that was sent out can tell whether the ledger still is the one it was taken from. An anchor
is a signed statement that everything up to a seq was purged, and with which chain value the rest begins.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ringfence.ledger.errors import LedgerError
from ringfence.model.time import Instant

SALT_BYTES = 16
_PIECE = 2047
_DRAWN = 256
_HEADER = struct.Struct(">QqB").pack


class Salts:
    """Random salts, drawn from the kernel many at a time: each draw lets the interpreter lock go."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0

    def next(self) -> bytes:
        """A salt that was never given before."""
        if self._at == len(self._drawn):
            self._drawn, self._at = os.urandom(SALT_BYTES * _DRAWN), 0
        self._at += SALT_BYTES
        return self._drawn[self._at - SALT_BYTES : self._at]


def genesis(node: str) -> bytes:
    """The chain value before the first entry of a node."""
    return hashlib.sha256(b"ringfence ledger 1\0" + node.encode()).digest()


def body_digest(salt: bytes, body: bytes) -> bytes:
    """What a header says of its body.

    In pieces: over 2047 bytes hashlib lets the interpreter lock go, and under load it comes back half a ms late.
    """
    hashed = hashlib.sha256(salt)
    for start in range(0, len(body), _PIECE):
        hashed.update(body[start : start + _PIECE])
    return hashed.digest()


def link(previous: bytes, seq: int, at: Instant, kind: str, digest: bytes) -> bytes:
    """The chain value of an entry; the kind is written with its length, so that no two headers read alike."""
    tag = kind.encode()
    return hashlib.sha256(previous + _HEADER(seq, at, len(tag)) + tag + digest).digest()


class Head(NamedTuple):
    """A signed place in the chain of a node."""

    node: str
    seq: int
    at: Instant
    chain: bytes
    key: bytes
    signature: bytes

    def __str__(self) -> str:
        signed = base64.b64encode(self.key + self.signature).decode()
        return f"{self.node} {self.seq} {self.at} {self.chain.hex()} {signed}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head in one line of text, as it was sent out; raises LedgerError."""
        try:
            node, seq, at, chain, signed = text.split()
            raw = base64.b64decode(signed, validate=True)
            if len(raw) != 96 or len(chain) != 64:
                raise ValueError("wrong length")
            return cls(node, int(seq), int(at), bytes.fromhex(chain), raw[:32], raw[32:])
        except ValueError as error:
            told = "it is one line of five words, NODE ENTRY INSTANT CHAIN SIGNATURE, as in the log and in ledger.head"
            raise LedgerError(f"{text[:40]!r} is no signed head: {told}") from error

    def valid(self, purpose: str = "head") -> bool:
        """Whether the signature is that of its key."""
        try:
            signed = _signed(purpose, self.node, self.seq, self.at, self.chain)
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def _signed(purpose: str, node: str, seq: int, at: Instant, chain: bytes) -> bytes:
    return b"ringfence %s 1\0%s\0" % (purpose.encode(), node.encode()) + struct.pack(">Qq", seq, at) + chain


class Signer:
    """Signs heads and anchors with the key in a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    @classmethod
    def load(cls, path: Path) -> Signer:
        """The key in the file, created with mode 0600 where there is none; raises LedgerError."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
        except FileNotFoundError:
            return cls._create(path)
        except (OSError, ValueError) as error:
            raise LedgerError(f"{path}: not a usable signing key ({error}); restore it, or move it away") from error

    @classmethod
    def _create(cls, path: Path) -> Signer:
        key = Ed25519PrivateKey.generate()
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(key.private_bytes_raw())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise LedgerError(f"{path}: the signing key can't be written: {error.strerror}") from error
        return cls(key)

    def sign(self, node: str, seq: int, at: Instant, chain: bytes, purpose: str = "head") -> Head:
        """A signed head."""
        signature = self._key.sign(_signed(purpose, node, seq, at, chain))
        return Head(node, seq, at, chain, self.public, signature)
