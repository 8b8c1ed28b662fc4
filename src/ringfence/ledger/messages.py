"""How SIP messages lie in files beside the ledger, and how they are found again by Call-ID or attempt.

A segment `FIRST-INSTANT.seg` (`.open` while it is written) is a run of gzip members (`zcat` reads it), one a block of
about 64 kB or one second. In it each message is a line `-- AT ATTEMPT CALL-ID DIRECTION LENGTH` and then its bytes,
scrubbed. Beside it `FIRST-INSTANT.idx` has 32 bytes for each key and block: hash of the key, offset and length of the
block, instant of its last message.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger.messages")

_ENTRY = struct.Struct(">8sQIq4x")
_NUMBER = "[0-9]" * 20
_MARK = b"-- "
_MAX_WORD = 256


class Message(NamedTuple):
    """A SIP message as it was seen on the wire."""

    at: Instant
    attempt: str
    call_id: str
    direction: str
    """`in host:port` or `out host:port`."""
    data: bytes


class Located(NamedTuple):
    """Where the messages of a key are: a block of a segment."""

    key: bytes
    offset: int
    length: int
    last: Instant
    """Of the last message in the segment up to and with this block."""


def segments(directory: Path) -> list[Path]:
    """The segment files, oldest first, the open one too."""
    return sorted([*closed_segments(directory), *directory.glob(_NUMBER + ".open")], key=lambda path: path.stem)


def closed_segments(directory: Path) -> list[Path]:
    """The segment files that are complete, oldest first."""
    return sorted(directory.glob(_NUMBER + ".seg"))


def word(text: str) -> str:
    """A value without blanks, so that a line can be split again."""
    cut = text[:_MAX_WORD]
    if cut.isprintable() and " " not in cut:
        return cut or "-"
    return "".join(one if one.isprintable() and one != " " else "?" for one in cut)


def framed(at: Instant, attempt: str, call_id: str, direction: str, data: bytes) -> bytes:
    """A message as it is written into a block."""
    line = f"{at} {word(attempt)} {word(call_id)} {direction} {len(data)}\n"
    return _MARK + line.encode("utf-8", "replace") + data + b"\n"


def parse(raw: bytes) -> Iterator[Message]:
    """The messages of a block; raises ValueError for bytes that are none."""
    at = 0
    while at < len(raw):
        end = raw.index(b"\n", at)
        words = raw[at + len(_MARK) : end].decode("utf-8", "replace").split(" ")
        if len(words) < 5:
            raise ValueError(f"no message at offset {at}")
        size = int(words[-1])
        yield Message(int(words[0]), words[1], words[2], " ".join(words[3:-1]), raw[end + 1 : end + 1 + size])
        at = end + 1 + size + 1


def key_hash(key: str) -> bytes:
    """How a Call-ID or attempt is written in an index."""
    return hashlib.blake2b(word(key).encode("utf-8", "replace"), digest_size=8).digest()


def index_of(keys: Collection[str], offset: int, length: int, last: Instant) -> bytes:
    """The index of one block."""
    return b"".join(_ENTRY.pack(key_hash(key), offset, length, last) for key in sorted(keys))


def entry_of(found: Located) -> bytes:
    """One entry of an index."""
    return _ENTRY.pack(*found)


def read_index(segment: Path) -> list[Located]:
    """The index of a segment, whole entries only; empty where there is none."""
    try:
        raw = segment.with_suffix(".idx").read_bytes()
    except FileNotFoundError:
        return []
    return [Located(*entry) for entry in _ENTRY.iter_unpack(raw[: len(raw) - len(raw) % _ENTRY.size])]


def last_instant(segment: Path) -> Instant:
    """Instant of the last message; where the index doesn't tell, when the file was last written."""
    index = read_index(segment)
    return index[-1].last if index else segment.stat().st_mtime_ns // 1000


def unpack(segment: Path, offset: int, length: int) -> bytes:
    """The content of a block; raises OSError, EOFError or zlib.error."""
    with segment.open("rb") as file:
        file.seek(offset)
        return gzip.decompress(file.read(length))


def messages(directory: Path, key: str, since: Instant = 0, until: Instant | None = None) -> Iterator[Message]:
    """The kept messages of a Call-ID or attempt, in order, from segments that reach into the time given.

    A block that can't be read is passed over with a warning: the others are evidence still.
    """
    wanted = key_hash(key)
    for segment in segments(directory):
        if until is not None and int(segment.stem) > until:
            return
        for found in read_index(segment):
            if found.key == wanted and found.last >= since:
                yield from _of_key(segment, found, word(key))


def _of_key(segment: Path, found: Located, key: str) -> list[Message]:
    try:
        block = list(parse(unpack(segment, found.offset, found.length)))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        log.warning("%s: block at %d can't be read: %s", segment, found.offset, error)
        return []
    return [message for message in block if key in (message.call_id, message.attempt)]
