"""Reading the files of a policy: the only place of this room that touches the disk."""

from __future__ import annotations

import glob
import hashlib
import os.path

import msgspec

from ringfence.policy.errors import PolicyError, PolicyErrors

MAX_BYTES = 64 * 1024 * 1024


class File(msgspec.Struct, frozen=True):
    """A file as it was read."""

    path: str
    text: str
    sha256: str
    """Of its bytes, hexadecimal."""


def read(path: str) -> File:
    """Read a text file. Raises PolicyErrors for one that is missing, unreadable, too large or not UTF-8."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyErrors([_unreadable(path, error)]) from None
    if len(raw) > MAX_BYTES:
        raise PolicyErrors([PolicyError(path, 0, "", f"is larger than {MAX_BYTES // 1024 // 1024} MB")])
    return File(path, decode(raw, path), hashlib.sha256(raw).hexdigest())


def decode(raw: bytes, path: str) -> str:
    """UTF-8, with or without the byte order mark that some editors write. Raises PolicyErrors."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PolicyErrors([PolicyError(path, 1, "", "is UTF-16", "save it as UTF-8")])
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8: byte 0x{raw[error.start]:02x}"
        raise PolicyErrors([PolicyError(path, line, "", message, "save it as UTF-8")]) from None


def beside(path: str, name: str) -> str:
    """The path of a file that `path` names, relative to its directory."""
    return os.path.join(os.path.dirname(path), os.path.expanduser(name))


def matching(pattern: str) -> list[str]:
    """Files that fit a pattern, sorted; a path without wildcards is given back, there or not."""
    return sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]


def _unreadable(path: str, error: OSError) -> PolicyError:
    if isinstance(error, FileNotFoundError):
        return PolicyError(path, 0, "", "there is no such file")
    if isinstance(error, IsADirectoryError):
        return PolicyError(path, 0, "", "is a directory, not a file")
    if isinstance(error, PermissionError):
        return PolicyError(path, 0, "", "may not be read by this user", "change its owner or mode")
    return PolicyError(path, 0, "", f"can't be read: {error.strerror}")
