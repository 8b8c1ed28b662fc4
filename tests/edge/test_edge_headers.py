"""Headers that somebody acts on, by the zone of who sends them: the table of docs/identity.md, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from table import CALLER, INSIDE, NUMBER, OUTSIDE, Table

from ringfence.testing.peer import Dialog, answer_ok, call, leg
from ringfence.testing.wire import Sip

ZONES = ("internal", "remote", "vendor")
CHARGING = (
    *("P-Charge-Info", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Visited-Network-ID"),
    *("P-Associated-URI", "P-Served-User", "P-Profile-Key"),
)
OURS, FOREIGN = "<sip:+12125550111@127.0.1.1>", "<sip:+18005551212@127.0.1.1>"

Row = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Header, values sent, what passes out of `internal`, out of the others, and in from the carrier."""
SAME: tuple[str, ...] = ("the same",)

ROWS: tuple[Row, ...] = (
    ("Route", ("<sip:evil.example;lr>",), (), (), ()),
    ("P-Asserted-Identity", (OURS,), SAME, (), SAME),
    ("P-Asserted-Identity", (OURS, FOREIGN), (OURS,), (), SAME),
    ("P-Preferred-Identity", (OURS,), (), (), ()),
    ("Remote-Party-ID", (OURS,), (), (), SAME),
    ("Identity", ("eyJhbGciOiJFUzI1NiJ9..sig;info=<https://c.example/x.pem>",), (), (), SAME),
    ("Identity-Info", ("<https://c.example/x.pem>;alg=rsa-sha1",), (), (), SAME),
    ("P-Asserted-Identity", (OURS.replace("@", ";verstat=TN-Validation-Passed@"),), (OURS,), (), SAME),
    ("Attestation-Info", ("A",), (), (), SAME),
    ("Origination-Id", ("123e4567-e89b-12d3-a456-426655440000",), (), (), SAME),
    ("Privacy", ("id",), SAME, SAME, SAME),
    ("Privacy", ("id;wiretap;critical",), ("id;critical",), ("id;critical",), SAME),
    ("Privacy", ("wiretap",), (), (), SAME),
    ("Diversion", (f"{OURS};reason=unconditional",), SAME, SAME, SAME),
    ("Diversion", (FOREIGN, OURS, "<sip:101@pbx>"), (OURS,), (OURS,), SAME),
    ("Diversion", ("no address at all, <sip:",), (), (), ()),
    ("History-Info", (f"{OURS};index=1", f"<sip:{NUMBER}@c>;index=1.1"), SAME, SAME, SAME),
    ("History-Info", (f"{FOREIGN};index=1", f"{OURS};index=1.1"), (f"{OURS};index=1.1",), (f"{OURS};index=1.1",), SAME),
    *((name, ("<tel:+18005551212>",), (), (), ()) for name in CHARGING),
    ("X-Account", ("17",), SAME, (), SAME),
    ("x-account", ("17",), SAME, (), SAME),
    ("Subject", ("hello",), SAME, SAME, SAME),
    ("Alert-Info", ("<http://127.0.1.1/ring>",), SAME, SAME, SAME),
)


def values(message: Sip, name: str) -> tuple[str, ...]:
    """As they stand, lists by the comma."""
    listed = name.lower() in ("p-asserted-identity", "diversion", "history-info", "route")
    found = message.all(name)
    return tuple(part.strip() for value in found for part in value.split(",")) if listed else tuple(found)


def passes(sent: tuple[str, ...], expected: tuple[str, ...]) -> tuple[str, ...]:
    return sent if expected is SAME else expected


def unreadable(name: str, sent: tuple[str, ...]) -> bool:
    return name == "Diversion" and "no address" in sent[0]


OUT = [pytest.param(row[0], row[1], row[2], row[3], id=f"{row[0]}-{number}") for number, row in enumerate(ROWS)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("name", "sent", "internal", "others"), OUT)
def test_out(
    tmp_path: Path, zone: str, name: str, sent: tuple[str, ...], internal: tuple[str, ...], others: tuple[str, ...]
) -> None:
    table = Table(tmp_path, zone=zone)
    call(table.pbx, INSIDE, NUMBER, CALLER, *((name, value) for value in sent))
    if unreadable(name, sent):
        assert table.carrier.heard() == []  # A list that can't be taken apart is refused as a whole.
        return
    invite = table.carrier.expect("INVITE")
    assert values(invite, name) == passes(sent, internal if zone == "internal" else others)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("name", "sent", "inward"), [pytest.param(r[0], r[1], r[4], id=f"{r[0]}-{n}") for n, r in enumerate(ROWS)]
)
def test_in(tmp_path: Path, zone: str, name: str, sent: tuple[str, ...], inward: tuple[str, ...]) -> None:
    if unreadable(name, sent):
        return
    table = Table(tmp_path, zone=zone)
    call(table.carrier, OUTSIDE, "12125550123", "+13105550199", *((name, value) for value in sent))
    assert values(table.pbx.expect("INVITE"), name) == passes(sent, inward)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("privacy", ["id", "user;id", "none"])
def test_a_caller_who_asks_for_it_is_not_named_to_who_is_not_trusted(tmp_path: Path, zone: str, privacy: str) -> None:
    table = Table(tmp_path, zone=zone)
    headers = [("P-Asserted-Identity", FOREIGN), ("Remote-Party-ID", FOREIGN), ("Privacy", privacy)]
    call(table.carrier, OUTSIDE, "12125550123", "anonymous", *headers)
    invite = table.pbx.expect("INVITE")
    named = zone == "internal" or privacy == "none"
    assert [bool(invite.all(name)) for name, _ in headers] == [named, named, True]


@pytest.mark.parametrize("zone", ZONES)
def test_who_calls_is_judged_by_what_is_believed(tmp_path: Path, zone: str) -> None:
    """A foreign number in From beside an owned one that is asserted: believed of a PBX, not of a remote phone."""
    table = Table(tmp_path, zone=zone)
    call(table.pbx, INSIDE, NUMBER, "+18005551212", ("P-Asserted-Identity", OURS))
    if zone == "internal":
        assert table.carrier.expect("INVITE").value("P-Asserted-Identity") == OURS
    else:
        assert table.pbx.expect(603)
        assert table.carrier.heard() == []


def test_a_source_of_which_nothing_is_judged_may_divert_as_it_likes(tmp_path: Path) -> None:
    table = Table(tmp_path, source='caller_id_policy = "any"')
    call(table.pbx, INSIDE, NUMBER, CALLER, ("Diversion", FOREIGN))
    assert table.carrier.expect("INVITE").all("Diversion") == [FOREIGN]


INSIDE_A_CALL = (
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Identity",
    "Diversion",
    "History-Info",
)


@pytest.mark.parametrize("name", INSIDE_A_CALL)
@pytest.mark.parametrize("zone", ZONES)
def test_inside_a_call_nobody_becomes_another(tmp_path: Path, zone: str, name: str) -> None:
    table = Table(tmp_path, zone=zone)
    outbound, _ = table.connect()
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    inbound = leg(table.pbx, table.pbx.expect("INVITE"))
    inbound.answer()
    made.confirm(table.carrier.expect(200))
    dialogs: tuple[Dialog, ...] = (outbound, inbound)
    for dialog in dialogs:
        for method in ("INVITE", "UPDATE"):
            dialog.send(method, (name, OURS), ("X-Odd", "1"))
            request = table.carrier.expect(method)
            assert (request.all(name), len(request.all("X-Odd"))) == ([], int(zone == "internal"))
            answer_ok(table.carrier, request)


def test_inside_a_call_the_carrier_may_say_who_talks(tmp_path: Path) -> None:
    table = Table(tmp_path)
    _, offered = table.connect()
    offered.send("UPDATE", ("P-Asserted-Identity", FOREIGN), ("P-Charging-Vector", "icid-value=1"))
    update = table.pbx.expect("UPDATE")
    assert (update.all("P-Asserted-Identity"), update.all("P-Charging-Vector")) == ([FOREIGN], [])


def test_toward_a_carrier_that_sees_nothing_diversions_have_our_host(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk='identity = "own"', outside='advertise = "127.0.9.1"')
    call(
        table.pbx,
        INSIDE,
        NUMBER,
        CALLER,
        ("Diversion", f"{OURS};reason=no-answer;counter=1;x=127.0.1.1"),
        ("Diversion", FOREIGN),
    )
    assert table.carrier.expect("INVITE").all("Diversion") == [
        "<sip:+12125550111@127.0.9.1>;reason=no-answer;counter=1"
    ]


def test_the_table_of_the_docs_has_what_is_tested_here() -> None:
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \|", page.partition("## What a carrier sees")[0], re.MULTILINE)
    told = {name for row in rows for name in row.split(", ")}
    tested = {name for name, *_ in ROWS} - {"x-account", "X-Account", "Subject", "Alert-Info"}
    assert tested - told == set()
    elsewhere = {"header", "Request-URI", "From", "credentials for us", "X-…", "all others"}
    assert told - tested == elsewhere
