"""What PBXs and switches write: each sample file gives these calls, and says of each other row why it isn't one."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ringfence.history.asterisk import asterisk, way_of
from ringfence.history.cdr import Cdr, Tally
from ringfence.history.fields import Inside
from ringfence.history.freeswitch import read_freeswitch
from ringfence.history.kamailio import read_kamailio
from ringfence.history.read import read
from ringfence.history.sqldump import Found, rows
from ringfence.model import SECOND

SAMPLES = Path(__file__).parent / "samples"
NEW_YORK = ZoneInfo("America/New_York")
NOON = 1_795_798_800
Told = tuple[str, str, str, str, str, str, float | None, float]
"""Id, direction, trunk, extension, caller, dialled, answer and end in seconds after 12:00."""


def told(call: Cdr) -> Told:
    answer = (call.answer / SECOND - NOON) if call.answer else None
    names = call.call_id, call.direction, call.trunk, call.extension, call.caller, call.dialled
    return (*names, answer, call.end / SECOND - NOON)


ANN = "+12125550100"
OUTSIDE = {"channel": "PJSIP/carrier-1", "dcontext": "in", "src": "3035550123"}
"""What a row of Asterisk has that came from a trunk."""
CALLS: list[tuple[str, list[Told], dict[str, int]]] = [
    (
        "asterisk-master.csv",
        [
            ("1795798800.26", "out", "carrier", "101", ANN, "+12125550143", 4, 64),
            ("pbx1-1795798920.27", "out", "my-trunk", "101", "101", "011442079460018", None, 151),
            ("1795799100.33", "in", "carrier", "101", "+442079460018", ANN, 309, 369),
            ("1795799220.35", "out", "", "101", "101", "90113716700000", None, 420),
            ("1795799280.37", "out", "carrier", "101", "101", "911", 481, 541),
        ],
        {
            "stayed inside the PBX": 2,
            "no row of Asterisk: 16 columns or more, with a date in the ninth or tenth": 1,
        },
    ),
    (
        "asterisk-custom.csv",
        [
            ("1795798800.26", "out", "carrier", "101", ANN, "+12125550143", 4, 64),
            ("1795798920.28", "out", "carrier", "101", "101", "011442079460018", None, 151),
        ],
        {},
    ),
    (
        "asterisk.jsonl",
        [("1795798800.26", "out", "carrier", "101", "101", "+12125550143", 4, 64)],
        {"no JSON object": 2},
    ),
    (
        "freepbx.sql",
        [
            ("1795798800.26", "out", "Carrier", "101", ANN, "+12125550143", 4, 64),
            ("1795798920.28", "in", "Carrier", "101", "+442079460018", "12125550100", None, 140),
        ],
        {
            "stayed inside the PBX": 1,
            "'0000-00-00 00:00:00' is no time": 1,
            "1 values for 26 columns": 1,
        },
    ),
    (
        "phpmyadmin.sql",
        [
            ("1795798800.26", "out", "carrier", "101", "101", "12125550143", 4, 64),
            ("1795798920.28", "out", "carrier", "101", "101", "12125550144", None, 125),
        ],
        {},
    ),
    (
        "freeswitch.csv",
        [
            ("8fe7eb6a-0001", "out", "", "101", "101", "12125550143", 4, 64),
            ("8fe7eb6a-0003", "in", "", "", "+442079460018", "12125550100", None, 200),
        ],
        {"stayed inside the PBX": 1},
    ),
    (
        "freeswitch.jsonl",
        [
            ("8fe7eb6a-0001", "out", "carrier", "101", ANN, "+12125550143", 4.123456, 64.123456),
            ("8fe7eb6a-0002", "in", "carrier", "", "+442079460018", "12125550100", None, 200),
        ],
        {"the second leg of a call": 1, "stayed inside the PBX": 1, "no call of mod_json_cdr": 1},
    ),
    (
        "freeswitch.cdr.xml",
        [("8fe7eb6a-0001", "out", "carrier", "101", ANN, "011442079460018", 4, 64)],
        {},
    ),
    (
        "kamailio.sql",
        [
            ("one@pbx", "out", "carrier.example", "101", "101", "12125550143", 4, 64),
            ("two@pbx", "out", "carrier.example", "102", "102", "12125550144", None, 30),
        ],
        {
            "answered, and its BYE is not in the file": 1,
            "a BYE whose INVITE is not in the file": 1,
            "a challenge, no call": 1,
        },
    ),
    ("kamailio-cdrs.sql", [("one@pbx", "out", "carrier.example", "101", "101", "12125550143", 4, 64)], {}),
    ("kamailio.csv", [("one@pbx", "out", "carrier.example", "101", "101", "12125550143", 4, 64)], {}),
]


@pytest.mark.parametrize(("name", "calls", "left_out"), CALLS, ids=[name for name, *_ in CALLS])
def test_a_file_of_its_kind(name: str, calls: list[Told], left_out: dict[str, int]) -> None:
    tally = Tally()
    found = list(read([SAMPLES / name], NEW_YORK, "", tally))
    assert [tuple(told(call)) for call in found] == [pytest.approx(call) for call in calls]
    assert tally.broken == left_out
    assert all(where.startswith(f"{SAMPLES / name}:") for where in tally.first.values())


def test_every_sample_is_in_the_table() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {name for name, *_ in CALLS}


def test_address_agent_and_diversion_of_freeswitch() -> None:
    (call,) = read_freeswitch(SAMPLES / "freeswitch.cdr.xml", NEW_YORK)
    assert isinstance(call, Cdr)
    assert (call.source_ip, call.user_agent, call.diverted_from) == ("192.0.2.7", "Desk phone", "+12125550123")


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({}, ("out", "carrier", "101", "12125550143")),
        ({"lastdata": "PJSIP/12125550143@carrier"}, ("out", "carrier", "101", "12125550143")),
        ({"lastdata": "SIP/carrier/12125550143|60"}, ("out", "carrier", "101", "12125550143")),
        ({"lastdata": "PJSIP/carrier/sip:12125550143@192.0.2.1:5060"}, ("out", "carrier", "101", "12125550143")),
        ({"lastdata": "DAHDI/g0/12125550143,60,T"}, ("out", "g0", "101", "12125550143")),
        ({"lastdata": "PJSIP/12125550143@a&PJSIP/12125550143@b"}, ("out", "a", "101", "12125550143")),
        ({"lastdata": "Local/12125550143@from-internal/n"}, ("out", "carrier", "101", "92125550143")),
        ({"lastapp": "Hangup", "lastdata": "21", "dstchannel": ""}, ("out", "", "101", "92125550143")),
        ({"lastapp": "Congestion", "channel": "", "cnum": "102"}, ("out", "carrier", "102", "92125550143")),
        ({"lastapp": "Playback", "channel": "PJSIP/carrier-1", "dcontext": "in"}, None),
        ({"lastapp": "Playback", **OUTSIDE}, ("in", "carrier", "carrier", "92125550143")),
        ({"lastdata": "PJSIP/102", **OUTSIDE}, ("in", "carrier", "102", "92125550143")),
        ({"lastdata": "PJSIP/102", "src": "+12125550100"}, None),
        ({"lastdata": "PJSIP/102/sip:102@192.0.2.3"}, None),
        ({"lastapp": "VoiceMail", "dst": "*97"}, None),
        ({"lastapp": "VoiceMail", "dst": "102", "did": "12125550100"}, ("in", "101", "carrier", "12125550100")),
    ],
)  # fmt: skip
def test_where_a_row_of_asterisk_leads(changes: dict[str, str], way: tuple[str, ...] | None) -> None:
    row = {
        "src": "101", "dst": "92125550143", "dcontext": "from-internal", "channel": "PJSIP/101-1",
        "dstchannel": "PJSIP/carrier-2", "lastapp": "Dial", "lastdata": "PJSIP/12125550143@carrier,60",
    }  # fmt: skip
    if way is None and changes.get("lastapp") != "Playback":
        with pytest.raises(Inside):
            way_of({**row, **changes})
    else:
        assert tuple(way_of({**row, **changes})) == (way or ("out", "carrier", "carrier", "92125550143"))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("INSERT INTO `t` VALUES (1,'a');", {"n": "1", "s": "a"}),
        ("INSERT INTO `t` VALUES (-1.5e3,'');", {"n": "-1.5e3", "s": ""}),
        ("INSERT INTO `t` VALUES (NULL,'NULL');", {"n": "", "s": "NULL"}),
        (r"INSERT INTO `t` VALUES (1,'it\'s; \"so\" \\ \n),(');", {"n": "1", "s": 'it\'s; "so" \\ \n),('}),
        ("INSERT INTO `t` VALUES (1,'it''s');", {"n": "1", "s": "it's"}),
        ("INSERT INTO t (s, n) VALUES ('a', 1);", {"n": "1", "s": "a"}),
        ("INSERT IGNORE INTO `t` (`n`, `s`) VALUES\n(1, _binary 'a');", {"n": "1", "s": "a"}),
    ],
)
def test_values_of_a_dump(text: str, row: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_text("CREATE TABLE `t` (\n  `n` int,\n  `s` text,\n  KEY `s` (`s`)\n) ENGINE=InnoDB;\n" + text + "\n")
    (found,) = rows(path, ("t",))
    assert isinstance(found, Found)
    assert dict(found.row) == row


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("INSERT INTO `t` VALUES (1,'a", "row 1 of the INSERT can't be read"),
        ("INSERT INTO `t` VALUES (1,(2));", "row 1 of the INSERT can't be read"),
        ("INSERT INTO `t` VALUES (1,2,3);", "3 values for 2 columns"),
        ("INSERT INTO `t` (`n`) VALUES (1,2);", "2 values for 1 columns"),
    ],
)
def test_a_dump_that_cannot_be_read(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_text("CREATE TABLE `t` (\n  `n` int,\n  `s` text\n);\n" + text + "\n")
    assert [one.why for one in rows(path, ("t",)) if not isinstance(one, Found)] == [why]


def test_answered_calls_that_never_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.history.kamailio.MAX_OPEN", 3)
    path = tmp_path / "acc.csv"
    line = "INVITE,c{0},200,2026-11-27 12:00:0{0},101,12125550143"
    path.write_text("\n".join(["method,callid,sip_code,time,src_user,dst_user", *(line.format(n) for n in range(9))]))
    found = list(read_kamailio(path, NEW_YORK))
    assert len(found) == 9
    assert [getattr(one, "where", "").rpartition(":")[2] for one in found] == [str(n) for n in range(2, 11)]


@pytest.mark.parametrize(("lastdata", "caller"), [("PJSIP/+12125550143@carrier", "+12125550100"), ("PJSIP/102", "101")])
def test_freepbx_tells_the_caller_id_that_it_showed_outside(lastdata: str, caller: str) -> None:
    row = {
        "calldate": "2026-11-27 12:00:00", "src": "101", "outbound_cnum": "+12125550100", "dst": "12125550143",
        "channel": "PJSIP/Carrier-0000001c", "dcontext": "from-pstn", "lastapp": "Dial", "lastdata": lastdata,
        "did": "" if "@" in lastdata else "12125550143",
    }  # fmt: skip
    assert asterisk(row, UTC).caller == caller


@pytest.mark.parametrize("form", ["asterisk", "freeswitch"])
def test_half_a_character_in_json_can_be_written(form: str, tmp_path: Path) -> None:
    text = (SAMPLES / f"{form}.jsonl").read_text().splitlines()[0]
    path = tmp_path / "calls.jsonl"
    path.write_text(text.replace("101", "\\ud800") + "\n")
    (call,) = read([path], NEW_YORK, form, Tally())
    assert "?" in call.extension + call.caller
    msgspec.msgpack.encode(call)
