"""The bill beside the ledger: each kind of difference and its near miss, what can't be compared, and order and size."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from historykit import HOME, START
from hypothesis import example, given
from hypothesis import strategies as st
from reconcilekit import LINES, LONDON_E164, Book, billed

from ringfence.history import ordered
from ringfence.history.reconcile.bill import Billed
from ringfence.history.reconcile.match import Finding, Matcher, Tolerance
from ringfence.history.reconcile.result import Result, keys_at, reconcile
from ringfence.history.reconcile.seen import Gap, Seen, gap_at, seen
from ringfence.ledger.reading import Reader
from ringfence.ledger.records import Erased, Outage, Purged
from ringfence.model import SECOND, Answered, Ended
from ringfence.numbers.deck import Rate

KEYS = keys_at("US")
USUAL = Tolerance()


class Found(NamedTuple):
    """What came out."""

    result: Result
    findings: list[Finding]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(one.kind, one.call_id or one.where) for one in self.findings]


def compared(book: Book, *rows: Billed, tolerance: Tolerance = USUAL, trunks: tuple[str, ...] = ()) -> Found:
    findings: list[Finding] = []
    with Reader(book.written()) as reader:
        result = reconcile(rows, reader, Matcher(tolerance, KEYS), trunks, findings.append)
    return Found(result, findings)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A call before and one after the others, so that the ledger holds what lies between."""
    found = Book(tmp_path)
    found.call("first", -3600, 60, HOME)
    found.call("a", 0, 60)
    return found


def test_what_agrees(book: Book) -> None:
    found = compared(book, billed(0, 60, 20_000))
    assert found.kinds == []
    assert (found.result.rows, found.result.matched, found.result.skew_s) == (1, 1, 0.0)
    assert (found.result.billed_s, found.result.billed_micros) == (60, 20_000)


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        (billed(0, 60, 20_000, "+442079460019"), [("unseen", "bill:0"), ("unbilled", "a")]),
        (billed(59, 60, 20_000), []),
        (billed(-59, 60, 20_000), []),
        (billed(61, 60, 20_000), [("unbilled", "a"), ("unseen", "bill:61")]),
        (billed(0, 62, 40_000), []),
        (billed(0, 58, 20_000), []),
        (billed(0, 63, 40_000), [("duration", "a")]),
        (billed(0, 57, 20_000), [("duration", "a")]),
        (billed(0, 60, 25_000), []),
        (billed(0, 60, 26_000), [("price", "a")]),
        (billed(0, 60, 14_000), [("price", "a")]),
        (billed(0, 600, 300_000), [("duration", "a"), ("price", "a")]),
        (billed(0, 60), []),
        (billed(0, -1, 20_000), []),
        (billed(0, -1, 40_000), [("price", "a")]),
    ],
)
def test_each_kind_and_its_near_miss(book: Book, row: Billed, kinds: list[tuple[str, str]]) -> None:
    anchors = (billed(-3600, 60, 10_000, "12125550143"), billed(3600, 0, 0, "+442079460077"))
    found = compared(book, anchors[0], row, anchors[1])
    assert sorted(found.kinds) == sorted([*kinds, ("unseen", "bill:3600")])


def test_rounding_up_to_the_increments_of_the_deck_is_no_difference(book: Book) -> None:
    book.call("short", 100, 12)
    assert compared(book, billed(0, 60, 20_000), billed(100, 60, 20_000)).kinds == []
    assert compared(book, billed(0, 60, 20_000), billed(100, 12, 20_000)).kinds == []
    assert compared(book, billed(0, 60, 20_000), billed(100, 63, 40_000)).kinds == [("duration", "short")]


def test_money_of_a_difference(book: Book) -> None:
    (duration, price) = compared(book, billed(0, 600, 300_000)).findings
    assert (duration.money_micros, duration.why) == (180_000, "60 s here, 600 s on the bill")
    assert (price.expected_micros, price.money_micros) == (200_000, 100_000)
    assert price.why == "the deck has 0.02 a minute for GB fixed"


def test_calls_that_were_refused_or_not_answered_here(tmp_path: Path) -> None:
    book = Book(tmp_path, LINES.replace('"GB", ', ""))
    book.call("first", -3600, 60, HOME)
    book.call("refused", 0)
    book.call("rang", 600, 0, HOME)
    found = compared(book, billed(0, 60, 20_000), billed(600, 30, 5_000, "12125550143"))
    assert found.kinds == [("refused", "refused"), ("unanswered", "rang")]
    assert found.findings[0].why == "refused here: destination-not-permitted"
    assert found.findings[0].money_micros == 20_000
    assert compared(book, billed(600, 0, 0, "12125550143")).kinds == []


def test_a_row_twice_and_a_call_twice(book: Book) -> None:
    assert compared(book, billed(0, 60, 20_000), billed(1, 60, 20_000)).kinds == [("twice", "a")]
    assert compared(book, billed(0, 60, 20_000), billed(30, 60, 20_000)).kinds == [("unseen", "bill:30")]
    book.call("again", 30, 60)
    assert compared(book, billed(0, 60, 20_000), billed(30, 60, 20_000)).kinds == []


def test_rows_of_one_second_do_not_take_each_others_calls(book: Book) -> None:
    for n in range(20):
        book.call(f"c{n:02}", 600, 30 + 6 * n)
    refused = Seen("no", START + 558 * SECOND, (LONDON_E164[1:],), LONDON_E164, "carrier", "pbx", "", "hours")
    rows = [billed(600, 30 + 6 * n + (120 if n == 7 else 0)) for n in range(20)]
    rows.insert(4, rows[3])
    with Reader(book.written()) as reader:
        known = sorted([*seen(reader, START, START + 3600 * SECOND), refused], key=lambda call: call.start)
    findings = list(
        Matcher(USUAL, KEYS).run([billed(0, 60), *rows], [call for call in known if call.call_id != "first"])
    )
    assert sorted((one.kind, one.call_id) for one in findings) == [("duration", "c07"), ("twice", "c03")]


def test_of_redials_the_answered_one_is_billed(book: Book) -> None:
    book.call("busy", 400)
    book.call("talks", 410, 60)
    book.call("over", 500)
    assert compared(book, billed(0, 60), billed(401, 60)).kinds == []


def test_a_call_that_is_up_at_the_end_of_the_ledger(book: Book) -> None:
    book.call("up", 600, 60)
    book.facts.pop()
    assert compared(book, billed(0, 60), billed(600, 900, 300_000)).kinds == []
    found = compared(book, billed(0, 60), billed(700, 60, -1, "12125550143"))
    assert (found.kinds, found.result.still_up) == ([("unseen", "bill:700")], 1)


def test_a_fork_that_answers_late_does_not_end_the_call(book: Book) -> None:
    at = START + 5 * SECOND
    book.facts += [
        Answered(at=at + SECOND, id="a", leg="t2", late=True),
        Ended(at=at + 2 * SECOND, id="a", leg="t2", cause="late"),
    ]
    assert compared(book, billed(0, 60, 20_000)).kinds == []


def test_emergency_calls_are_nobodys_bill(book: Book) -> None:
    book.call("sos", 300, 60, "911")
    assert compared(book, billed(0, 60), billed(600, 0, 0)).kinds == [("unseen", "bill:600")]


@pytest.mark.parametrize(
    "number",
    ["+442079460018", "442079460018", "00442079460018", "011442079460018", "sip:+442079460018@carrier.example"],
)
def test_ways_to_write_a_number(book: Book, number: str) -> None:
    assert compared(book, billed(0, 60, 20_000, number)).kinds == []


def test_the_national_form_of_a_number(book: Book) -> None:
    assert compared(book, billed(-3600, 60, 10_000, "2125550143"), billed(0, 60)).kinds == []


TWO = (
    LINES + '[trunk.two]\nlisten = "inside"\ncarrier_addresses = ["127.0.0.4"]\nsend_to = ["sip:127.0.0.4:5060"]\n'
    'permit = ["US", "GB"]\n[source.pbx]\ntrunks = ["carrier", "two"]\n'
)


def test_a_trunk_of_which_nothing_is_billed_is_told(tmp_path: Path) -> None:
    book = Book(tmp_path, TWO)
    book.call("first", -60, 5, HOME)
    for n in range(3):
        book.call(f"c{n}", 300 * n, 60)
        book.call(f"t{n}", 300 * n + 100, 60, trunk="two")
    rows = [billed(-60, 5, 1_000, "12125550143"), *(billed(300 * n, 60, 20_000) for n in range(3))]
    both = compared(book, *rows)
    assert both.kinds == [("unbilled", "t0"), ("unbilled", "t1")]
    assert both.result.silent == {"two": 2}
    assert compared(book, *rows, trunks=("carrier",)).kinds == []


# Clocks and zones.


def test_a_clock_that_is_off_is_measured(book: Book) -> None:
    for n in range(1, 9):
        book.call(f"c{n}", 300 * n, 60)
    found = compared(book, *(billed(300 * n + 7, 60) for n in range(9)))
    assert found.kinds == []
    assert found.result.skew_s == 7.0


def test_a_wrong_zone_is_told(book: Book) -> None:
    for n in range(1, 50):
        book.call(f"c{n}", 600 * n, 60, f"0114420794600{n:02}")
    rows = [billed(600 * n - 5 * 3600, 60, 0, f"+4420794600{n:02}") for n in range(31, 50)]
    assert compared(book, *rows).result.zone_off_s == 5 * 3600
    assert compared(book, *(billed(600 * n, 60, 0, f"+4420794600{n:02}") for n in range(1, 50))).result.zone_off_s == 0


def test_a_start_without_an_answer_may_be_either(book: Book) -> None:
    for at in (0, 2, 5):
        row = Billed("x", START + at * SECOND, False, 60, LONDON_E164)
        assert compared(book, row, tolerance=Tolerance(within_s=0)).kinds == []


# What the ledger doesn't hold.


def test_rows_before_the_ledger_begins_are_not_called_unseen(book: Book) -> None:
    found = compared(book, billed(-7200, 60), billed(0, 60))
    assert found.kinds == []
    assert found.result.not_held == {"before the ledger begins": 1}
    assert found.result.rows == 1


def test_what_was_purged_lost_or_erased_is_told(book: Book) -> None:
    minute = 60 * SECOND
    book.facts += [
        Purged(at=START + 10 * minute, before=START - 30 * minute, kinds=()),  # type: ignore[list-item]
        Outage(at=START + 20 * minute, since=START + 15 * minute, why="disk full", late=0, lost={"decided": 2}),  # type: ignore[list-item]
        Outage(at=START + 40 * minute, since=START + 30 * minute, why="slow", late=3, lost={}),  # type: ignore[list-item]
        Erased(at=START + 50 * minute, ranges=((1, 1),)),  # type: ignore[list-item]
    ]
    found = compared(book, billed(-2400, 60), billed(0, 60), billed(16 * 60, 60), billed(35 * 60, 60))
    assert found.result.not_held == {"purged from the ledger": 1, "while the ledger couldn't be written": 1}
    assert found.kinds == [("unseen", "bill:2100")]
    assert found.result.erased


def test_an_empty_bill_and_an_empty_ledger(tmp_path: Path) -> None:
    book = Book(tmp_path)
    assert compared(book).result.rows == 0
    found = compared(book, billed(0, 60))
    assert (found.kinds, found.result.not_held) == ([], {"before the ledger begins": 1})


def test_gaps() -> None:
    held = [Gap(0, 10, "before"), Gap(20, 30, "outage")]
    assert [gap_at(held, at) for at in (9, 10, 20, 30)] == ["before", "", "outage", ""]


def test_the_ledger_is_read_no_further_than_needed(book: Book) -> None:
    book.call("later", 7200, 60)
    book.call("much-later", 200_000, 60)
    with Reader(book.written()) as reader:
        assert [call.call_id for call in seen(reader, START, START + 60 * SECOND)] == ["first", "a"]


# Any calls at all.

RATE = Rate("44", "GB", 0, 20_000, 60, 60)


def calls(spec: Iterable[tuple[int, int, int]]) -> list[Seen]:
    made = []
    for n, (at, to, talk) in enumerate(spec):
        start = START + at * SECOND
        answer = start + 3 * SECOND if talk else 0
        key = f"44207946{to:04}"
        made.append(
            Seen(
                f"c{n:03}", start, (key,), key, "carrier", "pbx", "", "", "", answer, start + (3 + talk) * SECOND, RATE
            )
        )
    return sorted(made, key=lambda call: (call.start, call.call_id))


SPEC = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3), st.integers(0, 300)), max_size=40)


@given(spec=SPEC, noise=st.integers(-10, 10))
@example(spec=[(0, 0, 1), (1, 0, 4), (2, 0, 1)], noise=1)
def test_a_bill_of_what_was_answered_agrees_whatever_the_calls(spec: list[tuple[int, int, int]], noise: int) -> None:
    known = calls(spec)
    rows = [
        Billed(
            c.call_id, c.answer + noise * SECOND, True, c.seconds, c.number, "", RATE.cost_micros(c.seconds), c.call_id
        )
        for c in known
        if c.answer
    ]
    rows.sort(key=lambda row: (row.start, row.call_id))
    matcher = Matcher(Tolerance(within_s=1000), KEYS)
    found = list(matcher.run(rows, known))
    assert {one.kind for one in found} <= {"duration", "twice"}
    assert matcher.matched + sum(one.kind == "twice" for one in found) == len(rows)
    assert not matcher._near
    assert not matcher._leaving


@given(spec=SPEC, rows=SPEC)
def test_every_row_and_every_answered_call_is_accounted_for(
    spec: list[tuple[int, int, int]], rows: list[tuple[int, int, int]]
) -> None:
    known = calls(spec)
    bill = [Billed(f"r{n}", START + at * SECOND, True, s, f"44207946{to:04}") for n, (at, to, s) in enumerate(rows)]
    bill.sort(key=lambda row: (row.start, row.call_id))
    matcher = Matcher(Tolerance(), KEYS)
    found = list(matcher.run(bill, known))
    count = {kind: sum(one.kind == kind for one in found) for kind in ("unseen", "twice", "unbilled")}
    assert matcher.matched + count["unseen"] + count["twice"] == len(bill)
    billed_calls = sum(1 for call in known if call.billed_at and call.answer)
    assert billed_calls + count["unbilled"] == sum(1 for call in known if call.answer)


def test_more_rows_than_fit_in_memory_find_the_same(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(1, 60):
        book.call(f"c{n}", 60 * n, 30, f"0114420794600{n:02}")
    rows = [billed(60 * n, 30 if n % 7 else 90, -1, f"+4420794600{n:02}") for n in range(59, 0, -1)]
    whole = compared(book, *rows)
    monkeypatch.setattr(ordered, "RUN_ROWS", 10)
    with Reader(book.written()) as reader:
        findings: list[Finding] = []
        reconcile(rows, reader, Matcher(Tolerance(), KEYS), (), findings.append)
    assert findings == whole.findings
    assert len(findings) == 8


def test_the_dearest_are_shown() -> None:
    result = Result(shown=2)
    for n in range(5):
        result.add(Finding("unseen", n, "1", "", f"row {n}", "", 1, -1, n, -1, n % 4))
    assert [one.where for one in result.shown("unseen")] == ["row 3", "row 2"]
    assert (result.counts["unseen"], result.money_micros["unseen"], result.differences) == (5, 6, 5)
