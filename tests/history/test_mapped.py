"""Columns by a map: any delimiter, Parquet with times and numbers, and what is wrong with a map or a file."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ringfence.history import mapped
from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.model import SECOND

NEW_YORK = ZoneInfo("America/New_York")
NOON = 1_795_798_800
MAP = "call_id=Id,start=Begin,answer=Pick up,end=Over,caller=A,dialled=B,trunk=Way"
HEADER = ["Id", "Begin", "Pick up", "Over", "A", "B", "Way", "more"]
ROW = [
    "c1",
    "2026-11-27 12:00:00",
    "2026-11-27 12:00:04",
    "2026-11-27 12:01:04",
    "+12125550100",
    "12125550143",
    "w",
    "x",
]


def calls(path: Path, text: str = MAP) -> list[Cdr | Broken]:
    return list(mapped.reader(mapped.parsed(text))(path, NEW_YORK))


def is_noon_call(found: Cdr | Broken) -> bool:
    assert isinstance(found, Cdr), found
    assert (found.call_id, found.caller, found.dialled, found.trunk) == ("c1", "+12125550100", "12125550143", "w")
    return (found.start, found.answer, found.end) == tuple((NOON + s) * SECOND for s in (0, 4, 64))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_with_any_delimiter(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.txt"
    path.write_text("\n".join(delimiter.join(row) for row in (HEADER, ROW, ["c2", "never"], ["c3"])) + "\n")
    first, *rest = calls(path)
    assert is_noon_call(first)
    assert rest == [
        Broken(f"{path}:3", "'never' is no time; --date-format says how it is written"),
        Broken(f"{path}:4", "it has no start"),
    ]


def test_what_was_talked_is_enough_to_know_that_somebody_answered(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("Id;Date;Time;To;Secs\n1;27/11/2026;12:00:00;12125550143;60\n2;27/11/2026;12:00:00;12125550143;0\n")
    found = calls(path, "call_id=Id,start=Date+Time,dialled=To,billsec=Secs")
    assert [call.duration_s for call in found if isinstance(call, Cdr)] == [60, 0]


def test_a_call_through_the_hour_that_autumn_has_twice(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("Id;Begin;Over;To\n1;1.11.2026 01:58:00;1.11.2026 01:03:00;12125550143\n")
    (found,) = calls(path, "call_id=Id,start=Begin,end=Over,dialled=To")
    assert isinstance(found, Cdr), found
    assert (found.end - found.start) // SECOND == 300


@pytest.mark.parametrize(
    ("types", "zone"),
    [("TIMESTAMP", ""), ("VARCHAR", ""), ("TIMESTAMPTZ", "-05"), ("TIMESTAMP_MS", "")],
)
def test_parquet_with_times_of_each_type(types: str, zone: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    values = [f"'{value}{zone if n in (1, 2, 3) else ''}'" for n, value in enumerate(ROW)]
    picked = ", ".join(
        f'CAST({value} AS {types if n in (1, 2, 3) else "VARCHAR"}) AS "{name}"'
        for n, (value, name) in enumerate(zip(values, HEADER, strict=True))
    )
    duckdb.execute(f"COPY (SELECT {picked}) TO '{path}' (FORMAT parquet)")
    (found,) = calls(path)
    assert is_noon_call(found)


def test_parquet_with_epochs_and_empty_fields(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    duckdb.execute(
        f"COPY (SELECT i AS id, {NOON} + i AS t, NULL AS a, 12125550143 AS b FROM range(25000) r(i) "
        f"UNION ALL SELECT NULL, {NOON}, NULL, 1 ) TO '{path}' (FORMAT parquet)"
    )
    found = list(mapped.reader(mapped.parsed("call_id=id,start=t,answer=a,dialled=b"))(path, UTC))
    assert len(found) == 25_001
    good = [call for call in found if isinstance(call, Cdr)]
    assert {call.call_id for call in good} == {str(n) for n in range(25_000)}
    assert all(call.start == (NOON + int(call.call_id)) * SECOND and not call.answer for call in good)
    assert [one.why for one in found if isinstance(one, Broken)] == ["call_id is empty"]


def test_quotes_in_a_name_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    duckdb.execute(f"""COPY (SELECT 'c' AS "a""b", {NOON} AS t, '1' AS d) TO '{path}' (FORMAT parquet)""")
    (found,) = mapped.reader(mapped.parsed('call_id=a"b,start=t,dialled=d'))(path, UTC)
    assert isinstance(found, Cdr)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "--map : write field=column, with commas between, each field once"),
        ("call_id", "--map call_id: write field=column"),
        ("call_id=", "--map call_id=: write field=column"),
        ("call_id=a,call_id=b", "each field once"),
        ("call_id=a,when=b", "--map when: no such field; there are call_id, start,"),
        ("call_id=a,start=b", "--map call_id=a,start=b: dialled must be in it"),
    ],
)
def test_a_map_that_cannot_be_meant(text: str, why: str) -> None:
    with pytest.raises(CdrError) as error:
        mapped.parsed(text)
    assert why in str(error.value)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    path.write_text("Id;Begin\n")
    with pytest.raises(CdrError, match="calls:1: no column Pick up, Over, A, B, Way; it has Id, Begin"):
        calls(path)
    duckdb.execute(f'COPY (SELECT 1 AS "Id", 2 AS "Begin") TO \'{path}\' (FORMAT parquet)')
    with pytest.raises(CdrError, match="calls:1: no column Pick up, Over, A, B, Way; it has Id, Begin"):
        calls(path)


def test_a_file_that_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(CdrError, match=f"{path}: "):
        calls(path)
    with pytest.raises(CdrError, match="gone: No such file"):
        calls(tmp_path / "gone")


def test_without_duckdb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    (tmp_path / "calls").write_bytes(b"PAR1")
    with pytest.raises(CdrError, match=r"Parquet needs DuckDB: pip install 'ringfence\[history\]'"):
        calls(tmp_path / "calls")


ODD = "Id;Date;Time;To\n1;{0};12:00:05 PM;12125550143\n2;{1};1:00:05 PM;12125550144\n"
JOINED = "call_id=Id,start=Date+Time,dialled=To"


@pytest.mark.parametrize(
    "dates", [("27/11/2026", "03/12/2026"), ("11/27/2026", "12/03/2026"), ("27.11.2026", "03.12.2026")]
)
def test_dates_as_carriers_write_them_in_two_columns(dates: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(ODD.format(*dates))
    first, second = calls(path, JOINED)
    assert isinstance(first, Cdr)
    assert isinstance(second, Cdr)
    assert (first.start, second.start) == ((NOON + 5) * SECOND, (NOON + 6 * 86_400 + 3600 + 5) * SECOND)


def test_dates_that_may_be_two_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(ODD.format("03/12/2026", "04/12/2026"))
    with pytest.raises(CdrError, match="may have the day or the month first; say it with --date-format"):
        calls(path, JOINED)
    read = mapped.reader(mapped.parsed(JOINED), "%d/%m/%Y %I:%M:%S %p")
    assert [one.start for one in read(path, NEW_YORK) if isinstance(one, Cdr)] == [
        (NOON + (6 + day) * 86_400 + hour * 3600 + 5) * SECOND for day, hour in ((0, 0), (1, 1))
    ]


def test_two_columns_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    picked = "1 AS Id, DATE '2026-11-27' AS Date, TIME '12:00:05' AS Time, '12125550143' AS \"To\""
    duckdb.execute(f"COPY (SELECT {picked}) TO '{path}' (FORMAT parquet)")
    (found,) = calls(path, JOINED)
    assert isinstance(found, Cdr)
    assert found.start == (NOON + 5) * SECOND


def test_a_column_whose_name_has_a_plus(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("Id,Date+Time,To\n1,2026-11-27 12:00:05,12125550143\n")
    (found,) = calls(path, JOINED)
    assert isinstance(found, Cdr)
    assert found.start == (NOON + 5) * SECOND
