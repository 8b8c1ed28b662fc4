"""What is told committed is there, in order, and stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ledgerkit import START, Clock, Guard, decided, guard, story

from ringfence.ledger.chain import Head
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.keeper import Keeper
from ringfence.ledger.verify import verify
from ringfence.model import Attempted, Ended, Fact


def kept(owner: Guard) -> list[Fact]:
    return [fact for _, fact in owner.ledger.replay(since_snapshot=False)]


def test_facts_come_back_in_order(tmp_path: Path) -> None:
    facts = [fact for number in range(20) for fact in story(f"c{number}")]
    with guard(tmp_path / "l.db") as owner:
        owner.append(*facts)
        assert kept(owner) == facts
        assert [fact for fact, _ in owner.told] == facts
        assert owner.ledger.oldest_pending_us(owner.clock.now()) == 0


def test_callbacks_are_called_only_by_the_owner(tmp_path: Path) -> None:
    told: list[str | None] = []
    with guard(tmp_path / "l.db") as owner:
        owner.ledger.append(decided("c1"), told.append)
        assert not told
        owner.loop.until(lambda: bool(told))
    assert told == [None]


def test_a_callback_that_raises_keeps_none_from_the_others(tmp_path: Path) -> None:
    told: list[str | None] = []

    def stumble(error: str | None) -> None:
        raise KeyError("owner's mistake")

    with guard(tmp_path / "l.db") as owner:
        owner.ledger.append(decided("c1"), stumble)
        owner.ledger.append(decided("c2"), told.append)
        with pytest.raises(KeyError, match="owner's mistake"):
            owner.loop.until(lambda: bool(told))
        owner.loop.until(lambda: bool(told))
    assert told == [None]


def test_closing_commits_what_waits(tmp_path: Path) -> None:
    facts = story("c1")
    with guard(tmp_path / "l.db") as owner:
        for fact in facts:
            owner.ledger.append(fact)
    with guard(tmp_path / "l.db") as owner:
        assert kept(owner) == facts


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        with guard(tmp_path / "l.db") as owner:
            owner.append(*story(f"c{number}"))
            found = owner.ledger.verify()
            assert found.broken is None
    assert verify(tmp_path / "l.db").entries == 3 * 4  # With the record of each opening.


def test_snapshot_and_tail_are_all(tmp_path: Path) -> None:
    before, after = story("c1"), story("c2")
    with guard(tmp_path / "l.db") as owner:
        owner.append(*before)
        assert owner.ledger.load_snapshot() is None
        owner.snapshot(b"state of c1")
        owner.append(*after)
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == {"engine": b"state of c1"}
        assert [fact for _, fact in owner.ledger.replay()] == after
        seqs = [seq for seq, _ in owner.ledger.replay(since_snapshot=False)]
        assert [seq for seq in seqs if seq > snapshot.seq] == [seq for seq, _ in owner.ledger.replay()]
        assert kept(owner) == before + after


def test_a_snapshot_holds_the_facts_appended_before_it(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        done: list[str | None] = []
        for number in range(100):
            owner.ledger.append(decided(f"c{number}"))
        owner.ledger.write_snapshot({"engine": b"100"}, START, done.append)
        owner.ledger.append(decided("late"))
        owner.loop.until(lambda: bool(done))
        assert [fact for _, fact in owner.ledger.replay()] == [decided("late")]


def test_a_torn_snapshot_is_passed_over(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        owner.snapshot(b"one")
        owner.append(*story("c2"))
        owner.snapshot(b"two")
        newest = max((tmp_path / "l.snapshots").glob("*.snapshot"))
        newest.write_bytes(newest.read_bytes()[:-1])
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == {"engine": b"one"}
        assert [fact for _, fact in owner.ledger.replay()] == story("c2")


def test_a_snapshot_of_another_ledger_is_passed_over_and_removed(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"), *story("c2"))
        owner.snapshot(b"before")
    for path in (tmp_path / "l.db", tmp_path / "l.head"):
        path.unlink()
    with guard(tmp_path / "l.db") as owner:
        assert owner.ledger.load_snapshot() is None
        owner.append(*story("c3"))
        owner.snapshot(b"after")
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == {"engine": b"after"}
        assert len(list((tmp_path / "l.snapshots").glob("*.snapshot"))) == 1


def test_a_snapshot_outlives_the_database(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        owner.snapshot(b"at the end")
    (tmp_path / "l.db").unlink()
    with guard(tmp_path / "l.db") as owner:
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == {"engine": b"at the end"}
        assert kept(owner) == []


def test_no_snapshot_is_ahead_of_what_the_disk_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(keeper: Keeper) -> None:
        raise OSError(5, "Input/output error")

    with guard(tmp_path / "l.db", durability="power") as owner:
        monkeypatch.setattr(Keeper, "force", refuse)
        owner.append(*story("c1"))
        done: list[str | None] = []
        owner.ledger.write_snapshot({"engine": b"x"}, START, done.append)
        owner.loop.until(lambda: bool(done))
        assert done != [None]
        assert owner.ledger.load_snapshot() is None


def test_the_search_table_follows(tmp_path: Path) -> None:
    clock = Clock()
    with guard(tmp_path / "l.db", clock=clock) as owner, closing(sqlite3.connect(tmp_path / "l.db")) as shell:
        for number in range(1000):
            clock.at += 2_000_000
            owner.append(decided(f"c{number}"))
            if shell.execute("SELECT count(*) FROM search").fetchone()[0] > 10:
                return
        pytest.fail("a thousand facts, two seconds apart, and none is searchable")


def test_only_one_process_writes(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db"), pytest.raises(LedgerError, match="writes this ledger already"):
        Guard(tmp_path / "l.db")


def test_another_nodes_ledger_is_refused(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db"):
        pass
    with pytest.raises(LedgerError, match="belongs to node n1, this is n2"):
        Guard(tmp_path / "l.db", node="n2")
    with guard(tmp_path / "l.db") as owner:  # The refused one holds no lock.
        owner.append(decided("c1"))


@pytest.mark.parametrize(("version", "word"), [(1, "older"), (99, "newer")])
def test_another_versions_ledger_is_refused(tmp_path: Path, version: int, word: str) -> None:
    with guard(tmp_path / "l.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "l.db")) as shell:
        shell.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(LedgerError, match=f"{word} Ringfence"):
        Guard(tmp_path / "l.db")
    with pytest.raises(LedgerError, match=f"{word} Ringfence"):
        verify(tmp_path / "l.db")


def test_what_isnt_journaled_is_refused(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner, pytest.raises(LedgerError, match="Attempted is not journaled"):
        owner.ledger.append(Attempted(at=1, attempt=decided("c1").attempt))


def test_a_fact_that_cant_be_encoded_is_told_and_counted(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        bad = Ended(at=2**80, id="c1", cause="lost")
        said = owner.offer(bad, decided("c2"))
        assert said[0] is not None
        assert said[1] is None
        owner.append(decided("c3"))
        assert kept(owner) == [decided("c2"), decided("c3")]
    with guard(tmp_path / "l.db") as owner, owner.ledger.reader() as reader:
        (outage,) = reader.log(kinds=["outage"])
        assert outage.entry.lost == {"ended": 1}  # type: ignore[union-attr]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with guard(tmp_path / "state" / "l.db") as owner:
        owner.append(*story("c1"))
        owner.snapshot(b"x")
        (tmp_path / "state" / "l.snapshots" / "stray.snapshot").touch(0o600)  # And what isn't ours is left alone.
        owner.snapshot(b"y")
        for path in (tmp_path / "state").rglob("*"):
            assert not path.stat().st_mode & 0o077 or path.suffix == ".head", path


def test_a_head_is_signed_soon_every_hour_and_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    with guard(tmp_path / "l.db", clock=clock) as owner:
        owner.append(*story("c1"))
        clock.at += 61_000_000
        owner.loop.until(lambda: len(owner.heads) == 1)
        owner.append(*story("c2"))
        clock.at += 3_500_000_000
        owner.append(*story("c3"))
        assert len(owner.heads) == 1
        clock.at += 101_000_000
        owner.loop.until(lambda: len(owner.heads) == 2)
        owner.append(*story("c4"))
    assert len(owner.heads) == 3
    first, _, last = (Head.parse(head) for head in owner.heads)
    assert first.valid() and last.valid()
    assert first.seq < last.seq
    for head in owner.heads:
        assert verify(tmp_path / "l.db", head).broken is None
    assert verify(tmp_path / "l.db").heads == 4  # Three in the database, and the file beside it.
