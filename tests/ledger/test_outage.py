"""The ledger can't be written: it says why, keeps what comes in bounded memory, and goes on by itself."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledgerkit import START, Guard, decided, guard, story

from ringfence.ledger import journal, writer
from ringfence.ledger.records import Outage
from ringfence.ledger.store import Store, Written
from ringfence.ledger.verify import verify
from ringfence.model import Ended, Fact
from ringfence.testing.disk import NoDiskError, fill, small_disk


def kept(owner: Guard) -> list[Fact]:
    return [fact for _, fact in owner.ledger.replay(since_snapshot=False)]


def outages(owner: Guard) -> list[Outage]:
    with owner.ledger.reader() as reader:
        found = [logged.entry for logged in reader.log(kinds=["outage"])]
    return [entry for entry in found if isinstance(entry, Outage)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes of their own."""
    try:
        with small_disk(tmp_path / "disk") as path:
            yield path
    except NoDiskError as error:
        pytest.skip(str(error))


def test_full_disk(disk: Path) -> None:
    with guard(disk / "l.db") as owner:
        owner.append(*story("before"))
        filler = fill(disk / "filler")
        sent: list[Fact] = []
        while owner.ledger.down is None:
            sent.append(decided(f"c{len(sent)}"))
            owner.offer(sent[-1])
        assert "the disk is full" in owner.until_down()
        told = {fact.attempt.id: error for fact, error in owner.told if hasattr(fact, "attempt")}
        sent.append(decided("late"))
        assert owner.offer(sent[-1]) == [owner.ledger.down]
        assert owner.ledger.oldest_pending_us(owner.clock.now()) == 0
        filler.unlink()
        owner.until_up()
        owner.append(*story("after"))
        assert kept(owner) == [*story("before"), *sent, *story("after")]
        (outage,) = outages(owner)
        assert outage.late == 1 + sum(error is not None for error in told.values())
        assert outage.lost == {}
        assert "full" in outage.why
        assert owner.ledger.verify().broken is None


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from ledgerkit import Guard, decided
owner = Guard(sys.argv[1])
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
sent = []
while owner.ledger.down is None:
    sent.append(decided(f"c{len(sent)}"))
    owner.offer(sent[-1])
print(owner.until_down())
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
owner.until_up()
assert [fact for _, fact in owner.ledger.replay(since_snapshot=False)] == sent
owner.close()
"""


def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "l.db"), str(Path(__file__).parent)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "check it and the space on it" in done.stdout
    assert verify(tmp_path / "l.db").broken is None


def test_read_only_at_the_start(disk: Path) -> None:
    with guard(disk / "l.db") as owner:
        owner.append(*story("c1"))
        owner.snapshot(b"state")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with guard(disk / "l.db") as owner:
        assert owner.ledger.down is not None
        assert "read-only" in owner.until_down().lower()
        assert kept(owner) == story("c1")
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == {"engine": b"state"}
        (error,) = owner.offer(decided("c2"))
        assert error == owner.ledger.down
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        owner.until_up()
        assert kept(owner) == [*story("c1"), decided("c2")]
    assert verify(disk / "l.db").broken is None


@pytest.mark.parametrize("names", [("l.db",), ("l.db-wal",), ("l.db", "l.db-wal", "l.db-shm")], ids="+".join)
def test_removed_under_us(tmp_path: Path, names: tuple[str, ...]) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        for name in names:
            (tmp_path / name).unlink()
        owner.offer(decided("c2"))
        assert "removed or replaced" in owner.until_down()
        owner.until_up()
        owner.append(decided("c3"))
        assert decided("c3") in kept(owner)
        (outage,) = outages(owner)
        found = owner.ledger.verify()
        assert found.broken is None
        assert found.last > 4
        assert (found.first == 1) == (outage.vanished == 0)


def test_a_new_file_goes_on_with_the_chain_of_the_removed_one(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        for path in tmp_path.glob("l.db*"):
            path.unlink()
        owner.offer(decided("c2"))
        owner.until_up()
        first = owner.ledger.verify().first
        assert first in (5, 6)  # c2 was committed to the removed file, or was kept because that was noticed before.
        assert [outage.vanished for outage in outages(owner)] == [first - 1]


def test_an_older_copy_put_in_place(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(decided("c1"))
    shutil.copy(tmp_path / "l.db", tmp_path / "copy")
    with guard(tmp_path / "l.db") as owner:
        owner.append(decided("c2"))
        for path in tmp_path.glob("l.db-*"):
            path.unlink()
        (tmp_path / "copy").replace(tmp_path / "l.db")
        owner.offer(decided("c3"))
        owner.until_up()
        owner.append(decided("c4"))
        (outage,) = outages(owner)
        # Gone are an opening and c2; c3 too where it was committed before the change was noticed.
        between = {2: [decided("c3")], 3: []}[outage.vanished]
        assert kept(owner) == [decided("c1"), *between, decided("c4")]
        assert owner.ledger.verify().broken is None


def test_a_backup_made_while_the_guard_writes_can_be_restored(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    with guard(path) as owner:
        owner.append(*story("c1"))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "backup")) as copy:
            source.backup(copy)
        owner.append(*story("c2"))
        owner.snapshot(b"after c2")
    shutil.copy(tmp_path / "backup", path)
    with guard(path) as owner:
        assert kept(owner) == story("c1")
        assert owner.ledger.load_snapshot() is None
        owner.append(decided("c3"))
    with guard(path) as owner:
        assert [outage.vanished for outage in outages(owner)] == [3]
        assert kept(owner) == [*story("c1"), decided("c3")]
    assert verify(path).broken is None


@pytest.mark.parametrize("start", [0, 4096], ids=["header", "tables"])
def test_a_damaged_file(tmp_path: Path, start: int) -> None:
    path = tmp_path / "l.db"
    with guard(path) as owner:
        owner.append(*story("c1"))
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * (path.stat().st_size - start))
    with guard(path) as owner:
        assert "the file is damaged" in owner.until_down()
        owner.offer(decided("c2"))
        path.rename(tmp_path / "away")
        owner.until_up()
        assert kept(owner) == [decided("c2")]
        assert [outage.vanished for outage in outages(owner)] == [4]
        found = owner.ledger.verify()
        assert (found.broken, found.first) == (None, 5)


def test_an_end_that_is_missing_at_the_start_is_recorded(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
    with closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as shell:
        shell.execute("DELETE FROM facts WHERE seq > 2")
    with guard(tmp_path / "l.db") as owner:
        owner.append(decided("c2"))
    with guard(tmp_path / "l.db") as owner:
        (outage,) = outages(owner)
        assert outage.vanished == 2
        assert "are missing" in outage.why


def test_locked_by_another_program(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner, closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        owner.offer(decided("c1"))
        assert "another program holds a lock" in owner.until_down()
        shell.execute("ROLLBACK")
        owner.until_up()
        assert kept(owner) == [decided("c1")]


def test_memory_is_bounded_and_losses_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_BACKLOG", 5)
    with guard(tmp_path / "l.db") as owner, closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        for number in range(8):
            owner.offer(decided(f"c{number}"))
        owner.offer(Ended(at=START, id="c0", cause="lost"))
        shell.execute("ROLLBACK")
        owner.until_up()
        assert kept(owner) == [decided(f"c{number}") for number in range(5)]
        (outage,) = outages(owner)
        assert (outage.late, outage.lost) == (5, {"decided": 3, "ended": 1})


def test_a_commit_that_failed_and_was_made_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Store.append

    def commit_and_fail(self: Store, group: list[Written]) -> None:
        append(self, group)
        if group[0].kind == "decided":
            monkeypatch.setattr(Store, "append", append)
            self.seq -= len(group)
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Store, "append", commit_and_fail)
    with guard(tmp_path / "l.db") as owner:
        (error,) = owner.offer(decided("c1"))
        assert error is not None
        owner.until_up()
        owner.append(decided("c2"))
        assert kept(owner) == [decided("c1"), decided("c2")]
        assert owner.ledger.verify().broken is None


class Gate:
    """Holds the writer in its commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        append = Store.append

        def held(store: Store, group: list[Written]) -> None:
            if any(row.kind == "decided" for row in group):
                self.reached.set()
                assert self.open.wait(20)
            append(store, group)

        monkeypatch.setattr(Store, "append", held)


def test_the_age_of_the_oldest_fact_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    with guard(tmp_path / "l.db") as owner:
        told: list[str | None] = []
        owner.ledger.append(decided("c1"), told.append)
        assert gate.reached.wait(20)
        owner.clock.at += 70_000
        owner.ledger.append(decided("c2"), told.append)
        assert owner.ledger.oldest_pending_us(owner.clock.now()) >= 70_000
        gate.open.set()
        owner.loop.until(lambda: len(told) == 2)
        owner.append(decided("c3"))
        assert owner.ledger.oldest_pending_us(owner.clock.now()) == 0


def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_QUEUE", 3)
    gate = Gate(monkeypatch)
    with guard(tmp_path / "l.db") as owner:
        told: list[str | None] = []
        owner.ledger.append(decided("c0"), told.append)
        assert gate.reached.wait(20)
        for number in range(1, 6):
            owner.ledger.append(decided(f"c{number}"), told.append)
        owner.loop.until(lambda: len(told) == 2)
        assert told == ["the ledger's queue is full"] * 2
        gate.open.set()
        owner.loop.until(lambda: len(told) == 6)
        assert kept(owner) == [decided(f"c{number}") for number in range(4)]
    with guard(tmp_path / "l.db") as owner:
        assert [outage.lost for outage in outages(owner)] == [{"decided": 2}]


def test_a_writer_that_stumbles_says_so_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(self: Store, group: list[Written]) -> None:
        raise ZeroDivisionError

    owner = Guard(tmp_path / "l.db")
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    monkeypatch.setattr(Store, "append", stumble)
    told: list[str | None] = []
    owner.ledger.append(decided("c1"), told.append)
    assert "stopped unexpectedly" in owner.until_down()
    owner.ledger.append(decided("c2"), told.append)
    owner.loop.until(lambda: bool(told))
    assert told == [owner.ledger.down]
    owner.close()
    assert len(seen) == 1
