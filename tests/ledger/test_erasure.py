"""One person's data goes: from every file, with nobody else's, and what is left is provable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgerkit import START, WAIT_S, Guard, decided, guard, story

from ringfence.ledger.erasure import Erased
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.messages import Message, messages
from ringfence.ledger.personal import LOST_AFTER_US, goes_on
from ringfence.ledger.records import Erased as Record
from ringfence.ledger.verify import verify
from ringfence.model import Answered, Arrived, AuthFailed, Decided, Ended, Fact, Registered

SECRET, OTHER = "15558675309", "442079460000"
STATE = {"engine": b"has forgotten"}


def erase(owner: Guard, *numbers: str, state: dict[str, bytes] | None = STATE) -> Erased:
    """Erase, and what was done."""
    erasure = owner.ledger.erase(numbers, state)
    erasure.add_done_callback(lambda _: owner.loop.wake(lambda: None))
    owner.loop.until(erasure.done)
    return erasure.result()


def kept(owner: Guard) -> list[Fact]:
    return [fact for _, fact in owner.ledger.replay(since_snapshot=False)]


def invite(call: str, to: str) -> Message:
    return Message(START, call, f"{call}@pbx", "in 10.0.0.1:5060", f"INVITE sip:{to}@x".encode())


def everything(directory: Path) -> bytes:
    """All that lies there, messages unpacked."""
    told = b"".join(one.data for number in range(300) for one in messages(directory / "l.messages", f"c{number}"))
    return told + b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_it_goes_from_every_file_and_the_chain_holds(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    with guard(path) as owner:
        for number in range(300):
            to = SECRET if number % 3 == 0 else OTHER
            owner.append(*story(f"c{number}", callee=to))
            owner.ledger.store_message(invite(f"c{number}", to))
        owner.append(*story("from", caller=f"+{SECRET}"))
        owner.snapshot(SECRET.encode())
        owner.snapshot(SECRET.encode())
        assert erase(owner, "+1 555 867 5309") == Erased(calls=101, entries=303, messages=100, in_progress=0)
        assert SECRET.encode() not in everything(tmp_path)
        owner.append(*story("after"))
        assert len(kept(owner)) == 603
        snapshot = owner.ledger.load_snapshot()
        assert snapshot is not None
        assert snapshot.state == STATE
    assert SECRET.encode() not in everything(tmp_path)
    assert verify(path).broken is None
    with guard(path) as owner, owner.ledger.reader() as reader:
        assert reader.calls(callee=SECRET, limit=1000) == []
        assert len(reader.calls(callee=OTHER, limit=1000)) == 201
        ranges = [
            found for one in reader.log(kinds=["erased"]) if isinstance(one.entry, Record) for found in one.entry.ranges
        ]
        assert sum(last - first + 1 for first, last in ranges) == 303
    directory = tmp_path / "l.messages"
    assert list(messages(directory, "c0")) == []
    assert len(list(messages(directory, "c299@pbx"))) == 1


def test_a_head_from_before_still_fits(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1", callee=SECRET))
    head = owner.heads[-1]
    with guard(tmp_path / "l.db") as owner:
        assert erase(owner, SECRET).entries == 3
    assert verify(tmp_path / "l.db", head).broken is None


def forwarded(call: str, by: str) -> Decided:
    fact = decided(call)
    return msgspec.structs.replace(fact, attempt=msgspec.structs.replace(fact.attempt, forwarded_by=by))


def test_calls_that_the_person_forwarded_go_and_likenesses_stay(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        ends = [Ended(at=START + 1, id=f"c{number}", cause="lost") for number in range(4)]
        owner.append(forwarded("c0", f"+{SECRET}"), forwarded("c1", SECRET + "0"), decided("c2", caller="9" + SECRET))
        owner.append(msgspec.structs.replace(decided("c3"), numbers=SECRET), *ends)
        assert erase(owner, SECRET) == Erased(calls=1, entries=2, messages=0, in_progress=0)
        assert sorted(fact.attempt.id for fact in kept(owner) if isinstance(fact, Decided)) == ["c1", "c2", "c3"]


def test_accounts_named_by_the_number_go(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        for account in (f"+{SECRET}", OTHER, "alice"):
            owner.append(AuthFailed(at=START, source="pbx", account=account, peer="10.0.0.1:5060"))
            owner.append(Registered(at=START, source="pbx", account=account, peer="10.0.0.1:5060"))
        assert erase(owner, SECRET) == Erased(calls=0, entries=2, messages=0, in_progress=0)
        assert SECRET.encode() not in everything(tmp_path)
        assert len(kept(owner)) == 4


def test_inbound_calls_and_several_numbers_at_once(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        for call, caller, dialled in (("a", SECRET, "101"), ("b", "4912345", OTHER), ("c", "1", "2")):
            owner.append(Arrived(at=START, id=call, source="pbx", trunk="t", caller=caller, dialled=dialled))
            owner.append(Ended(at=START + 1, id=call, cause="no-answer"))
        assert erase(owner, SECRET, f"+{OTHER}").calls == 2
        assert [fact.id for fact in kept(owner) if isinstance(fact, Arrived)] == ["c"]


def test_a_call_in_progress_stays_until_it_is_over(tmp_path: Path) -> None:
    """After a restart it has to be known, or it could not be cut."""
    with guard(tmp_path / "l.db") as owner:
        facts = story("c1", callee=SECRET)
        owner.append(*facts[:2])
        assert erase(owner, SECRET) == Erased(calls=0, entries=0, messages=0, in_progress=1)
        assert kept(owner) == facts[:2]
        owner.append(facts[2])
        assert erase(owner, SECRET) == Erased(calls=1, entries=3, messages=0, in_progress=0)


def test_without_a_guard_no_snapshot_is_left(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1", callee=SECRET), *story("c2"))
        owner.snapshot(SECRET.encode())
    with guard(tmp_path / "l.db") as owner:
        assert erase(owner, SECRET, state=None).calls == 1
        assert owner.ledger.load_snapshot() is None
        assert [fact for _, fact in owner.ledger.replay()] == story("c2")


def test_erasing_again_finds_nothing(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1", callee=SECRET))
        erase(owner, SECRET)
        last = owner.ledger.verify().last
        assert erase(owner, SECRET) == Erased(0, 0, 0, 0)
        assert owner.ledger.verify().last == last


def test_facts_go_on_meanwhile(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        for number in range(400):
            owner.append(*story(f"c{number}", callee=SECRET))
        erasure = owner.ledger.erase([SECRET], None)
        for number in range(50):
            owner.append(decided(f"busy{number}"))
        assert erasure.result(WAIT_S).calls == 400
        assert len(kept(owner)) == 50
        assert owner.ledger.verify().broken is None


def test_a_crash_in_between_is_ended_by_erasing_again(tmp_path: Path) -> None:
    owner = Guard(tmp_path / "l.db")
    for number in range(300):
        owner.append(*story(f"c{number}", callee=SECRET))
        owner.ledger.store_message(invite(f"c{number}", SECRET))
    owner.ledger.erase([SECRET], None)
    owner.close()  # Whatever step it had come to.
    assert verify(tmp_path / "l.db").broken is None
    with guard(tmp_path / "l.db") as owner:
        erase(owner, SECRET, state=None)
        assert kept(owner) == []
    assert SECRET.encode() not in everything(tmp_path)
    assert verify(tmp_path / "l.db").broken is None


def test_where_no_snapshot_can_be_written_nothing_is_erased(tmp_path: Path) -> None:
    """The old ones have the number still."""
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1", callee=SECRET))
        (tmp_path / "l.snapshots").write_text("a file in the way")
        with pytest.raises(LedgerError, match=r"snapshot in .*l\.snapshots"):
            erase(owner, SECRET)
        assert len(kept(owner)) == 3


# --- in progress or not ---------------------------------------------------------------------------------------------

ALLOWED, DENIED = decided("c"), decided("c", outcome="deny")
UP, UP2 = Answered(at=START, id="c", leg="t1"), Answered(at=START, id="c", leg="t2")
BYE, BYE2 = Ended(at=START, id="c", leg="t1", cause="bye"), Ended(at=START, id="c", leg="t2", cause="bye")
OVER = Ended(at=START, id="c", cause="rejected")
CAME = Arrived(at=START, id="c", source="pbx", trunk="t", caller="1", dialled="2")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], False),
        ([ALLOWED], True),
        ([DENIED], False),
        ([ALLOWED, OVER], False),
        ([ALLOWED, UP], True),
        ([ALLOWED, UP, BYE], False),
        ([ALLOWED, UP, UP2, BYE], True),
        ([ALLOWED, UP, UP2, BYE, BYE2], False),
        ([ALLOWED, UP, OVER], False),
        ([ALLOWED, DENIED], False),
        ([DENIED, ALLOWED], True),
        ([CAME], True),
        ([CAME, UP], True),
        ([CAME, UP, BYE], False),
        ([UP], False),
    ],
)
def test_whether_a_call_goes_on(facts: Sequence[Fact], expected: bool) -> None:
    assert goes_on(facts, START) is expected
    assert goes_on(facts, START + LOST_AFTER_US) is False  # Its end was lost.


@given(st.lists(st.sampled_from([ALLOWED, DENIED, UP, UP2, BYE, BYE2, CAME]), max_size=6))
def test_after_its_end_none_goes_on(facts: list[Fact]) -> None:
    assert goes_on([*facts, OVER], START) is False
