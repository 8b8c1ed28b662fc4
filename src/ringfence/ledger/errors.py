"""What can go wrong with the ledger, in words for the operator."""

import os
import sqlite3
from pathlib import Path

from ringfence.errors import RingfenceError


class LedgerError(RingfenceError):
    """The ledger can't be opened, read or changed; the text says why and what to do."""


class LedgerInUse(LedgerError):
    """Another process writes it."""


_CAUSES = {
    "FULL": "the disk is full: free space, or lower keep_days",
    "READONLY": "the file or its directory is read-only: check permissions and mount options",
    "PERM": "the file may not be opened: check its owner and permissions",
    "CANTOPEN": "the file can't be opened: check that its directory exists and may be written",
    "BUSY": "another program holds a lock on the file: close it (a sqlite3 shell, a backup)",
    "LOCKED": "another program holds a lock on the file: close it (a sqlite3 shell, a backup)",
    "CORRUPT": "the file is damaged: move it away (a new one is begun) or put a good copy in its place",
    "NOTADB": "the file is damaged or no ledger: move it away (a new one is begun) or put a good copy in its place",
    "IOERR": "the disk reports errors: check it and the space on it",
}


def in_words(path: Path, error: sqlite3.Error | OSError) -> str:
    """One line on why the ledger at `path` can't be used now, and what to do."""
    if isinstance(error, OSError):
        return f"ledger {path}: {error.strerror or error}"
    if _read_only(path):
        return f"ledger {path}: the disk is mounted read-only ({error}); it goes on when that is over"
    name = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").split("_")[0]
    return f"ledger {path}: {_CAUSES.get(name, 'SQLite failed')} ({error})"


def _read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False
