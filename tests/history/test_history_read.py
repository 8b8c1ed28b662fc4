"""Files as one stream: what wrote them is recognised, and their calls come in order of start, from disk if need be."""

from __future__ import annotations

import gzip
import random
from datetime import UTC
from pathlib import Path

import duckdb
import pytest
from historykit import HEADER, record, written
from hypothesis import given
from hypothesis import strategies as st

from ringfence.history import ordered, read
from ringfence.history.cdr import Cdr, CdrError, Tally

MASTER = [*("x" * 9), "2026-11-27 12:00:00", "", "2026-11-27 12:00:09", "9", "0", "NO ANSWER", "DOCUMENTATION"]
CUSTOM = [*MASTER[1:], "account", "1795798800.1", "", "1"]
FREESWITCH = ["", "101", "12125550143", "default", "2026-11-27 12:00:00", *("x" * 9)]


@pytest.mark.parametrize(
    ("first", "form"),
    [
        (HEADER, "generic"),
        ("dialled,start,call_id", "generic"),
        ('"call_id","start","dialled"', "generic"),
        ("\ufeffcall_id,start,dialled", "generic"),
        ("call_id;start;dialled", "generic"),
        (",".join(MASTER), "asterisk"),
        (",".join(f'"{field}"' for field in [*MASTER, "1795798800.1"]), "asterisk"),
        (",".join(CUSTOM), "asterisk"),
        ("calldate,clid,src,dst,dcontext,channel,duration,billsec", "asterisk"),
        ("calldate\tclid\tsrc\tdst\tdcontext\tchannel\tduration\tbillsec", "asterisk"),
        ('"start";"src";"dst"', "asterisk"),
        ('{"clid":"","src":"101","dst":"1","dstchannel":""}', "asterisk"),
        ('{"core-uuid":"1","variables":{}}', "freeswitch"),
        ('<?xml version="1.0"?>', "freeswitch"),
        (",".join(FREESWITCH), "freeswitch"),
        (",".join(["192.0.2.1", *FREESWITCH]), "freeswitch"),
        ("CREATE TABLE `cdr` (", "freepbx"),
        ("-- MySQL dump 10.19\nINSERT INTO `cdr` VALUES (1);", "freepbx"),
        ("-- MariaDB dump\nCREATE TABLE `acc` (", "kamailio"),
        ("INSERT INTO `missed_calls` VALUES (1);", "kamailio"),
        ("id,method,from_tag,to_tag,callid,sip_code,sip_reason,time", "kamailio"),
        ("method|callid|sip_code|time", "kamailio"),
    ],
)
def test_what_wrote_a_file(first: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(first + "\n")
    assert read.recognise(path) == form


@pytest.mark.parametrize(
    "first",
    ["", "call_id,start", "a;b;c", "call_id start dialled", "CREATE TABLE `cdrs` (", ",".join(MASTER[:15]), "-- acc\n"],
)
def test_a_file_that_nobody_knows(first: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(first + "\n")
    with pytest.raises(CdrError, match=r"f:1: can't tell what wrote this file; say it with --format \("):
        read.recognise(path)


def test_a_directory_is_all_its_files_and_a_compressed_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    text = written(tmp_path / "a.csv", record("a", 30)).read_text()
    (tmp_path / "sub/b.csv.gz").write_bytes(gzip.compress(text.replace("\na,", "\nb,").encode()))
    assert [call.call_id for call in read.read([tmp_path], UTC, "", Tally())] == ["a", "b"]


def test_of_a_directory_what_nobody_knows_is_left_out_and_told(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", record("a", 30))
    for name, data in {"b.csv": b"prefix,price\n1,0.01\n", "c.png": b"\x89PNG\r\n", "d": b""}.items():
        (tmp_path / name).write_bytes(data)
    tally = Tally()
    assert [call.call_id for call in read.read([tmp_path], UTC, "", tally)] == ["a"]
    assert tally.broken == {"a whole file: can't tell what wrote it": 3}
    assert tally.first.popitem()[1] == f"{tmp_path}/b.csv:1"
    with pytest.raises(CdrError, match="can't tell what wrote this file"):
        list(read.read([tmp_path, tmp_path / "b.csv"], UTC, "", Tally()))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_an_export_of_a_table_with_a_header(delimiter: str, tmp_path: Path) -> None:
    fields = {
        "calldate": "2026-11-27 12:00:00", "clid": '"Ann" <101>', "src": "101", "dst": "92125550143",
        "channel": "PJSIP/101-1", "dstchannel": "PJSIP/carrier-2", "lastapp": "Dial",
        "lastdata": "PJSIP/12125550143@carrier", "duration": "64", "billsec": "60", "disposition": "ANSWERED",
        "uniqueid": "1795798800.26", "outbound_cnum": "NULL", "did": "\\N",
    }  # fmt: skip
    path = tmp_path / "cdr.txt"
    path.write_text(f"{delimiter.join(fields)}\n{delimiter.join(fields.values())}\n")
    (call,) = read.read([path], UTC, "", Tally())
    assert (call.trunk, call.dialled, call.caller, call.direction) == ("carrier", "12125550143", "101", "out")
    assert call.duration_s == 60


def test_parquet_with_the_names_of_our_fields_needs_no_map(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    columns = "'a' AS call_id, TIMESTAMP '2026-11-27 12:00:00' AS start, '+12125550143' AS dialled, 60 AS billsec"
    duckdb.execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
    (call,) = read.read([path], UTC, "", Tally())
    assert (call.call_id, call.dialled, call.duration_s) == ("a", "+12125550143", 60)
    duckdb.execute(f"COPY (SELECT 1 AS id, 2 AS start) TO '{path}' (FORMAT parquet)")
    with pytest.raises(CdrError, match=r"calls\.parquet: no column call_id, dialled; say with --map"):
        list(read.read([path], UTC, "", Tally()))


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"call_id,start,dialled\n" * 1000)[:40]])
def test_a_compressed_file_that_is_broken(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.csv.gz").write_bytes(data)
    with pytest.raises(CdrError, match=r"c\.csv\.gz"):
        list(read.read([tmp_path / "c.csv.gz"], UTC, "", Tally()))


def test_several_files_become_one_stream(tmp_path: Path) -> None:
    one = written(tmp_path / "1.csv", record("a", 30), record("b", 0))
    two = written(tmp_path / "2.csv", record("c", 20), record("d", 10))
    tally = Tally()
    assert [call.call_id for call in read.read([one, two], UTC, "", tally)] == ["b", "d", "c", "a"]
    assert (tally.rows, tally.left_out) == (4, 0)


CALLS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=40)


@given(CALLS, st.sampled_from([1, 2, 3, 7, 1000]))
def test_the_order_is_the_same_however_much_fits_into_memory(rows: list[tuple[int, int]], fits: int) -> None:
    calls = [record(f"c{number}", after) for after, number in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "RUN_ROWS", fits)
        found = list(ordered.in_order(iter(calls), Cdr))
    assert found == sorted(calls, key=lambda call: (call.start, call.call_id))


def test_what_does_not_fit_into_memory_goes_to_disk_whole_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "RUN_ROWS", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    calls = [
        Cdr(f"c{n}", 10**15 + n, 10**15 + n, 10**15 + n + 1, "é", "1", "+1", "t", "::1", "ua", "d", "in")
        for n in range(35)
    ]
    random.Random(1).shuffle(calls)
    stream = ordered.in_order(iter(calls), Cdr)
    first = next(stream)
    assert len(list(tmp_path.glob("ringfence-replay-*/*"))) == 4
    assert [first, *stream] == sorted(calls, key=lambda call: call.start)
    assert list(tmp_path.iterdir()) == []
