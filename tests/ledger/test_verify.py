"""Whatever is changed in the files is found, and told with the first entry that is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledgerkit import START, guard, story

from ringfence.ledger.chain import Head, Signer, body_digest, genesis, link
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.segments import Message
from ringfence.ledger.verify import Verified, verify

CALLS = 5
LAST = 1 + 3 * CALLS + 1
"""The opening, three facts a call, a message segment."""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A closed ledger of five calls; its head was sent out as `sent`."""
    path = tmp_path / "l.db"
    with guard(path) as owner:
        for number in range(CALLS):
            owner.append(*story(f"c{number}", caller=f"+1212555010{number}"))
            owner.ledger.store_message(Message(START, f"c{number}", f"c{number}@pbx", "in 10.0.0.1:5060", b"INVITE"))
    (tmp_path / "sent").write_text(owner.heads[-1])
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def relink(path: Path) -> None:
    """What somebody does who can write the file and knows how the chain is made, but has no key."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        last = genesis("n1")
        rows = db.execute("SELECT seq, at, kind, salt, body FROM facts ORDER BY seq").fetchall()
        for number, (seq, at, kind, salt, body) in enumerate(rows, 1):
            digest = body_digest(salt, body)
            last = link(last, number, at, kind, digest)
            db.execute("UPDATE facts SET digest = ?, chain = ? WHERE seq = ?", (digest, last, seq))
        db.execute("DELETE FROM heads")
        db.execute("DELETE FROM search")
    path.with_suffix(".head").unlink()


def test_what_was_written_verifies(ledger: Path) -> None:
    found = verify(ledger, (ledger.parent / "sent").read_text())
    assert found == Verified("n1", 1, LAST, LAST, LAST, 3, LAST, 1, None, ())


SWAP_BODIES = """UPDATE facts SET (salt, body) = (SELECT salt, body FROM facts AS other WHERE other.seq = 8 - facts.seq)
                 WHERE seq IN (3, 5)"""
CASES: dict[str, tuple[list[str], int, str]] = {
    "a body changed": (
        ["UPDATE facts SET body = CAST(body || x'00' AS BLOB) WHERE seq = 7"],
        7,
        "the body was changed",
    ),
    "a salt changed": (["UPDATE facts SET salt = zeroblob(16) WHERE seq = 7"], 7, "the body was changed"),
    "bodies swapped": ([SWAP_BODIES], 3, "the body was changed"),
    "rows swapped": (
        [
            "UPDATE facts SET seq = -5 WHERE seq = 5",
            "UPDATE facts SET seq = 5 WHERE seq = 4",
            "UPDATE facts SET seq = 4 WHERE seq = -5",
        ],
        4,
        "the header was changed",
    ),
    "a row deleted": (["DELETE FROM facts WHERE seq = 6"], 6, "entries 6 to 6 are missing"),
    "a row deleted, the rest moved": (
        [
            "DELETE FROM facts WHERE seq = 6",
            "UPDATE facts SET seq = -seq WHERE seq > 6",
            "UPDATE facts SET seq = -seq - 1 WHERE seq < 0",
        ],
        6,
        "the header was changed",
    ),
    "the first row deleted": (["DELETE FROM facts WHERE seq = 1"], 1, "entries 1 to 1 are missing"),
    "the end deleted": (["DELETE FROM facts WHERE seq > 10"], 11, f"a signed head tells of entry {LAST}"),
    "an instant changed": (["UPDATE facts SET at = at + 1 WHERE seq = 4"], 4, "the header was changed"),
    "a kind changed": (["UPDATE facts SET kind = 'ended' WHERE seq = 3"], 3, "the header was changed"),
    "a digest changed": (["UPDATE facts SET digest = zeroblob(32) WHERE seq = 4"], 4, "the header was changed"),
    "a call hidden from searches": (["UPDATE search SET caller = '1' WHERE seq = 2"], 2, "the searchable columns"),
    "a call taken from the search table": (["DELETE FROM search WHERE seq = 2"], 2, "the searchable columns"),
    "a call added to it": (["INSERT INTO search (seq, at, kind) VALUES (99, 1, 'decided')"], 0, "the search table"),
    "a body removed": (["UPDATE facts SET salt = NULL, body = NULL WHERE seq = 9"], 9, "no purge or erasure tells"),
    "a head changed": (
        [f"UPDATE heads SET chain = zeroblob(32) WHERE seq = {LAST}"],
        LAST,
        "a head has a wrong signature",
    ),
    "an anchor made up": (
        [f"INSERT INTO anchor SELECT 1, seq, at, chain, key, signature FROM heads WHERE seq = {LAST}"],
        LAST,
        "the anchor",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_found(ledger: Path, case: str) -> None:
    statements, seq, why = CASES[case]
    change(ledger, *statements)
    broken = verify(ledger).broken
    assert broken is not None
    assert broken.seq == seq
    assert why in broken.why


def shortened(path: Path) -> None:
    change(path, "DELETE FROM facts WHERE seq > 10", "DELETE FROM search WHERE seq > 10", "DELETE FROM heads")
    path.with_suffix(".head").unlink()


def rewritten(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM facts WHERE seq = 6")
        for seq in range(7, LAST + 1):
            db.execute("UPDATE facts SET seq = ? WHERE seq = ?", (seq - 1, seq))
        columns = "at, kind, digest, chain, salt, body"
        db.execute(f"INSERT INTO facts SELECT ?1, {columns} FROM facts WHERE seq = ?1 - 1", (LAST,))
    relink(path)


@pytest.mark.parametrize(("attack", "seq"), [(shortened, 11), (rewritten, LAST)])
def test_a_head_that_was_sent_out_finds_what_the_file_alone_doesnt(
    ledger: Path, attack: Callable[[Path], None], seq: int
) -> None:
    attack(ledger)
    assert verify(ledger).broken is None
    broken = verify(ledger, (ledger.parent / "sent").read_text()).broken
    assert broken is not None
    assert broken.seq == seq


def test_a_changed_segment_is_found(ledger: Path) -> None:
    (segment,) = ledger.with_suffix(".messages").glob("*.seg")
    raw = segment.read_bytes()
    segment.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    broken = verify(ledger).broken
    assert broken is not None
    assert (broken.seq, "was changed" in broken.why) == (LAST, True)


def test_a_removed_segment_is_found(ledger: Path) -> None:
    (segment,) = ledger.with_suffix(".messages").glob("*.seg")
    segment.unlink()
    broken = verify(ledger).broken
    assert broken is not None
    assert "is missing" in broken.why


def test_a_head_of_an_unknown_key_is_doubted(ledger: Path) -> None:
    sent = Head.parse((ledger.parent / "sent").read_text())
    other = Signer.load(ledger.parent / "other.key").sign("n1", sent.seq, sent.at, sent.chain)
    found = verify(ledger, str(other))
    assert found.broken is None
    assert [doubt for doubt in found.doubts if "which no entry and no file names" in doubt]


def test_each_damaged_page_is_told(ledger: Path) -> None:
    whole = ledger.read_bytes()
    for start in range(0, len(whole), 4096):
        ledger.write_bytes(whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :])
        try:
            assert verify(ledger).broken is not None, start
        except LedgerError as error:
            assert "damaged" in str(error)


@pytest.mark.parametrize("text", ["", "n1 5", "n1 x 5 " + "00" * 32 + " QQ==", "n1 5 5 zz " + "A" * 128])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(LedgerError, match="is no signed head: it is one line of five words"):
        Head.parse(text)


def test_no_ledger_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is none"):
        verify(tmp_path / "l.db")


def test_a_ledger_is_verified_while_it_is_written(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        for number in range(5):
            owner.append(*story(f"c{number}"))
            found = verify(tmp_path / "l.db")
            assert (found.broken, found.entries) == (None, 1 + 3 * (number + 1))
