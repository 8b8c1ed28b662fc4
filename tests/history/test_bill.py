"""Carriers' files: headers, dates, lengths and money as they write them, and what can't be read with its place."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.history.cdr import CdrError, Tally
from ringfence.history.dates import DateFormatError, Dates, order_of
from ringfence.history.reconcile import amounts, columns
from ringfence.history.reconcile.bill import Bill, Billed, Way
from ringfence.model import SECOND

NEW_YORK = ZoneInfo("America/New_York")
NOON = 1_795_798_800 * SECOND
"""12:00 in New York on Friday 27 November 2026."""


def read(
    path: Path, text: str | bytes, said: str = "", date_format: str = "", form: str = ""
) -> tuple[list[Billed], Tally, Bill]:
    """The rows of a file with this in it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    way = Way(NEW_YORK, columns.parsed(said) if said else {}, date_format, form)
    bill = Bill(way, tally := Tally())
    return list(bill.rows([path])), tally, bill


CARRIERS = [
    "Connect Time,Called Number,Duration (s),Charge\n2026-11-27 12:00:00,+442079460018,60,0.05\n",
    "calldate;callerid;destination number;billsec;cost\n27.11.2026 12:00:00;101;00442079460018;60;0,05\n",
    "Date,Time,From,To,Duration,Amount\n11/27/2026,12:00:00 PM,12125550100,442079460018,0:01:00,$0.0500\n",
    "DATE\tTIME\tCALLED\tMINUTES\tCOST\n27/11/2026\t12:00\t442079460018\t1.0\t0.05 EUR\n",
    '"Invoice 4711"\n"Acme Telecom, 1 Main St"\n\n'
    "Start Time,Dialed Number,Billed Seconds,Price\n20261127120000,442079460018,60,0.05\n",
    "sep=;\nStart;B-Number;Seconds;Charge\n2026-11-27T17:00:00Z;442079460018;60;(0.05)\n",
    "\ufeffSetup Time|CLD|Billed Duration|Total Cost\n27-Nov-2026 12:00:00|442079460018|1:00|USD 0.05\n",
    "Setup Time (UTC),Called,Duration (min),Charge (USD)\n2026-11-27T17:00:00Z,442079460018,1.00,0.05\n",
    "timestamp,callee,seconds,price\n1795798800,442079460018,60,-0.05\n",
]


@pytest.mark.parametrize("text", CARRIERS)
def test_what_carriers_write(text: str, tmp_path: Path) -> None:
    (row,), tally, _ = read(tmp_path / "bill.csv", text)
    assert (row.start, row.seconds, row.cost_micros) == (NOON, 60, 50_000)
    assert row.number.endswith("442079460018")
    assert tally.left_out == 0
    assert row.where == f"{tmp_path / 'bill.csv'}:{text.count(chr(10))}"


def test_a_map_holds_instead_of_names(tmp_path: Path) -> None:
    text = "a,b,c,d,e\n27/11/2026,12:00:00,442079460018,60,0.05\n"
    said = "answer=a+b,dialled=c,seconds=d,cost=e"
    (row,), _, bill = read(tmp_path / "x.csv", text, said)
    assert (row.start, row.answered, row.seconds, row.cost_micros) == (NOON, True, 60, 50_000)
    assert list(bill.columns.values()) == [said]


def test_a_compressed_file_and_what_was_made_of_its_columns(tmp_path: Path) -> None:
    (row,), _, bill = read(tmp_path / "bill.csv.gz", gzip.compress(CARRIERS[0].encode()))
    assert row.start == NOON
    assert list(bill.columns.values()) == ["answer=Connect Time,dialled=Called Number,seconds=Duration (s),cost=Charge"]


def test_rows_that_are_none_are_counted_with_their_place(tmp_path: Path) -> None:
    text = (
        "Start,Called,Seconds,Cost,Direction\n"
        "2026-11-27 12:00:00,442079460018,60,0.05,out\n"
        "never,442079460018,60,0.05,out\n"
        '"2026-11-27 12:0\n'
        "2026-11-27 12:00:00,442079460019,60,0.05,Outbound\n"
        "2026-11-27 12:00:00,12125550100,60,0.05,Inbound\n"
        "2026-11-27 12:00:00,,60,0.05,out\n"
        "2026-11-27 12:00:00,442079460020,a minute,0.05,out\n"
        "Total,,120,0.10,\n"
    )
    rows, tally, bill = read(tmp_path / "bill.csv", text)
    assert [row.number for row in rows] == ["442079460018", "442079460019"]
    assert (tally.rows, tally.left_out, bill.inbound) == (8, 5, 1)
    places = {why: where.rpartition(":")[2] for why, where in tally.first.items()}
    assert places["'never' is no time; --date-format says how it is written"] == "3"
    assert places["it has no number"] == "4"
    assert places["'a minute' is no amount"] == "8"


@pytest.mark.parametrize(
    ("text", "said", "why"),
    [
        ("", "", "can't tell when and where its calls went"),
        ("a,b\n1,2\n", "", "can't tell when and where its calls went; say it with --map, such as start=Call Date"),
        ("a,b\n1,2\n", "start=a,dialled=x", "no line of the first 50 has the columns a, x; it begins with 'a,b'"),
    ],
)
def test_a_file_that_cannot_be_read(text: str, said: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(CdrError) as error:
        read(tmp_path / "bill.csv", text, said)
    assert why in str(error.value)


@pytest.mark.parametrize("said", ["", "x", "start=a,start=b", "wrong=a", "start="])
def test_a_map_that_is_wrong(said: str) -> None:
    with pytest.raises(CdrError, match="--map"):
        columns.parsed(said or "=")


def test_records_of_the_pbx_itself(tmp_path: Path) -> None:
    row = (
        '"","101","912125550143","from-internal","Ann","PJSIP/101-1","PJSIP/carrier-2","Dial","PJSIP/12125550143@carrier",'
        '"2026-11-27 11:59:56","2026-11-27 12:00:00","2026-11-27 12:01:00",64,60,"ANSWERED","X","1795798796.1",""\n'
    )
    (found,), tally, _ = read(tmp_path / "Master.csv", row + '"","101"\n', form="asterisk")
    assert (found.start, found.answered, found.seconds, found.number) == (NOON, True, 60, "12125550143")
    assert (found.call_id, found.cost_micros, tally.left_out) == ("1795798796.1", -1, 1)


def test_parquet(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "bill.parquet"
    duckdb.sql("SELECT TIMESTAMP '2026-11-27 12:00:00' AS t, '442079460018' AS n, 60 AS s, 0.05 AS c").write_parquet(
        str(path)
    )
    bill = Bill(Way(NEW_YORK, columns.parsed("start=t,dialled=n,seconds=s,cost=c")), Tally())
    (row,) = bill.rows([path])
    assert (row.start, row.seconds, row.cost_micros, row.answered) == (NOON, 60, 50_000, False)
    with pytest.raises(CdrError, match="is Parquet: say its columns with --map"):
        list(Bill(Way(NEW_YORK, {}), Tally()).rows([path]))


# Dates.


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["03/04/2026"], ""),
        (["03/04/2026", "13/04/2026"], "day"),
        (["03/04/2026", "04/13/2026"], "month"),
        (["2026-11-27"], ""),
        ([], ""),
    ],
)
def test_day_or_month_first_is_told_by_a_date_that_is_one_only(texts: list[str], order: str) -> None:
    assert order_of(texts) == order


def test_a_date_that_may_be_two_is_not_guessed(tmp_path: Path) -> None:
    text = "Start,Called,Seconds,Cost\n03/04/2026 12:00:00,442079460018,60,0.05\n"
    with pytest.raises(CdrError, match="'03/04/2026 12:00:00' may have the day or the month first"):
        read(tmp_path / "bill.csv", text)
    (row,), _, _ = read(tmp_path / "bill.csv", text, date_format="%d/%m/%Y %H:%M:%S")
    assert datetime.fromtimestamp(row.start / SECOND, UTC).month == 4


@pytest.mark.parametrize("form", ["%d/%m", "%H:%M", "never", "%Q", "%"])
def test_a_format_that_says_too_little(form: str) -> None:
    with pytest.raises(DateFormatError, match="--date-format"):
        Dates(UTC, form)


@given(text=st.text(max_size=80))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    for dates in (Dates(UTC), Dates(UTC, order="day"), Dates(UTC, "%d/%m/%Y %H:%M")):
        try:
            at = dates.read(text)
        except ValueError:
            continue
        assert at > 0


@given(at=st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)).map(lambda t: t.replace(microsecond=0)))
def test_what_is_written_one_way_is_read_so(at: datetime) -> None:
    told = int(at.replace(tzinfo=UTC).timestamp()) * SECOND
    forms = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%Y%m%d%H%M%S")
    assert all(Dates(UTC).read(at.strftime(form)) == told for form in forms)


# Amounts.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("65", 65),
        ("65.4", 65.4),
        ("65,4", 65.4),
        ("1:05", 65),
        ("0:01:05", 65),
        ("00:01:05.500", 65),
        (" 5 s", 5),
        ("0", 0),
    ],
)
def test_lengths(text: str, seconds: float) -> None:
    assert amounts.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0.05", 50_000), ("-0.05", 50_000), ("(0.05)", 50_000), ("$0.05", 50_000), ("-$0.05", 50_000),
        ("0,05", 50_000),
        ("0.05 EUR", 50_000), ("€ 0.05", 50_000), ("1,234.56", 1_234_560_000), ("1.234,56", 1_234_560_000),
        ("1'234.56", 1_234_560_000), ("12", 12_000_000), ("0.00000049", 0),
    ],
)  # fmt: skip
def test_money(text: str, micros: int) -> None:
    assert amounts.micros(text) == micros


@pytest.mark.parametrize("text", ["", "free", "1.2.3", "0x10", "1e9", "NaN", "Infinity", "9" * 30, "1 2 3 4 a b", "١٢"])
def test_what_is_no_amount(text: str) -> None:
    for read_it in (amounts.micros, amounts.seconds):
        with pytest.raises(ValueError, match="is no"):
            read_it(text)


@given(text=st.text(max_size=80))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    for read_it in (amounts.micros, amounts.seconds):
        try:
            found = read_it(text)
        except ValueError:
            continue
        assert found >= 0


@given(data=st.binary(max_size=400))
def test_any_bytes_give_rows_or_a_named_error(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for head in (b"", b"Start,Called,Seconds,Cost\n"):
        try:
            rows, tally, bill = read(path, head + data)
        except CdrError:
            continue
        assert len(rows) + tally.left_out + bill.inbound == tally.rows
