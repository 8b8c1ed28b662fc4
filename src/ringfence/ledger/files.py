"""Where the parts of a ledger lie, how its database is opened, and that only one process writes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

from ringfence.ledger.errors import LedgerError, LedgerInUse, in_words

VERSION = 2

SCHEMA = """
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, digest BLOB NOT NULL, chain BLOB NOT NULL,
    salt BLOB, body BLOB) STRICT;
CREATE TABLE search (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,
    call TEXT, source TEXT, caller TEXT, callee TEXT, outcome TEXT) STRICT;
CREATE INDEX search_kind ON search (kind, at);
CREATE INDEX search_call ON search (call) WHERE call IS NOT NULL;
CREATE INDEX search_source ON search (source, at) WHERE source IS NOT NULL;
CREATE INDEX search_caller ON search (caller, at) WHERE caller IS NOT NULL;
CREATE INDEX search_callee ON search (callee, at) WHERE callee IS NOT NULL;
CREATE INDEX search_refused ON search (at) WHERE outcome <> 'allow';
CREATE TABLE heads (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, chain BLOB NOT NULL, key BLOB NOT NULL,
    signature BLOB NOT NULL) STRICT;
CREATE TABLE anchor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, at INTEGER NOT NULL,
    chain BLOB NOT NULL, key BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TABLE meta (node TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
"""
"""`search` follows `facts` a moment later, many rows at a time: six indexes in each commit would double its cost."""


class Paths(NamedTuple):
    """The database and what lies beside it."""

    db: Path
    lock: Path
    key: Path
    head: Path
    snapshots: Path
    messages: Path

    @classmethod
    def of(cls, db: str | Path) -> Paths:
        """The parts of the ledger whose database is `db`."""
        db = Path(db)
        names = (".lock", ".key", ".head", ".snapshots", ".messages")
        return cls(db, *(db.with_suffix(name) for name in names))

    @property
    def wal(self) -> Path:
        """SQLite's write-ahead log."""
        return self.db.with_name(self.db.name + "-wal")


class WriterLock:
    """Held by the one process that may write; freed by the kernel when that process dies."""

    def __init__(self, path: Path) -> None:
        self._fd = self._opened(path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise LedgerInUse(f"{path}: process {pid} writes this ledger already; stop it first") from error
        self._say_who()

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            failed = error
        try:  # A disk that has become read-only: the lock holds all the same.
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise LedgerError(f"lock file {path}: {failed.strerror}; check directory and owner") from failed

    def _say_who(self) -> None:
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except OSError:
            return  # The disk is full or read-only: the lock holds without the word who holds it.

    def release(self) -> None:
        """Let another process write."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def connect_writer(paths: Paths, durability: str) -> sqlite3.Connection:
    """A connection that writes. Raises sqlite3.Error and OSError.

    NORMAL in WAL mode syncs no commit, but checkpoints in the right order and the log's new header: with OFF a power
    failure in a checkpoint could damage the file.
    """
    with contextlib.suppress(FileExistsError):  # Created here, since sqlite3 itself would follow the umask.
        os.close(os.open(paths.db, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(
        paths.db, timeout=0.2, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA cache_size = -8000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_folder(path: Path) -> sqlite3.Connection:
    """A connection for folding the log in beside the writer; creates no file. Raises sqlite3.Error."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None)


def prepare(connection: sqlite3.Connection, path: Path, node: str, now: int) -> None:
    """Create the tables where there are none; raises LedgerError for another node's or a newer ledger."""
    version = _version(connection, path)
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION};")
        connection.execute("INSERT INTO meta VALUES (?, ?)", (node, now))
        connection.execute("COMMIT")
        sync_directory(path.parent)
    found = connection.execute("SELECT node FROM meta").fetchone()[0]
    if found != node:
        raise LedgerError(f"ledger {path}: belongs to node {found}, this is {node}; give each node a path of its own")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The format of the file, 0 for an empty one; raises LedgerError for one that isn't read."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise LedgerError(f"ledger {path}: written by a newer Ringfence (format {version}); use that one")
    if 0 < version < VERSION:
        raise LedgerError(f"ledger {path}: written by an older Ringfence (format {version}); move it away")
    return version


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, also while a guard writes; raises LedgerError."""
    _look(path)
    try:
        return _try_reader(path, "mode=ro")
    except sqlite3.Error as error:
        if Paths.of(path).wal.exists() or not getattr(error, "sqlite_errorname", "").startswith("SQLITE_CANTOPEN"):
            raise LedgerError(in_words(path, error)) from error
    try:  # A read-only directory and no writer: nothing can change under us.
        return _try_reader(path, "immutable=1")
    except sqlite3.Error as error:
        raise LedgerError(in_words(path, error)) from error


def _look(path: Path) -> None:
    """Raises LedgerError for what people mistake; opens nothing, since closing it would drop a writer's locks."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise LedgerError(f"ledger {path}: there is none; name it with --ledger, or start the guard once") from None
    except OSError as error:
        raise LedgerError(f"ledger {path}: {error.strerror}; run this as the user of the guard") from error
    if stat.S_ISDIR(mode):
        raise LedgerError(f"ledger {path}: is a directory; name the file in it, as [ledger] path in the policy does")
    if not os.access(path, os.R_OK):
        raise LedgerError(f"ledger {path}: may not be read by this user; run this as the user of the guard")


def _try_reader(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        if _version(connection, path) == 0:
            raise LedgerError(f"ledger {path}: is no ledger, or nothing was written yet; name it with --ledger")
    except (sqlite3.Error, LedgerError):
        connection.close()
        raise
    return connection


def sync_directory(directory: Path) -> None:
    """Make renames in a directory last."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
