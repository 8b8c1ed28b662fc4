"""SIP messages into segment files: queued by the event loop, written by one thread (the keeper's).

    put() ──► queue (bounded) ──► scrubbed ──► block ──► gzip ──► FIRST-INSTANT.open, closed as FIRST-INSTANT.seg

What doesn't fit into the queue, or isn't taken by the disk, is counted in `dropped`, and the calls go on. A block that
was torn by a crash is cut off at the next start, and an index that lags behind its segment is made again from it. Each
segment that is closed is told to `on_closed` with its digest, for the chain.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ringfence.ledger.messages import (
    Located,
    Message,
    closed_segments,
    entry_of,
    framed,
    index_of,
    key_hash,
    last_instant,
    parse,
    read_index,
    segments,
    unpack,
    word,
)
from ringfence.ledger.scrub import scrub
from ringfence.model.time import Instant

__all__ = ["Closed", "Message", "Segments"]

log = logging.getLogger("ringfence.ledger.messages")

MAX_QUEUE = 20_000
MAX_QUEUE_BYTES = 32 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
BLOCK_AGE_US = 1_000_000
SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_AGE_US = 24 * 3600 * 1_000_000
_PAUSE_EVERY = 16
_PAUSE_S = 0.0002


class Closed(NamedTuple):
    """A segment that is complete, for its record in the chain."""

    name: str
    size: int
    sha256: bytes
    last: Instant


class Segments:
    """The writing side: `put` from the event loop, everything else from one thread."""

    def __init__(self, directory: Path, on_closed: Callable[[Closed], None]) -> None:
        self.directory = directory
        self.dropped = 0
        """Messages that were not kept: the queue was full, or the disk refused them."""
        self.down: str | None = None
        """Why messages can't be kept now."""
        self._on_closed = on_closed
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._taken_bytes = 0
        self._block = _Block()
        self._last: Instant = 0
        self._path: Path | None = None
        self._size = 0
        self._first: Instant = 0

    def put(self, message: Message) -> None:
        """Queue one; never blocks."""
        size = len(message.data)
        if len(self._queue) >= MAX_QUEUE or self._queued_bytes - self._taken_bytes + size > MAX_QUEUE_BYTES:
            self.dropped += 1
            return
        self._queued_bytes += size
        self._queue.append(message)

    # --- the writing thread -------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Close what a crash left open, torn blocks cut off; index what was rewritten without its index."""
        for draft in self.directory.glob("*.draft"):
            draft.unlink(missing_ok=True)
        for path in segments(self.directory):
            try:
                if path.suffix == ".open" or not path.with_suffix(".idx").exists():
                    _repair(path)
                if path.suffix == ".open":
                    self._close(path)
            except (OSError, ValueError) as error:
                log.error("segment %s can't be repaired: %s", path, error)

    def drain(self, now: Instant) -> None:
        """Take what is queued into blocks, and write those that are full or old enough."""
        for number in range(len(self._queue)):
            if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
                time.sleep(_PAUSE_S)  # The event loop gets the interpreter: this can wait, a call can't.
            self._take(self._queue.popleft())
            if self._block.size >= BLOCK_BYTES:
                self._write()
        if self._block.parts and now - self._block.since >= BLOCK_AGE_US:
            self._write()
        if self._path is not None and (self._size >= SEGMENT_BYTES or now - self._first >= SEGMENT_AGE_US):
            self.rotate()

    def _take(self, message: Message) -> None:
        self._taken_bytes += len(message.data)
        self._block.add(message, scrub(message.data))
        self._last = max(self._last, message.at)

    def _write(self) -> None:
        block, self._block = self._block, _Block()
        try:
            self._append(block)
        except OSError as error:
            self.dropped += len(block.parts)
            if self.down is None:
                log.error("messages in %s can't be kept: %s; calls go on", self.directory, error.strerror or error)
            self.down = error.strerror or str(error)
        else:
            self.down = None

    def _append(self, block: _Block) -> None:
        path = self._path or self._begin(block.since)
        packed = block.packed()
        try:
            _add(path, self._size, packed)
            _add(path.with_suffix(".idx"), None, index_of(block.keys, self._size, len(packed), self._last))
        except OSError:
            self._path = None  # The next block begins a new segment; this one is repaired at the next start.
            raise
        self._size += len(packed)

    def _begin(self, since: Instant) -> Path:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        taken = {path.stem for path in segments(self.directory)}
        while f"{since:020d}" in taken:
            since += 1
        self._path, self._size, self._first = self.directory / f"{since:020d}.open", 0, since
        return self._path

    def rotate(self) -> None:
        """End the segment being written; the next message begins another. A waiting block goes first."""
        if self._block.parts:
            self._write()
        path, self._path = self._path, None
        if path is None:
            return
        try:
            self._close(path)
        except OSError as error:
            log.error("segment %s can't be closed: %s", path, error.strerror)

    def _close(self, path: Path) -> None:
        if path.stat().st_size == 0:
            path.unlink()
            path.with_suffix(".idx").unlink(missing_ok=True)
            return
        closed = path.with_suffix(".seg")
        path.rename(closed)
        self._on_closed(digest_of(closed))

    # --- upkeep, in the writing thread --------------------------------------------------------------------------

    def purge(self, before: Instant) -> int:
        """Remove closed segments whose last message is older; how many. Raises OSError."""
        old = [path for path in closed_segments(self.directory) if last_instant(path) < before]
        for path in old:
            path.unlink(missing_ok=True)
            path.with_suffix(".idx").unlink(missing_ok=True)
        return len(old)

    def holding(self, attempts: Collection[str], now: Instant) -> list[Path]:
        """The closed segments with messages of these attempts, once all that waits is written. Raises OSError."""
        self.drain(now)
        self.rotate()
        keys = {key_hash(attempt) for attempt in attempts}
        return [path for path in closed_segments(self.directory) if any(one.key in keys for one in read_index(path))]

    def erase(self, path: Path, attempts: Collection[str]) -> int:
        """Rewrite a segment without the messages of these attempts; how many went. Raises OSError and ValueError.

        The index goes first and comes last: a segment without one is indexed at the next start.
        """
        words, keys = {word(attempt) for attempt in attempts}, {key_hash(attempt) for attempt in attempts}
        index = read_index(path)
        touched = {found.offset for found in index if found.key in keys}
        path.with_suffix(".idx").unlink(missing_ok=True)
        draft, fresh, size, gone = path.with_suffix(".draft"), b"", 0, 0
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            for (offset, length), located in _by_block(index):
                time.sleep(_PAUSE_S)  # As in `drain`.
                if offset in touched:
                    packed, entries, fewer = _without(path, offset, length, words, size, located[0].last)
                    gone += fewer
                else:
                    packed = _raw(path, offset, length)
                    entries = b"".join(entry_of(found._replace(offset=size)) for found in located)
                file.write(packed)
                fresh += entries
                size += len(packed)
        draft.replace(path)
        _add(path.with_suffix(".idx"), None, fresh)
        self._on_closed(digest_of(path))
        return gone


def _by_block(index: list[Located]) -> list[tuple[tuple[int, int], list[Located]]]:
    """The blocks of a segment in order, each with what the index says of it."""
    found: dict[tuple[int, int], list[Located]] = {}
    for one in index:
        found.setdefault((one.offset, one.length), []).append(one)
    return sorted(found.items())


def _without(
    path: Path, offset: int, length: int, words: Collection[str], place: int, last: Instant
) -> tuple[bytes, bytes, int]:
    """A block without some attempts, packed anew, its index at its new place, and how many messages went."""
    left, gone = _Block(), 0
    for message in parse(unpack(path, offset, length)):
        if message.attempt in words:
            gone += 1
        else:
            left.add(message, message.data)
    packed = left.packed() if left.parts else b""
    return packed, index_of(left.keys, place, len(packed), last) if left.parts else b"", gone


def _raw(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


class _Block:
    """Messages on their way into one gzip member."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.keys: set[str] = set()
        self.size = 0
        self.since: Instant = 0

    def add(self, message: Message, clean: bytes) -> None:
        at, attempt, call_id, direction, _ = message
        part = framed(at, attempt, call_id, direction, clean)
        self.since = self.since or at
        self.parts.append(part)
        self.keys.add(attempt)
        self.keys.add(call_id)
        self.size += len(part)

    def packed(self) -> bytes:
        return gzip.compress(b"".join(self.parts), compresslevel=1, mtime=0)


def digest_of(path: Path) -> Closed:
    """What the chain says of a segment; raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        return Closed(path.name, file.tell(), digest, last_instant(path))


def _add(path: Path, size: int | None, data: bytes) -> None:
    """Append; what was written of it is taken back where the rest can't be."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        if size is not None and before != size:
            raise OSError(f"{path} changed under us")
        view = memoryview(data)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError:
            os.ftruncate(file.fileno(), before)
            raise


def _repair(path: Path) -> None:
    """Index a segment anew, and cut off what follows its last whole block."""
    index = path.with_suffix(".idx")
    index.unlink(missing_ok=True)
    whole, last = 0, 0
    with path.open("rb") as file:
        for length, raw in _members(file):
            found = list(parse(raw))
            keys = {key for message in found for key in (message.attempt, message.call_id)}
            last = max(last, *(message.at for message in found))
            _add(index, None, index_of(keys, whole, length, last))
            whole += length
            time.sleep(_PAUSE_S)  # As in `drain`.
    os.truncate(path, whole)


def _members(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(length, content) of each gzip member, up to the first that isn't whole."""
    rest = b""
    while True:
        unpacker, content, length = zlib.decompressobj(wbits=31), b"", 0
        while not unpacker.eof:
            packed = rest or file.read(BLOCK_BYTES)
            rest = b""
            if not packed:
                return
            length += len(packed)
            try:
                content += unpacker.decompress(packed)
            except zlib.error:
                return
        rest = unpacker.unused_data
        yield length - len(rest), content
