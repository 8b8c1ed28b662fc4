"""The file of secrets is for its owner only, and written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ringfence.edge.secrets import Owner, Secrets, SecretsError, hashes_of
from ringfence.server import secret_file

OWNER = Owner("1001", "phones.example.net")
HASHES = hashes_of(OWNER, "Kv7mQx2pTz9wRb4n", ("SHA-256",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "secrets"


def add(path: Path, owner: Owner = OWNER) -> None:
    with secret_file.changing(path) as held:
        held[0] = held[0].having(owner, HASHES)


def test_without_a_file_there_are_none(path: Path) -> None:
    assert len(secret_file.load(path)) == 0


def test_what_is_changed_is_written_for_the_owner_only(path: Path) -> None:
    add(path)
    assert secret_file.load(path).of(*OWNER) == HASHES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    add(path, Owner("1002", OWNER.realm))
    assert sorted(secret_file.load(path)) == [OWNER, Owner("1002", OWNER.realm)]
    assert [file.name for file in path.parent.iterdir()] == ["secrets"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o611])
def test_a_file_that_others_may_reach_is_refused(path: Path, mode: int) -> None:
    add(path)
    path.chmod(mode)
    with pytest.raises(SecretsError, match=f"may read or write it .mode {mode:04o}.*chmod 600"):
        secret_file.load(path)
    with pytest.raises(SecretsError, match="chmod 600"):
        add(path, Owner("1002", OWNER.realm))


def test_an_exception_leaves_the_file_as_it_was(path: Path) -> None:
    add(path)
    with pytest.raises(ZeroDivisionError), secret_file.changing(path) as held:
        held[0] = Secrets()
        raise ZeroDivisionError
    assert secret_file.load(path).of(*OWNER) == HASHES


def test_a_draft_of_one_that_was_killed_is_no_obstacle(path: Path) -> None:
    add(path)
    path.with_name("secrets.draft").write_text("half")
    add(path, Owner("1002", OWNER.realm))
    assert len(secret_file.load(path)) == 2


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretsError):
        secret_file.load(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(SecretsError, match="isn't ASCII"):
        secret_file.load(tmp_path / "binary")
