"""Messages are found again, whatever is cut off, and never stand in the way."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import START, guard

from ringfence.ledger import segments as module
from ringfence.ledger.messages import Message, framed, messages, parse, read_index
from ringfence.ledger.segments import Closed, Segments, digest_of

SECOND_US = 1_000_000


def message(number: int, at: int | None = None, data: bytes = b"INVITE sip:x SIP/2.0\r\n\r\n") -> Message:
    at = START + number * 10_000 if at is None else at
    return Message(at, f"n1-{number}", f"{number}@pbx", "in 10.0.0.1:5060", data)


class Shelf:
    """Segments with what they closed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.closed: list[Closed] = []
        self.segments = Segments(directory, self.closed.append)

    def keep(self, *found: Message) -> None:
        for one in found:
            self.segments.put(one)
        self.segments.drain(found[-1].at + SECOND_US)

    def of(self, key: str) -> list[Message]:
        return list(messages(self.directory, key))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    yield Shelf(tmp_path / "messages")


def test_messages_are_found_by_call_id_and_attempt(shelf: Shelf) -> None:
    sent = [message(number) for number in range(50)]
    shelf.keep(*sent)
    for one in sent:
        assert shelf.of(one.attempt) == [one]
        assert shelf.of(one.call_id) == [one]
    assert shelf.of("other") == []
    assert list(messages(shelf.directory, "n1-3", since=START + SECOND_US)) == []


def test_zcat_reads_a_segment(shelf: Shelf) -> None:
    shelf.keep(message(1))
    shelf.keep(message(2))
    shelf.segments.rotate()
    (path,) = shelf.directory.glob("*.seg")
    text = gzip.decompress(path.read_bytes())
    assert list(parse(text)) == [message(1), message(2)]
    assert shelf.closed == [digest_of(path)]


def test_a_message_waits_for_its_block(shelf: Shelf) -> None:
    shelf.segments.put(message(1, START))
    shelf.segments.drain(START + SECOND_US - 1)
    assert shelf.of("n1-1") == []
    shelf.segments.drain(START + SECOND_US)
    assert shelf.of("n1-1") == [message(1, START)]


def test_a_large_block_doesnt_wait(shelf: Shelf) -> None:
    raw = b"INVITE sip:x SIP/2.0\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"
    for number in range(2):
        shelf.segments.put(message(number, START, raw))
    shelf.segments.drain(START)
    assert [one.data for one in shelf.of("n1-0")] == [raw]


def test_segments_end_by_size_and_age(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1)
    for number in range(5):
        shelf.keep(message(number))
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10**9)
    shelf.keep(message(5))
    shelf.keep(message(6, START + module.SEGMENT_AGE_US))
    shelf.keep(message(7, START + 2 * module.SEGMENT_AGE_US))
    assert len(shelf.closed) == 6
    assert [shelf.of(f"n1-{number}") != [] for number in range(8)] == [True] * 8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.booleans(), st.binary(max_size=3))
def test_a_torn_end_is_cut_off_and_the_rest_is_found(
    tmp_path_factory: pytest.TempPathFactory, cut: int, index: bool, junk: bytes
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    for number in range(4):
        shelf.keep(message(number))
    (path,) = shelf.directory.glob("*.open")
    ends = sorted({found.offset + found.length for found in read_index(path)})
    before = path.read_bytes()
    after = before[:cut] + junk
    path.write_bytes(after)
    pairs = zip(before, after, strict=False)
    intact = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))
    torn = path.with_suffix(".idx")
    torn.write_bytes(torn.read_bytes()[: 0 if index else cut])
    again = Shelf(shelf.directory)
    again.segments.recover()
    whole = [number for number in range(4) if ends[number] <= intact]
    assert [number for number in range(4) if again.of(f"n1-{number}")] == whole
    assert len(again.closed) == (1 if whole else 0)
    again.keep(message(9))
    assert again.of("n1-9") == [message(9)]


def test_what_is_full_drops_and_says_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_QUEUE", 3)
    for number in range(5):
        shelf.segments.put(message(number))
    assert shelf.segments.dropped == 2
    shelf.segments.drain(START + 2 * SECOND_US)
    monkeypatch.setattr(module, "MAX_QUEUE_BYTES", 30)
    shelf.segments.put(message(7))
    shelf.segments.put(message(8))
    assert shelf.segments.dropped == 3
    shelf.segments.drain(START + 3 * SECOND_US)
    shelf.segments.put(message(8))
    assert shelf.segments.dropped == 3


def test_a_disk_that_refuses_costs_messages_only(tmp_path: Path) -> None:
    (tmp_path / "messages").write_bytes(b"a file where the directory should be")
    shelf = Shelf(tmp_path / "messages")
    shelf.keep(message(1))
    assert (shelf.segments.dropped, shelf.segments.down is None) == (1, False)
    (tmp_path / "messages").unlink()
    shelf.keep(message(2))
    assert shelf.segments.down is None
    assert shelf.of("n1-2") == [message(2)]


def test_a_write_that_fails_in_the_middle_costs_its_block_only(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    add = module._add

    def fail(path: Path, size: int | None, data: bytes) -> None:
        add(path, size, data)
        if path.suffix == ".open":
            monkeypatch.setattr(module, "_add", add)
            raise OSError("disk")

    shelf.keep(message(1))
    monkeypatch.setattr(module, "_add", fail)
    shelf.keep(message(2))
    shelf.keep(message(3))
    assert [shelf.of(f"n1-{number}") != [] for number in (1, 2, 3)] == [True, False, True]
    assert shelf.segments.dropped == 1
    again = Shelf(shelf.directory)
    again.segments.recover()
    assert [again.of(f"n1-{number}") != [] for number in (1, 2, 3)] == [True, True, True]


def test_old_segments_go(shelf: Shelf) -> None:
    shelf.keep(message(1))
    shelf.segments.rotate()
    shelf.keep(message(2, START + 10 * SECOND_US))
    shelf.segments.rotate()
    shelf.keep(message(3, START + 20 * SECOND_US))
    assert shelf.segments.purge(START + 15 * SECOND_US) == 2
    assert [shelf.of(f"n1-{number}") != [] for number in (1, 2, 3)] == [False, False, True]
    assert len(list(shelf.directory.iterdir())) == 2


def test_erasing_leaves_the_others(shelf: Shelf) -> None:
    for start in (0, 10, 20):
        shelf.keep(*(message(number) for number in range(start, start + 10)))
    wanted = ["n1-3", "n1-12", "n1-13", "other"]
    (path,) = shelf.segments.holding(wanted, START + 60 * SECOND_US)
    before, untouched = read_index(path), path.read_bytes()[-1:]
    assert shelf.segments.erase(path, wanted) == 3
    left = [number for number in range(30) if shelf.of(f"n1-{number}")]
    assert left == [number for number in range(30) if number not in (3, 12, 13)]
    assert shelf.closed[-1] == digest_of(path)
    assert untouched == path.read_bytes()[-1:]
    assert len(read_index(path)) == len(before) - 2 * 3
    assert sorted(path.parent.iterdir()) == [path.with_suffix(".idx"), path]
    assert shelf.segments.holding(wanted, START + 60 * SECOND_US) == []


def test_only_segments_that_hold_them_are_touched(shelf: Shelf) -> None:
    for number in range(3):
        shelf.keep(message(number))
        shelf.segments.rotate()
    before = sorted(shelf.directory.glob("*.seg"))
    shelf.segments.put(message(1, START + SECOND_US))  # Waits to be written still.
    *_, newest = found = shelf.segments.holding(["n1-1"], START)
    assert found == [before[1], newest]
    assert newest not in before


def test_a_segment_of_one_person_becomes_empty_and_goes_when_it_is_old(shelf: Shelf) -> None:
    shelf.keep(message(1), message(1))
    (path,) = shelf.segments.holding(["n1-1"], START)
    assert shelf.segments.erase(path, ["n1-1"]) == 2
    assert path.read_bytes() == b""
    assert shelf.segments.purge(2**62) == 1


def test_what_a_crash_left_of_a_rewriting_is_taken_away(shelf: Shelf) -> None:
    shelf.keep(message(1))
    shelf.segments.rotate()
    (path,) = shelf.directory.glob("*.seg")
    path.with_suffix(".draft").write_bytes(b"half of it")
    path.with_suffix(".idx").unlink()
    again = Shelf(shelf.directory)
    again.segments.recover()
    assert sorted(shelf.directory.iterdir()) == [path.with_suffix(".idx"), path]
    assert len(again.of("n1-1")) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**62), st.text(), st.text(), st.binary(max_size=50)), max_size=5))
def test_a_block_reads_back(found: list[tuple[int, str, str, bytes]]) -> None:
    raw = b"".join(framed(at, attempt, call_id, "in [::1]:5060", data) for at, attempt, call_id, data in found)
    back = list(parse(raw))
    assert [(one.at, one.data, one.direction) for one in back] == [
        (at, data, "in [::1]:5060") for at, _, _, data in found
    ]
    assert b"".join(framed(*one) for one in back) == raw


def test_a_ledger_keeps_them_scrubbed(tmp_path: Path) -> None:
    raw = b"INVITE sip:x SIP/2.0\r\nAuthorization: Digest response=SECRET\r\n\r\n"
    with guard(tmp_path / "l.db") as owner:
        owner.ledger.store_message(message(1, data=raw))
    with guard(tmp_path / "l.db", messages=False) as owner:
        owner.ledger.store_message(message(2, data=raw))
        with owner.ledger.reader() as reader:
            (kept,) = reader.messages("n1-1")
            assert kept.data == raw.replace(b"Digest response=SECRET", b"[removed]")
            assert list(reader.messages("n1-2")) == []
