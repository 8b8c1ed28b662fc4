"""The secret beside the ledger: made once, its owner's alone, and never replaced by itself."""

import os
import stat
from pathlib import Path

import pytest

from ringfence.errors import RingfenceError
from ringfence.server.secret import BYTES, load_secret


def test_it_is_made_once_and_is_the_same_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.secret"
    made = load_secret(path)
    assert len(made) == BYTES
    assert load_secret(path) == made
    assert load_secret(tmp_path / "another.secret") != made
    assert [found.name for found in path.parent.iterdir()] == ["ledger.secret"]


def test_only_its_owner_reads_it_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.secret"
    before = os.umask(0)
    try:
        load_secret(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", bytes(BYTES - 1), bytes(BYTES + 1)], ids=["empty", "short", "long"])
def test_a_damaged_one_is_said_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.secret"
    path.write_bytes(content)
    with pytest.raises(RingfenceError) as caught:
        load_secret(path)
    assert str(caught.value) == (
        f"secret {path}: has {len(content)} bytes instead of {BYTES}; remove it, a new one is made"
    )
    assert path.read_bytes() == content


def test_one_that_cant_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(RingfenceError, match=r"Is a directory; run the guard as the file's owner"):
        load_secret(tmp_path)


def test_a_place_where_none_can_be_made_is_said() -> None:
    with pytest.raises(RingfenceError, match=r"ledger\.secret: .*; choose another place for the ledger"):
        load_secret(Path("/proc/ringfence/ledger.secret"))


def test_a_full_disk_leaves_no_half_of_it_and_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(fd: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "ledger.secret"
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(RingfenceError, match="No space left on device"):
        load_secret(path)
    assert not path.exists()
    monkeypatch.undo()
    assert len(load_secret(path)) == BYTES
