"""Snapshots: files `SEQ.snapshot` beside the ledger, each a whole state after the entry with that number.

A file is MAGIC, SHA-256 of the rest, then a zlib stream of MessagePack. It is written beside and renamed after the
disk has it, and after the disk has every entry up to its number. One that is torn, or whose place isn't in the chain
(the ledger was replaced by a copy), is passed over for the one before it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from ringfence.ledger.files import sync_directory
from ringfence.model.time import Instant

_MAGIC = b"ringfence snapshot 1\n"
_FILES = "[0-9]" * 20 + ".snapshot"
KEPT = 3


class Snapshot(msgspec.Struct, frozen=True):
    """State of everything that is rebuilt from facts."""

    seq: int
    """Number of the last entry that is in it."""
    at: Instant
    chain: bytes
    """Chain value at `seq`."""
    state: dict[str, bytes]


_decode = msgspec.msgpack.Decoder(Snapshot).decode


def write(directory: Path, snapshot: Snapshot) -> Path:
    """Write one and remove all but the newest few; raises OSError, and then the older ones are untouched."""
    directory.mkdir(mode=0o700, exist_ok=True)
    packed = zlib.compress(msgspec.msgpack.encode(snapshot), 1)
    path = directory / f"{snapshot.seq:020d}.snapshot"
    draft = path.with_suffix(".draft")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_MAGIC + hashlib.sha256(packed).digest() + packed)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    for old in _superfluous(directory, path):
        old.unlink(missing_ok=True)
    return path


def _superfluous(directory: Path, newest: Path) -> list[Path]:
    """All but the newest few; what bears a higher number than the newest is of a ledger that was here before."""
    found = sorted(directory.glob(_FILES))
    ours = [path for path in found if path.name <= newest.name]
    return ours[:-KEPT] + found[len(ours) :]


def prune(directory: Path, keep: int) -> None:
    """Remove all but the newest; raises OSError."""
    found = sorted(directory.glob(_FILES))
    for path in found[: max(0, len(found) - keep)]:
        path.unlink(missing_ok=True)


def oldest_seq(directory: Path) -> int:
    """Number of the oldest snapshot that is kept: entries after it may be needed; 0 where there is none."""
    return int(min((path.stem for path in directory.glob(_FILES)), default="0"))


def read(path: Path) -> Snapshot | None:
    """The snapshot in a file, None where it is torn or unreadable."""
    try:
        raw = path.read_bytes()
        digest, packed = raw[len(_MAGIC) : len(_MAGIC) + 32], raw[len(_MAGIC) + 32 :]
        if not raw.startswith(_MAGIC) or hashlib.sha256(packed).digest() != digest:
            return None
        return _decode(zlib.decompress(packed))
    except (OSError, zlib.error, msgspec.MsgspecError):
        return None


def newest(directory: Path, chain_at: Callable[[int], bytes | None]) -> Snapshot | None:
    """The newest good one that belongs to the chain."""
    return next(good(directory, chain_at), None)


def good(directory: Path, chain_at: Callable[[int], bytes | None]) -> Iterator[Snapshot]:
    """Every usable snapshot, newest first."""
    for path in sorted(directory.glob(_FILES), reverse=True):
        snapshot = read(path)
        if snapshot is not None and chain_at(snapshot.seq) == snapshot.chain:
            yield snapshot
