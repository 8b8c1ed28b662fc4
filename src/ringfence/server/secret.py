"""A secret in a file for its owner only, made at the first start and kept from then on."""

from __future__ import annotations

import os
from pathlib import Path

from ringfence.errors import RingfenceError

BYTES = 32


def load_secret(path: Path) -> bytes:
    """The secret in `path`, created where there is none; raises RingfenceError where it can't be read or written."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise RingfenceError(f"secret {path}: {error.strerror}; run the guard as the file's owner") from error
    if len(found) != BYTES:
        raise RingfenceError(f"secret {path}: has {len(found)} bytes instead of {BYTES}; remove it, a new one is made")
    return found


def _create(path: Path) -> bytes:
    secret, draft = os.urandom(BYTES), path.with_name(f"{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)  # Left by a start that failed; who holds the ledger's lock is alone here.
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise RingfenceError(f"secret {path}: {error.strerror}; choose another place for the ledger") from error
    return secret
