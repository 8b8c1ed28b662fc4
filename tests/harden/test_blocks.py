"""Blocks in files of others: put in, replaced and taken out byte for byte; written all or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.harden.blocks import (
    BEGIN,
    Change,
    HardenError,
    carry_out,
    difference,
    outside_block,
    take_back,
    with_block,
    without_block,
)

P = Path("extensions.conf")


@given(st.one_of(st.none(), st.binary(max_size=200).filter(lambda data: BEGIN.encode() not in data)))
def test_what_is_taken_out_leaves_what_was_there(before: bytes | None) -> None:
    after = with_block(P, before, "exten => 1,1,NoOp()")
    assert without_block(P, after) == before
    assert with_block(P, after, "exten => 1,1,NoOp()") == after
    assert without_block(P, with_block(P, after, "another\nblock")) == before


def test_what_somebody_wrote_after_it_stays() -> None:
    after = with_block(P, None, "ours") + b"theirs\n"
    assert without_block(P, after) == b"theirs\n"
    assert outside_block(P, after) == "theirs\n"


@pytest.mark.parametrize("content", [f"{BEGIN}\nours\n", f"{BEGIN}\n{BEGIN}\n; <<< ringfence\n"])
def test_a_block_without_its_end_is_left_alone(content: str) -> None:
    with pytest.raises(HardenError, match="mend it by hand"):
        without_block(P, content.encode())


def test_a_difference_hides_what_is_secret_and_is_cut() -> None:
    change = Change(P, b"a\n", b"a\nsecret = s3cret\n" + b"x\n" * 500)
    shown = difference(change, ("s3cret",))
    assert "+secret = …" in shown
    assert "s3cret" not in shown
    assert shown.endswith("more lines")


def changes(directory: Path) -> list[Change]:
    (directory / "a").write_bytes(b"a")
    (directory / "a").chmod(0o664)
    return [Change(directory / "a", b"a", b"A"), Change(directory / "b", None, b"B")]


def test_files_are_written_with_their_rights_and_kept_as_they_were(tmp_path: Path) -> None:
    wanted = changes(tmp_path)
    carry_out(wanted, tmp_path / "backup")
    assert [(tmp_path / name).read_bytes() for name in ("a", "b")] == [b"A", b"B"]
    assert ((tmp_path / "a").stat().st_mode & 0o777, (tmp_path / "b").stat().st_mode & 0o777) == (0o664, 0o640)
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["a"]
    assert (tmp_path / "backup" / "a").read_bytes() == b"a"
    take_back(wanted)
    assert (tmp_path / "a").read_bytes() == b"a"
    assert not (tmp_path / "b").exists()


def test_where_one_file_cant_be_written_none_is(tmp_path: Path) -> None:
    wanted = [*changes(tmp_path), Change(tmp_path / "none" / "c", None, b"C")]
    with pytest.raises(HardenError, match="nothing is changed"):
        carry_out(wanted, tmp_path / "backup")
    assert (tmp_path / "a").read_bytes() == b"a"
    assert not (tmp_path / "b").exists()
