"""A small disk of its own, for a test to fill or to take away; only root can have one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoDiskError(Exception):
    """Nothing can be mounted here."""


@contextmanager
def small_disk(path: Path, size: str = "2m") -> Iterator[Path]:
    """A tmpfs at `path`, which is made; unmounted at the end. Raises NoDiskError where we aren't root, or may not."""
    if os.geteuid() != 0:
        raise NoDiskError("a disk of its own can be mounted by root only")
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        raise NoDiskError(f"no disk can be mounted here: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def fill(path: Path) -> Path:
    """Write a file at `path` until the disk takes no more; removing it makes room again."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:  # This is what was wanted.
            return path
    raise AssertionError("a file without end was written")
