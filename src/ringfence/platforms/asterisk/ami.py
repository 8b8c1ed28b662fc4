"""The manager interface (AMI) on the wire: what Asterisk says as messages, what we ask as bytes.

A line `Asterisk Call Manager/VERSION` opens the connection; after it everything is a message: lines `Key: value`, CR LF
after each, an empty line at the end. A key may be there several times, a value may hold colons, and text is whatever a
phone called itself, UTF-8 or not. Nothing marks where a value ends but its line, so a value with CR or LF in it would
be a line of its own to the other side: what we send must have none.

https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ringfence.errors import RingfenceError

BANNER = b"Asterisk Call Manager/"
MAX_MESSAGE = 262_144
"""Longest message, bytes; an event of a call has about 1,000."""

Pair = tuple[str, str]


class AmiError(RingfenceError):
    """The other side doesn't speak AMI, or something can't be said in it; the text says which."""


class Message:
    """One message: its pairs in order. Keys are compared without regard to case."""

    __slots__ = ("_first", "pairs")

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs = tuple(pairs)
        self._first: dict[str, str] = {}
        for key, value in self.pairs:
            self._first.setdefault(key.lower(), value)

    def get(self, key: str, default: str = "") -> str:
        """The first value of a key in lower case."""
        return self._first.get(key, default)

    def __getitem__(self, key: str) -> str:
        return self._first.get(key, "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        return f"Message({list(self.pairs)!r})"

    @property
    def event(self) -> str:
        """Name of the event; empty for an answer."""
        return self["event"]


class Framer:
    """Bytes in, messages out, however the bytes are cut."""

    def __init__(self) -> None:
        self.version = ""
        """Of the protocol, once the banner was read."""
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole by now. Raises AmiError for what is no AMI, or is too long."""
        self._data += data
        if not self.version and not self._read_banner():
            return []
        found: list[Message] = []
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            if end > MAX_MESSAGE:
                break
            block = bytes(self._data[:end])
            del self._data[: end + 4]
            found.append(Message(_pairs(block)))
        if len(self._data) > MAX_MESSAGE:
            raise AmiError(f"a message of more than {MAX_MESSAGE} bytes")
        return found

    def _read_banner(self) -> bool:
        line, end, _ = self._data.partition(b"\n")
        start = bytes(line[: len(BANNER)])
        if not BANNER.startswith(start) or len(line) > 200 or (end and len(start) < len(BANNER)):
            raise AmiError(f"no manager interface answers there: it says {bytes(line[:60])!r}")
        if not end:
            return False
        self.version = line[len(BANNER) :].decode("ascii", "replace").strip()
        del self._data[: len(line) + 1]
        return True


def _pairs(block: bytes) -> Iterable[Pair]:
    for line in block.split(b"\r\n"):
        key, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            yield key.strip(), value.removeprefix(" ")


def encode(pairs: Iterable[Pair]) -> bytes:
    """An action as bytes. Raises AmiError where a key or value would be read as more than that."""
    lines: list[str] = []
    for key, value in pairs:
        if not key or ":" in key or any(mark in key + value for mark in "\r\n\0"):
            raise AmiError(f"{key!r}: {value[:60]!r} can't be sent: it has a line end in it")
        lines.append(f"{key}: {value}\r\n")
    return ("".join(lines) + "\r\n").encode("utf-8", "replace")


def login_key(challenge: str, secret: str) -> str:
    """What a challenge is answered with (AuthType MD5)."""
    return hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
