"""The file of secrets: for its owner only, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ringfence.edge.secrets import Secrets, SecretsError, read_secrets

MAX_BYTES = 16 * 1024 * 1024


def load(path: Path) -> Secrets:
    """The secrets of a file, none where there is no file. Raises SecretsError, also where others may read it."""
    try:
        with open(path, "rb") as file:
            _refuse_others(path, os.fstat(file.fileno()))
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Secrets()
    except OSError as error:
        raise SecretsError(f"secrets {path}: {error.strerror}; run this as the file's owner") from error
    if len(raw) > MAX_BYTES:
        raise SecretsError(f"secrets {path}: has more than {MAX_BYTES // 1024 // 1024} MB")
    try:
        return read_secrets(raw.decode("ascii"), str(path))
    except UnicodeDecodeError:
        raise SecretsError(f"secrets {path}: isn't ASCII; `ringfence secret add` writes such files") from None


def _refuse_others(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretsError(f"secrets {path}: is no file; name another one under [digest]")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise SecretsError(
            f"secrets {path}: others than its owner may read or write it (mode {mode:04o}), and its lines are as good "
            f"as passwords: run `chmod 600 {path}`, and add the secrets anew if somebody could have read it"
        )


@contextmanager
def changing(path: Path) -> Iterator[list[Secrets]]:
    """The secrets in a list of one: what is in the list afterwards is written, unless an exception leaves the block.

    One at a time: a second one waits. Raises SecretsError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = load(path)
        held = [before]
        yield held
        if held[0] is not before:
            _write(path, held[0])
    finally:
        os.close(lock)


def _write(path: Path, secrets: Secrets) -> None:
    draft = path.with_name(f"{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)  # Left by one that was killed; who holds the lock is alone here.
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if path.exists() and os.geteuid() == 0:  # Root writes it for the guard's user.
                owner = path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(secrets.text().encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SecretsError:
    return SecretsError(f"secrets {path}: {error.strerror}; is it yours, or name another one under [digest]")
