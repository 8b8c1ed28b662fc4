"""Blocks of ours in files of somebody else's, between two lines that say whose they are.

What is taken out again leaves exactly what was there, also where the file had no line end at its end, or wasn't there
at all: the first line of the block remembers that. All files of a change are written, or none: where one can't be,
those before it are put back.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.errors import RingfenceError

BEGIN, END = "; >>> ringfence", "; <<< ringfence"
NO_LINE_END, NO_FILE = " (the file had no line end)", " (the file wasn't there)"
SHOWN = 60
"""Lines of a file's difference that are shown."""


class HardenError(RingfenceError):
    """A file can't be changed; the text says which, why and what to do."""


class Change(NamedTuple):
    """One file, before and after; None where there is none."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def changes(self) -> bool:
        return self.before != self.after


def read(path: Path) -> bytes | None:
    """What a file holds; None where there is none. Raises HardenError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HardenError(f"{path}: {error.strerror}; run this as a user who may read it") from error


def with_block(path: Path, before: bytes | None, block: str) -> bytes:
    """A file's content with this block at its end, in place of one from before. Raises HardenError."""
    own = without_block(path, before)
    kept = own if own is not None else b""
    note = NO_FILE if own is None else NO_LINE_END if kept and not kept.endswith(b"\n") else ""
    added = "\n" if note == NO_LINE_END else ""
    return kept + f"{added}{BEGIN}{note}\n{block.rstrip()}\n{END}\n".encode()


def without_block(path: Path, content: bytes | None) -> bytes | None:
    """What is left without our block; None where nothing was there before. Raises HardenError where it has no end."""
    found = _parts(path, content or b"")
    if content is None or found is None:
        return content
    kept, note, rest = found
    if note == NO_FILE and not (kept + rest).strip():
        return None
    if note == NO_LINE_END:
        kept = kept.removesuffix(b"\n")
    return kept + rest


def outside_block(path: Path, content: bytes | None) -> str:
    """The text of somebody else's."""
    return (without_block(path, content) or b"").decode("utf-8", "replace")


def _parts(path: Path, content: bytes) -> tuple[bytes, str, bytes] | None:
    """What is before our block, what its first line remembers, what is after it; None where there is none."""
    lines = content.splitlines(keepends=True)
    begins = [index for index, line in enumerate(lines) if line.startswith(BEGIN.encode())]
    if not begins:
        return None
    first = begins[0]
    ends = [index for index, line in enumerate(lines) if line.rstrip() == END.encode() and index > first]
    if len(begins) > 1 or not ends:
        raise HardenError(f"{path}: has {BEGIN!r} without its end, or twice: mend it by hand")
    note = lines[first].decode("utf-8", "replace").rstrip("\r\n").removeprefix(BEGIN)
    return b"".join(lines[:first]), note, b"".join(lines[ends[0] + 1 :])


def difference(change: Change, hide: Iterable[str] = ()) -> str:
    """The change as a unified diff, cut where it is long; what is to be hidden isn't shown."""
    old, new = _lines(change.before), _lines(change.after)
    lines = list(difflib.unified_diff(old, new, str(change.path), str(change.path), lineterm=""))
    cut = [*lines[:SHOWN], f"… {len(lines) - SHOWN:,} more lines"] if len(lines) > SHOWN else lines
    text = "\n".join(cut)
    for secret in hide:
        text = text.replace(secret, "…")
    return text


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines()


def carry_out(changes: Sequence[Change], backup: Path) -> None:
    """Write all files, those that were there first copied to `backup`; or none. Raises HardenError."""
    try:
        _save(changes, backup)
        for index, change in enumerate(changes):
            try:
                _write(change.path, change.before, change.after)
            except OSError:
                take_back(changes[:index])
                raise
    except OSError as error:
        name = error.filename or backup
        raise HardenError(f"{name}: {error.strerror}; nothing is changed; run this as a user who may") from error


def take_back(changes: Sequence[Change]) -> None:
    """Put back what was there before. Raises OSError."""
    for change in changes:
        _write(change.path, change.after, change.before)


def _save(changes: Sequence[Change], backup: Path) -> None:
    backup.mkdir(parents=True, mode=0o700)
    for change in changes:
        if change.before is not None:
            copy = backup / change.path.name
            copy.touch(mode=0o600)
            copy.write_bytes(change.before)


def _write(path: Path, before: bytes | None, content: bytes | None) -> None:
    """Replace a file at once, with the owner and rights that it had, or those of its directory for a new one."""
    if content is None:
        path.unlink(missing_ok=True)
        return
    like = path.stat() if before is not None else path.parent.stat()
    mode = like.st_mode & 0o777 if before is not None else 0o640
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
