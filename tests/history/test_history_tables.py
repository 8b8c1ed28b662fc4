"""CSV readers: what each column becomes, near misses, time zones, and that any bytes give records or counted rows."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from historykit import HEADER
from hypothesis import given
from hypothesis import strategies as st

from ringfence.history import read
from ringfence.history.asterisk import endpoint, read_asterisk
from ringfence.history.cdr import Broken, Cdr, CdrError, Tally
from ringfence.history.fields import LAST, instant
from ringfence.history.tables import read_generic
from ringfence.model import SECOND

NEW_YORK = ZoneInfo("America/New_York")
NOON = 1_795_798_800
"""12:00 in New York on Friday 27 November 2026."""

GENERIC = {
    "call_id": "c1", "start": "2026-11-27T12:00:00-05:00", "answer": "2026-11-27T12:00:04-05:00",
    "end": "2026-11-27T12:01:04.5-05:00", "caller": "+12125550100", "extension": "101", "source_ip": "192.0.2.7",
    "user_agent": "Desk phone", "dialled": "011442079460018", "trunk": "carrier", "disposition": "ANSWERED",
    "duration": "64", "billsec": "60", "diverted_from": "+12125550199",
}  # fmt: skip


def generic(folder: Path, **changes: str) -> Cdr | Broken:
    fields = {**GENERIC, **changes}
    path = folder / "calls.csv"
    path.write_text(f"{','.join(fields)}\n{','.join(fields.values())}\n")
    (found,) = read_generic(path, NEW_YORK)
    return found


def test_every_column_of_the_generic_csv(tmp_path: Path) -> None:
    assert generic(tmp_path) == Cdr(
        call_id="c1",
        start=NOON * SECOND,
        answer=(NOON + 4) * SECOND,
        end=NOON * SECOND + 64_500_000,
        caller="+12125550100",
        extension="101",
        source_ip="192.0.2.7",
        user_agent="Desk phone",
        dialled="011442079460018",
        trunk="carrier",
        diverted_from="+12125550199",
        direction="out",
    )


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"start": "2026-11-27 12:00:00"}, "start", NOON * SECOND),
        ({"start": "2026-11-27T17:00:00Z"}, "start", NOON * SECOND),
        ({"start": str(NOON)}, "start", NOON * SECOND),
        ({"start": f"{NOON}.25"}, "start", NOON * SECOND + 250_000),
        ({"start": f" {NOON} "}, "start", NOON * SECOND),
        ({"answer": ""}, "answer", 0),
        ({"answer": "0000-00-00 00:00:00"}, "answer", 0),
        ({"disposition": "NO ANSWER", "billsec": "0"}, "answer", 0),
        ({"disposition": "NO ANSWER", "billsec": ""}, "answer", 0),
        ({"disposition": "BUSY", "billsec": "60"}, "answer", (NOON + 4) * SECOND),
        ({"disposition": "answered"}, "answer", (NOON + 4) * SECOND),
        ({"disposition": ""}, "answer", (NOON + 4) * SECOND),
        ({"end": ""}, "end", (NOON + 64) * SECOND),
        ({"end": "", "billsec": ""}, "end", (NOON + 4 + 64) * SECOND),
        ({"end": "", "answer": "", "duration": "9"}, "end", (NOON + 9) * SECOND),
        ({"direction": "in"}, "direction", "in"),
        ({"direction": "Inbound"}, "direction", "in"),
        ({"direction": "OUT"}, "direction", "out"),
        ({"direction": "outbound"}, "direction", "out"),
        ({"direction": ""}, "direction", "out"),
        ({"call_id": " c1 "}, "call_id", "c1"),
    ],
)
def test_ways_to_write_a_field(changes: dict[str, str], field: str, value: object, tmp_path: Path) -> None:
    found = generic(tmp_path, **changes)
    assert isinstance(found, Cdr), found
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"start": ""}, "no time"),
        ({"start": "yesterday"}, "'yesterday' is no time"),
        ({"start": "27/11/2026 12:00"}, "'27/11/2026 12:00' is no time"),
        ({"start": "2026-02-30T12:00:00Z"}, "'2026-02-30T12:00:00Z' is no time"),
        ({"start": "1795798800000"}, "'1795798800000' is not between 1970 and 2100"),
        ({"start": "1900-01-01T00:00:00Z"}, "'1900-01-01T00:00:00Z' is not between 1970 and 2100"),
        ({"start": "٢٠٢٦"}, "'٢٠٢٦' is no time"),
        ({"call_id": ""}, "call_id is empty"),
        ({"dialled": " "}, "dialled is empty"),
        ({"end": "2026-11-27T11:59:59-05:00"}, "its times are not in the order start, answer, end"),
        ({"answer": "2026-11-27T11:59:59-05:00"}, "its times are not in the order start, answer, end"),
        ({"end": "", "billsec": "1e300"}, "its times are not in the order start, answer, end"),
        ({"end": "", "billsec": "-61"}, "its times are not in the order start, answer, end"),
        ({"disposition": "BUSY", "billsec": "many"}, "'many' is no number of seconds"),
    ],
)
def test_a_row_that_cannot_be_used_says_where_and_why(changes: dict[str, str], why: str, tmp_path: Path) -> None:
    assert generic(tmp_path, **changes) == Broken(f"{tmp_path}/calls.csv:2", why)


@pytest.mark.parametrize(
    ("changes", "answer_s", "end_s"),
    [
        ({"duration": "64", "billsec": "60"}, 4, 64),
        ({"billsec": "60"}, 0, 60),
        ({"billsec": "60", "end": "2026-11-27 12:01:10"}, 10, 70),
        ({"duration": "64", "billsec": "0"}, None, 64),
        ({"duration": "64", "billsec": "0", "disposition": "ANSWERED"}, 64, 64),
        ({"duration": "64", "disposition": "Answered"}, 0, 64),
        ({"duration": "64", "disposition": "NO ANSWER"}, None, 64),
        ({"duration": "64"}, None, 64),
    ],
)
def test_without_a_column_for_the_answer_what_was_talked_tells(
    changes: dict[str, str], answer_s: int | None, end_s: int, tmp_path: Path
) -> None:
    fields = {"call_id": "c1", "start": "2026-11-27 12:00:00", "dialled": "12125550143", **changes}
    path = tmp_path / "calls.csv"
    path.write_text(f"{','.join(fields)}\n{','.join(fields.values())}\n")
    (found,) = read_generic(path, NEW_YORK)
    assert isinstance(found, Cdr), found
    assert (found.answer, found.end) == (
        (NOON + answer_s) * SECOND if answer_s is not None else 0,
        (NOON + end_s) * SECOND,
    )


TWICE = int(datetime(2026, 11, 1, 1, 58, tzinfo=NEW_YORK).timestamp()) * SECOND
"""1:58 in New York for the first time that night; at 2:00 it is 1:00 again."""


@pytest.mark.parametrize(
    ("changes", "answer_s", "end_s"),
    [
        ({"answer": "2026-11-01 01:59:00", "end": "2026-11-01 01:03:00"}, 60, 300),
        ({"answer": "2026-11-01 01:01:00", "end": "2026-11-01 01:03:00"}, 180, 300),
        ({"answer": "2026-11-01 01:01:00", "end": "", "billsec": "120"}, 180, 300),
        ({"answer": "", "end": "2026-11-01 01:03:00"}, None, 300),
        ({"answer": "", "end": "2026-11-01 02:03:00"}, None, 3900),
    ],
)
def test_a_call_through_the_hour_that_autumn_has_twice(
    changes: dict[str, str], answer_s: int | None, end_s: int, tmp_path: Path
) -> None:
    found = generic(tmp_path, start="2026-11-01 01:58:00", **changes)
    assert isinstance(found, Cdr), found
    assert (found.start, found.end) == (TWICE, TWICE + end_s * SECOND)
    assert found.answer == (TWICE + answer_s * SECOND if answer_s is not None else 0)


@pytest.mark.parametrize("end", ["2026-11-01T01:03:00-04:00", "2026-11-01T05:03:00Z", "1793509380"])
def test_a_time_with_an_offset_has_one_meaning(end: str, tmp_path: Path) -> None:
    found = generic(tmp_path, start="2026-11-01 01:58:00", answer="", end=end)
    assert found == Broken(f"{tmp_path}/calls.csv:2", "its times are not in the order start, answer, end")


def test_rows_beside_a_broken_one_are_read(tmp_path: Path) -> None:
    path, good = tmp_path / "calls.csv", ",".join(GENERIC.values())
    path.write_text("\n".join([",".join(GENERIC), good, "c2,never", "", good, '"quoted\n', good]) + "\n")
    found = list(read_generic(path, NEW_YORK))
    assert [type(row).__name__ for row in found] == ["Cdr", "Broken", "Cdr", "Broken", "Cdr"]
    assert [row.where.rpartition(":")[2] for row in found if isinstance(row, Broken)] == ["3", "6"]


def test_a_mark_before_the_header_and_nul_bytes_are_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(b"\xef\xbb\xbfcall_id,start,dialled\nc\x001,1795798800,12125550143\n")
    (found,) = read_generic(path, UTC)
    assert isinstance(found, Cdr)
    assert (found.call_id, found.caller) == ("c1", "")


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("start,dialled", "calls.csv:1: no column call_id; the header is call_id,start,"),
        ("call_id;start", "calls.csv:1: no column dialled; the header is call_id,start,"),
        ("", "calls.csv:1: no column call_id, start, dialled; the header is"),
    ],
)
def test_a_header_without_what_is_needed(header: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(header + "\n")
    with pytest.raises(CdrError) as error:
        list(read_generic(path, UTC))
    assert text in str(error.value)


@pytest.mark.parametrize("reader", [read_generic, read_asterisk])
def test_a_file_that_is_not_there(reader: read.Read, tmp_path: Path) -> None:
    with pytest.raises(CdrError, match=r"gone\.csv: No such file"):
        list(reader(tmp_path / "gone.csv", UTC))
    with pytest.raises(CdrError, match="Is a directory"):
        list(reader(tmp_path, UTC))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-08T01:59:59", "2026-03-08T06:59:59"),
        ("2026-03-08T03:00:00", "2026-03-08T07:00:00"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00"),  # An hour that the clocks leave out.
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00"),  # An hour that comes twice: the first.
        ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00"),
        ("2026-11-01T02:00:00", "2026-11-01T07:00:00"),
        ("2026-11-01T01:30:00+01:00", "2026-11-01T00:30:00"),
    ],
)
def test_times_around_the_change_of_clocks(text: str, utc: str) -> None:
    assert instant(text, NEW_YORK) == int(datetime.fromisoformat(utc + "+00:00").timestamp()) * SECOND


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 30)))
def test_an_offset_is_stronger_than_the_zone(at: datetime) -> None:
    text = at.replace(tzinfo=UTC).isoformat()
    assert instant(text, NEW_YORK) == instant(text, UTC)


MASTER = (
    '"acc","101","91{dst}","from-internal","""Ann"" <101>","PJSIP/101-0000001a","PJSIP/carrier-0000001b","Dial",'
    '"PJSIP/{dst}@carrier,30","2026-11-27 12:00:00",{answer},"2026-11-27 12:01:04",64,{billsec},"{state}",'
    '"DOCUMENTATION","1795798800.26","note"\n'
)


def master(folder: Path, text: str) -> list[Cdr | Broken]:
    path = folder / "Master.csv"
    path.write_text(text)
    return list(read_asterisk(path, NEW_YORK))


def test_a_row_of_asterisk(tmp_path: Path) -> None:
    row = MASTER.format(dst="2125550143", answer='"2026-11-27 12:00:04"', billsec=60, state="ANSWERED")
    (found,) = master(tmp_path, row)
    assert isinstance(found, Cdr)
    assert (found.start, found.answer, found.end) == (NOON * SECOND, (NOON + 4) * SECOND, (NOON + 64) * SECOND)
    assert (found.call_id, found.caller, found.extension) == ("1795798800.26", "101", "101")
    assert found.trunk == "carrier"


def test_nobody_answered_a_row_of_asterisk(tmp_path: Path) -> None:
    (found,) = master(tmp_path, MASTER.format(dst="2125550143", answer="", billsec=0, state="NO ANSWER"))
    assert isinstance(found, Cdr)
    assert (found.answer, found.duration_s) == (0, 0)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("PJSIP/101-0000001a", "101"),
        ("SIP/my-trunk-0000001a", "my-trunk"),
        ("DAHDI/i1/12125550143-1", "i1/12125550143"),
        ("PJSIP/101", "101"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_the_endpoint_of_a_channel(channel: str, name: str) -> None:
    assert endpoint(channel) == name


ODD = ['"', ",", "\n", "\r", "\0", "\ufeff", "-1", "nan", "inf", "9" * 400]
ANY = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([*GENERIC.values(), *ODD])).map(lambda parts: (HEADER + "\n" + ",".join(parts)).encode()),
    st.lists(st.sampled_from(['"', '","', "\n", "2026-11-27 12:00:00", "ANSWERED", "5", "é"]), max_size=60).map(
        lambda parts: ",".join(parts).encode()
    ),
)


@given(data=ANY, form=st.sampled_from(["", *read.FORMATS]))
def test_any_bytes_give_records_or_counted_rows(data: bytes, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(data)
        tally = Tally()
        try:
            calls = list(read.read([path], NEW_YORK, form, tally))
        except CdrError as error:
            assert str(path) in str(error)
            return
    assert len(calls) + tally.left_out == tally.rows
    assert set(tally.first) == set(tally.broken)
    for call in calls:
        assert call.call_id and call.dialled
        assert 0 < call.start <= (call.answer or call.start) <= call.end < LAST
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(call), type=Cdr) == call


def test_the_tally_of_reasons_is_bounded() -> None:
    tally = Tally()
    for number in range(3 * Tally.MAX_SHOWN):
        tally.add_broken(Broken(f"f:{number}", f"reason {number}"))
    assert tally.left_out == 3 * Tally.MAX_SHOWN
    assert len(tally.broken) == Tally.MAX_SHOWN + 1
    assert tally.first["other reasons"] == f"f:{Tally.MAX_SHOWN}"


TRUNK_ROW = (
    '"","101","9{0}","from-internal","Ann","PJSIP/101-1","PJSIP/carrier-2","Dial","PJSIP/{0}@carrier",'
    '"2026-11-27 12:00:00","2026-11-27 12:00:01","2026-11-27 12:00:09",9,8,"ANSWERED","X","1795798800.{1}",""'
)
CUT_OFF = '"","101","9121255'
"""What a full disk leaves of a line."""


@pytest.mark.parametrize("at", range(4))
def test_a_line_that_was_cut_off_takes_no_other_with_it(at: int, tmp_path: Path) -> None:
    lines = [TRUNK_ROW.format(12125550143 + n, n) for n in range(3)]
    path = tmp_path / "Master.csv"
    path.write_text("\n".join([*lines[:at], CUT_OFF, *lines[at:]]) + "\n")
    found = list(read_asterisk(path, NEW_YORK))
    assert [one.dialled for one in found if isinstance(one, Cdr)] == ["12125550143", "12125550144", "12125550145"]
    assert [one.where for one in found if isinstance(one, Broken)] == [f"{path}:{at + 1}"]


def test_the_same_in_a_csv_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    row = '"c{0}","1795798800","12125550143","pbx"\n'
    path.write_text("call_id,start,dialled,trunk\n" + row.format(1) + '"c2","17957\n' + row.format(3) + row.format(4))
    found = list(read_generic(path, NEW_YORK))
    assert [one.call_id for one in found if isinstance(one, Cdr)] == ["c1", "c3", "c4"]
    assert [(one.where, one.why) for one in found if isinstance(one, Broken)] == [(f"{path}:3", "dialled is empty")]


def test_a_field_may_have_several_lines_where_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text('call_id,start,dialled,user_agent\n"c1","1795798800","12125550143","a\nb"\n')
    (found,) = read_generic(path, NEW_YORK)
    assert isinstance(found, Cdr)
    assert found.user_agent == "a\nb"


def test_a_quote_that_never_ends_is_no_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    body = "c,1795798800,12125550143\n" * 9000
    path.write_text(f'call_id,start,dialled\n"c0,1795798800,1\n{body}')
    found = list(read_generic(path, NEW_YORK))
    assert sum(isinstance(one, Cdr) for one in found) == 9000
    assert [one.where for one in found if isinstance(one, Broken)] == [f"{path}:2"]
