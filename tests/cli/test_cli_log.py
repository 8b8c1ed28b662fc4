"""`ringfence log`: instants as people write them, what observe mode let through, what people and programs read."""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from clikit import TEN, Ran, Run, kept, ledger

from ringfence.cli.log import Kind, WhenError, observed_rule, when
from ringfence.ledger.records import KINDS
from ringfence.model import SECOND, Contained, Destination, Hit, Outcome, Verdict
from ringfence.model.verdict import Severity
from ringfence.numbers import Number

NOW = 1_800_000_000 * SECOND


def verdict(outcome: Outcome, *hits: tuple[str, Severity, bool], emergency: bool = False) -> Verdict:
    return Verdict(
        outcome=outcome,
        reason="",
        text="",
        sip_status=0,
        public_text="",
        hits=tuple(Hit(rule=rule, severity=severity, text="", enforced=enforced) for rule, severity, enforced in hits),
        destination=Destination(
            number=Number("ok", "5355512345", "CU", "mobile"), klass="international", risk=0, price=None
        ),
        emergency=emergency,
        send_user="",
        send_caller=None,
    )


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (verdict("allow"), ""),
        (verdict("allow", ("high-risk", "alert", False)), ""),
        (verdict("allow", ("high-risk", "alert", True), ("special-kind", "block", False)), "special-kind"),
        (verdict("allow", ("special-kind", "block", False), ("spend", "block", False)), "special-kind"),
        (verdict("deny", ("special-kind", "block", False), ("spend", "block", True)), ""),
        (verdict("allow", ("concurrent-calls", "block", False), emergency=True), ""),
    ],
)
def test_a_call_that_observe_mode_let_through_names_the_rule(given: Verdict, rule: str) -> None:
    assert observed_rule(given) == rule


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [("15m", 900), ("36h", 129_600), ("7d", 604_800), ("90s", 90), ("2027-01-15T08:00:00+00:00", 0)],
)
def test_instants(text: str, ago_s: int) -> None:
    assert when(text, NOW) == NOW - ago_s * SECOND


@pytest.mark.parametrize("text", ["yesterday", "15 m", "-5m", "2027-13-01", "٣h"])
def test_what_is_no_instant_is_said(text: str) -> None:
    with pytest.raises(WhenError, match="is no time: write 15m"):
        when(text, NOW)


def test_the_rule_is_read_from_what_was_kept() -> None:
    kept = msgspec.msgpack.encode(verdict("allow", ("spend", "block", False)))
    assert observed_rule(msgspec.msgpack.decode(kept, type=Verdict)) == "spend"


# --- what people and programs read ----------------------------------------------------------------------------------

SINCE = ("--since", "2026-11-26T00:00")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kept(tmp_path)


def ids(told: Ran) -> list[str]:
    return [json.loads(line)["id"] for line in told.out.splitlines()]


def test_a_line_tells_a_call_the_newest_last(path: Path, run: Run) -> None:
    told = run("log", *SINCE, "--ledger", path)
    assert (told.code, told.err) == (0, "")
    head, *rows = told.rows
    assert head == ["time", "id", "source", "caller", "dialled", "E.164", "verdict", "reason", "then", "cost"]
    assert [row.pop(0) for row in rows] == [f"2026-11-26 10:0{minute}:00.000" for minute in (0, 2, 3, 4, 5)]
    assert [row.pop(1) for row in rows] == ["pbx"] * 5
    assert rows == [
        ["n1-1", "+12125550100", "011442079460000", "+442079460000", "allow", "1:05, bye-caller", "1.20"],
        ["n1-2", "+12125550100", "0115378345678", "+5378345678", "deny", "destination-not-permitted", "SIP 603"],
        ["n1-3", "+13105550199", "12125550143", "+12125550143", "allow", "(caller-id-not-owned)", "up"],
        ["n1-4", "+12125550100", "911", "911", "allow", "emergency", "ringing"],
        ["n1-5", "+12125550100", "12125550143", "+12125550143", "allow", "rejected 486"],
    ]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), ["n1-1", "n1-2", "n1-3", "n1-4", "n1-5"]),
        (("--outcome", "deny"), ["n1-2"]),
        (("--outcome", "not_ready"), []),
        (("--number", "+44 20 7946 0000"), ["n1-1"]),
        (("--number", "+1212*"), ["n1-3", "n1-5"]),
        (("--caller", "+1310*"), ["n1-3"]),
        (("--caller", "13105550199", "--outcome", "allow"), ["n1-3"]),
        (("--source", "pbx", "--number", "+53*"), ["n1-2"]),
        (("--source", "another"), []),
        (("--observed",), ["n1-3"]),
        (("--incident", "i-n1-1"), ["n1-1"]),
        (("--incident", "i-n1-3"), []),
        (("--since", "2026-11-26T10:03"), ["n1-3", "n1-4", "n1-5"]),
        (("--until", "2026-11-26T10:03"), ["n1-1", "n1-2"]),
        (("--since", "2026-11-26T15:04+00:00"), ["n1-4", "n1-5"]),
        (("--limit", "2"), ["n1-4", "n1-5"]),
    ],
)
def test_filters(path: Path, run: Run, filters: tuple[str, ...], found: list[str]) -> None:
    since = () if "--since" in filters else SINCE
    assert ids(run("log", *since, *filters, "--ledger", path, "--json")) == found


def test_programs_get_a_line_a_call(path: Path, run: Run) -> None:
    first, *_ = map(json.loads, run("log", *SINCE, "--ledger", path, "--json").out.splitlines())
    assert first | {"hits": []} == {
        "id": "n1-1",
        "at": TEN,
        "source": "pbx",
        "peer": "127.0.1.1:5060",
        "caller": "+12125550100",
        "extension": "201",
        "extension_is": "label",
        "transfer": "",
        "transfer_of": "",
        "dialled": "011442079460000",
        "e164": "442079460000",
        "region": "GB",
        "class": "international",
        "trunk": "carrier",
        "outcome": "allow",
        "reason": "",
        "text": "allowed",
        "status": 0,
        "incident": "i-n1-1",
        "hits": [],
        "answered": [{"leg": "t1", "at": TEN + 5 * SECOND}],
        "ended": [
            {
                "fact": "ended",
                "at": TEN + 70 * SECOND,
                "id": "n1-1",
                "leg": "t1",
                "cause": "bye-caller",
                "status": 200,
                "why": "",
                "talked_s": None,
            }
        ],
        "cost_micros": 1_200_000,
    }


def test_that_there_are_more_is_said_beside_the_result(path: Path, run: Run) -> None:
    told = run("log", *SINCE, "--limit", "2", "--ledger", path, "--json")
    assert "these are the newest 2 (--limit)" in told.err
    assert run("log", *SINCE, "--limit", "5", "--ledger", path, "--json").err == ""


def test_nothing_found_is_said_to_people_and_is_nothing_to_programs(path: Path, run: Run) -> None:
    assert run("log", *SINCE, "--source", "another", "--ledger", path) == (0, "no decisions in this time\n", "")
    assert run("log", *SINCE, "--source", "another", "--ledger", path, "--json") == (0, "", "")
    assert run("log", *SINCE, "--kind", "outage", "--ledger", path) == (0, "no such entries in this time\n", "")


def test_every_kind_of_entry_can_be_asked_for() -> None:
    assert set(get_args(Kind)) == set(KINDS)


def test_entries_as_they_are_kept(path: Path, run: Run) -> None:
    told = run("log", *SINCE, "--kind", "strangers", "--kind", "opened", "--ledger", path)
    assert told.rows[1:] == [
        ["2026-11-26 10:00:00.000", "1", "opened", "node n1"],
        ["2026-11-26 10:06:00.000", "11", "strangers", "listener inside, address 203.0.113.9, requests 7 OPTIONS"],
    ]
    told = run("log", *SINCE, "--kind", "strangers", "--ledger", path, "--json")
    (line,) = told.out.splitlines()
    assert json.loads(line)["entry"]["requests"] == {"OPTIONS": 7}


def test_instants_within_an_entry_are_written_out(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as opened:
        opened.append(
            Contained(at=TEN, id="c", entity="source", name="pbx", owner="noc", why="test", until=TEN + 60 * SECOND)
        )
    told = run("log", *SINCE, "--kind", "contained", "--ledger", path)
    assert "until 2026-11-26 10:01:00.000" in told.out


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--since", "yesterday"), "'yesterday' is no time: write 15m"),
        (("--outcome", "denied"), "denied"),
        (("--limit", "0"), "limit"),
        (("--kind", "calls"), "calls"),
    ],
)
def test_wrong_usage_is_said(path: Path, run: Run, wrong: tuple[str, ...], says: str) -> None:
    told = run("log", *wrong, "--ledger", path)
    assert told.code == 2
    assert says in told.err + told.out
