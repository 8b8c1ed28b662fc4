"""What is too old goes, and what is left is provable."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import DAY_US, START, WAIT_S, Clock, Guard, decided, guard, story

from ringfence.ledger.messages import Message, messages
from ringfence.ledger.records import Purged
from ringfence.ledger.upkeep import runs
from ringfence.ledger.verify import verify
from ringfence.model import Fact

OLD, NEW = START, START + 100 * DAY_US
CUT = START + 50 * DAY_US


def kept(owner: Guard) -> list[Fact]:
    return [fact for _, fact in owner.ledger.replay(since_snapshot=False)]


def filled(path: Path, clock: Clock, old: int = 3, *, message: bool = False) -> Guard:
    """A ledger with old calls, a head on them, new calls, and snapshots after all."""
    with guard(path, clock=clock) as owner:
        for number in range(old):
            owner.append(*story(f"old{number}", OLD))
            if message:
                owner.ledger.store_message(Message(OLD, f"old{number}", "x@y", "in 10.0.0.1:5060", b"INVITE"))
    clock.at = NEW
    owner = Guard(path, clock=clock)
    owner.append(*story("new", NEW))
    owner.ledger.store_message(Message(NEW, "new", "z@y", "in 10.0.0.1:5060", b"INVITE"))
    owner.snapshot(b"all")
    return owner


def test_what_is_old_goes_and_the_rest_is_proved(tmp_path: Path) -> None:
    clock = Clock()
    owner = filled(tmp_path / "l.db", clock)
    old_head = owner.ledger.verify().heads
    assert old_head == 2  # The head of the old part, in the database and in its file.
    # Three old calls and the opening; the opening of the new part is new.
    assert owner.ledger.purge(CUT).result(WAIT_S) == 10
    assert kept(owner) == story("new", NEW)
    found = owner.ledger.verify()
    assert (found.broken, found.first) == (None, 11)
    owner.close()
    assert verify(tmp_path / "l.db", owner.heads[-1]).broken is None
    with guard(tmp_path / "l.db", clock=clock) as again:  # And the chain goes on.
        again.append(decided("later"))
    assert verify(tmp_path / "l.db").broken is None


def test_purging_in_many_steps_while_facts_come(tmp_path: Path) -> None:
    clock = Clock()
    owner = filled(tmp_path / "l.db", clock, old=800)
    purged = owner.ledger.purge(CUT)
    for number in range(50):
        owner.append(decided(f"busy{number}", NEW))
    assert purged.result(WAIT_S) == 1 + 3 * 800
    assert kept(owner) == story("new", NEW) + [decided(f"busy{number}", NEW) for number in range(50)]
    assert owner.ledger.verify().broken is None
    owner.close()


def test_what_a_snapshot_needs_stays(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        assert owner.ledger.purge(NEW).result(WAIT_S) == 0  # No snapshot: all is needed.
        owner.snapshot(b"after c1")
        owner.append(*story("c2"))
        assert owner.ledger.purge(NEW).result(WAIT_S) == 4
        assert kept(owner) == story("c2")
        snapshot = owner.ledger.load_snapshot()  # Its place is the anchor now.
        assert snapshot is not None
        assert snapshot.state == {"engine": b"after c1"}
        assert [fact for _, fact in owner.ledger.replay()] == story("c2")


def test_from_a_retired_ledger_all_may_go(tmp_path: Path) -> None:
    clock = Clock()
    with guard(tmp_path / "l.db", clock=clock) as owner:
        owner.append(*story("c1"))
        clock.at = NEW
        assert owner.ledger.purge(CUT).result(WAIT_S) == 0
        assert owner.ledger.purge(CUT, retired=True).result(WAIT_S) == 4
        assert kept(owner) == []
        assert owner.ledger.verify().broken is None


def test_only_a_run_from_the_front_goes(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("old", OLD), *story("new", NEW), *story("late-old", OLD))
        owner.snapshot(b"all")
        owner.ledger.purge(CUT).result(WAIT_S)
        assert kept(owner) == [*story("new", NEW), *story("late-old", OLD)]
        assert owner.ledger.verify().broken is None


def test_bodies_of_a_kind_go_and_headers_stay(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("old", OLD), *story("new", NEW))
        owner.snapshot(b"all")
        assert owner.ledger.purge(CUT, ["answered", "ended"]).result(WAIT_S) == 2
        assert kept(owner) == [decided("old", OLD), *story("new", NEW)]
        found = owner.ledger.verify()
        assert (found.broken, found.entries - found.bodies) == (None, 2)


def test_a_crash_in_a_purge_leaves_nothing_unexplained(tmp_path: Path) -> None:
    clock = Clock()
    owner = filled(tmp_path / "l.db", clock, old=400)
    owner.ledger.purge(CUT, ["ended"])
    owner.close()  # Whatever step it had come to.
    found = verify(tmp_path / "l.db")
    assert found.broken is None
    assert found.entries - found.bodies < 401


def test_messages_go_with_their_facts(tmp_path: Path) -> None:
    clock = Clock()
    owner = filled(tmp_path / "l.db", clock, message=True)
    directory = tmp_path / "l.messages"
    assert len(list(messages(directory, "old1"))) == 1
    owner.ledger.purge(CUT).result(WAIT_S)
    owner.close()
    assert list(messages(directory, "old1")) == []
    assert len(list(messages(directory, "new"))) == 1
    found = verify(tmp_path / "l.db")
    assert (found.broken, found.segments) == (None, 1)


def test_a_purge_says_so_in_the_chain(tmp_path: Path) -> None:
    owner = filled(tmp_path / "l.db", Clock())
    owner.ledger.purge(CUT).result(WAIT_S)
    with owner.ledger.reader() as reader:
        (record,) = reader.log(kinds=["purged"])
    owner.close()
    assert isinstance(record.entry, Purged)
    assert (record.entry.before, record.entry.kinds) == (CUT, ())


def test_a_purge_fails_aloud_where_it_cant_be_done(tmp_path: Path) -> None:
    owner = filled(tmp_path / "l.db", Clock())
    with closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        error = owner.ledger.purge(CUT).exception(WAIT_S)
        assert "another program holds a lock" in str(error)
        shell.execute("ROLLBACK")
        owner.until_up()
    assert owner.ledger.purge(CUT).result(WAIT_S) == 10
    owner.close()


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_runs(seqs: list[int]) -> None:
    found = runs(seqs)
    assert [seq for first, last in found for seq in range(first, last + 1)] == seqs
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(found))
