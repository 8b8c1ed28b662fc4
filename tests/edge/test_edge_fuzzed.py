"""What the fuzz run (docs/development.md) found in the edge: each a message that was taken wrongly once."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import INSIDE, OUTSIDE, STRANGER, Table

from ringfence.testing import wire
from ringfence.testing.peer import Leg, answer_ok, response_to
from ringfence.testing.wire import Sip


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def says_ok(table: Table, offered: Leg, *headers: tuple[str, str], tag: str = "") -> None:
    answer = response_to(offered.invite, 200, "OK", ("Contact", table.carrier.contact), tag=tag)
    table.carrier.send(answer.having(*headers), OUTSIDE)


UNREAD = [
    ("", ()),
    ("t1", (("Session-Expires", "soon"),)),
    ("t1", (("Contact", "<sip:c@127.0.2.1:5090"),)),
]


@pytest.mark.parametrize(("tag", "headers"), UNREAD, ids=["no tag", "session", "contact"])
def test_an_answer_that_cannot_be_read_holds_nothing(
    table: Table, tag: str, headers: tuple[tuple[str, str], ...]
) -> None:
    made = table.dial()
    offered = table.offered()
    says_ok(table, offered, *headers, tag=tag)
    made.ack_refusal(table.pbx.expect(502))
    assert table.carrier.expect("ACK").cseq == (1, "ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert (table.slots, table.told()[-1]) == (0, "ended error")
    table.run(60)
    left = table.edge.status()
    assert (left["transactions"], left["waiting"], left["dialogs"]) == (0, 0, 0)


def test_an_answer_without_the_callers_via_holds_nothing(table: Table) -> None:
    table.dial()
    offered = table.offered()
    answer = response_to(offered.invite, 200, "OK", ("Contact", table.carrier.contact), tag="t1")
    table.carrier.send(answer.having(("Via", offered.invite.all("Via")[0])), OUTSIDE)
    assert table.pbx.expect(502)
    assert [m.method for m in table.carrier.heard()] == ["ACK", "BYE"]
    assert table.slots == 0


BROKEN = "<sip72898800b.98@127.0.2.1:5080;lr>"
"""A Record-Route that is no URI: whoever is to be written to by it can't be."""


def test_an_answer_with_a_route_that_cannot_be_read_holds_nothing(table: Table) -> None:
    """It made a call that could not be cut."""
    made = table.dial()
    offered = table.offered()
    routes = (("Record-Route", BROKEN), *(("Record-Route", route) for route in offered.invite.all("Record-Route")))
    says_ok(table, offered, *routes, tag="t1")
    made.ack_refusal(table.pbx.expect(502))
    assert [m.method for m in table.carrier.heard()] == ["ACK", "BYE"]
    assert table.slots == 0


def test_such_an_answer_that_nobody_knows_of_is_hung_up_all_the_same(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    made.cancel()
    table.run(60)
    table.carrier.heard()
    routes = (("Record-Route", BROKEN), *(("Record-Route", route) for route in offered.invite.all("Record-Route")))
    says_ok(table, offered, *routes, tag="t1")
    assert table.carrier.expect("ACK").cseq == (1, "ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert table.edge.status()["dialogs"] == 0


def test_a_response_inside_without_the_senders_via_tells_its_status(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("INFO")
    asked = table.carrier.expect("INFO")
    table.carrier.send(response_to(asked, 415, "Unsupported").having(("Via", asked.all("Via")[0])), OUTSIDE)
    told = table.pbx.expect(415, method="INFO")
    assert told.value("Via").startswith("SIP/2.0/UDP 127.0.1.1:5070")


def test_such_an_answer_repeated_is_acknowledged_again_and_hung_up_once(table: Table) -> None:
    table.dial()
    offered = table.offered()
    for _ in range(3):
        says_ok(table, offered)
    assert [m.method for m in table.carrier.heard()] == ["ACK", "BYE", "ACK", "ACK"]


def test_a_registrar_that_cannot_be_read_leaves_no_transaction(table: Table) -> None:
    register = Sip(
        "REGISTER sip:carrier.example SIP/2.0",
        (
            ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}"),
            ("From", "<sip:u@carrier.example>;tag=r"),
            ("To", "<sip:u@carrier.example>"),
            ("Call-ID", "r1"),
            ("CSeq", "1 REGISTER"),
            ("Contact", "<sip:u@127.0.1.1:5070>"),
        ),
    )
    table.pbx.send(register, INSIDE)
    asked = table.carrier.expect("REGISTER")
    table.carrier.send(response_to(asked, 200, "OK", ("Contact", '"open <sip:u@127.0.0.1>, x')), OUTSIDE)
    assert table.pbx.expect(502).call_id == "r1"
    table.run(60)
    assert table.edge.status()["transactions"] == 0


def test_an_ack_inside_a_call_that_is_hung_up_for_nobody(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    table.pbx.heard()
    made.cancel()
    table.run(60)
    table.carrier.heard()
    says_ok(table, offered, tag="t1")
    bye = table.carrier.expect("BYE")
    swapped = bye.having(
        ("From", bye.value("To")),
        ("To", bye.value("From")),
        ("CSeq", "1 ACK"),
        ("Via", "SIP/2.0/UDP 127.0.2.1:5090;branch=z9hG4bKa"),
    )
    table.carrier.send(Sip("ACK sip:x SIP/2.0", swapped.headers), OUTSIDE)
    assert table.edge.status().get("error", 0) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", "<&sip:101@127.0.1.1>;tag=f1"),
        ("P-Asserted-Identity", "<sip:+12125550100@a"),
        ("P-Asserted-Identity", ""),
    ],
)
def test_a_caller_that_cannot_be_read_is_refused(table: Table, name: str, value: str) -> None:
    """Another reader might read it: the caller ID of a call would be one that nobody judged."""
    template = table.dial().invite
    table.pbx.heard(), table.carrier.heard()
    own = ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}"), ("Call-ID", "other")
    table.pbx.send(template.having(*own, (name, value)), INSIDE)
    assert table.pbx.expect(0).status == 400
    assert table.carrier.heard() == []


def test_a_second_asserted_identity_is_not_sent_on(table: Table) -> None:
    """The first was judged; a carrier might take the second."""
    table.dial("+12125550143", "+12125550100", ("P-Asserted-Identity", "<sip:+12125550100@a>, <tel:+19005550100>"))
    assert table.offered().invite.all("P-Asserted-Identity") == ["<sip:+12125550100@a>"]


def test_bytes_that_are_no_text_in_a_branch_of_ours(table: Table) -> None:
    table.dial()
    invite = table.offered().invite
    data = response_to(invite, 200, "OK").to_bytes().replace(b"z9hG4bKrf-", b"z9hG4bKrf-\xae", 1)
    table.deliver(data, table.carrier.address, OUTSIDE)
    assert table.edge.status().get("error", 0) == 0


def test_a_late_answer_of_the_trunk_before_is_not_the_last_trunks(tmp_path: Path) -> None:
    """After a restart in the middle of a failover."""
    table = Table(tmp_path, two_trunks=True)
    table.dial()
    first = table.offered()
    table.run(5)
    assert table.second.expect("INVITE").user == "77+12125550143"
    table.restart()
    table.carrier.heard()
    first.answer()
    assert table.carrier.expect("ACK").cseq == (1, "ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert (table.told()[-1], table.slots_of("second")) == ("ended late", 1)
    assert table.pbx.heard() == []


def test_an_answer_after_a_restart_goes_to_the_caller_whatever_its_via_says(table: Table) -> None:
    """The carrier repeats the Via in which the caller's address stands, and may have anybody there."""
    made = table.dial()
    offered = table.offered()
    table.restart()
    ours, callers = offered.invite.all("Via")
    elsewhere = callers.replace("received=127.0.1.1", f"received={STRANGER[0]}")
    assert elsewhere != callers
    refusal = response_to(offered.invite, 486, "Busy Here", tag="t1").having(("Via", ours), ("Via", elsewhere))
    table.carrier.send(refusal, OUTSIDE)
    assert table.pbx.expect(486).call_id == made.call_id
    assert table.stranger.heard() == []


def test_two_challenged_invites_of_one_dialog_are_both_told_as_ended(table: Table) -> None:
    """The second took the place of the first, which stayed among the calls for ever."""
    made = table.dial()
    first = table.offered()
    made.again()
    second = table.offered()
    for offered in (first, second):
        offered.refuse(401, "Unauthorized")
    table.run(60)
    assert (table.told().count("ended challenged"), table.slots) == (2, 0)


@pytest.mark.parametrize("version", [b"SIP/2.0", b"sip/2.0"])
def test_a_response_that_cannot_be_read_is_not_answered(table: Table, version: bytes) -> None:
    """In small letters it was taken for a request and answered with a response of ours."""
    table.dial()
    data = response_to(table.offered().invite, 486, "Busy Here").to_bytes().replace(b"SIP/2.0", version, 1)
    table.carrier.heard()
    table.deliver(data.replace(b"Content-Length: 0", b"Content-Length: x"), table.carrier.address, OUTSIDE)
    assert (table.carrier.heard(), table.edge.status()["malformed"]) == ([], 1)


def test_two_trunks_that_answer_with_the_same_tag(tmp_path: Path) -> None:
    """The late answer of the first was being hung up; the second one's took its record, and was then up uncounted."""
    table = Table(tmp_path, two_trunks=True)
    made = table.dial()
    first = table.offered()
    table.run(5)
    second = table.offered(table.second)
    table.restart()
    second.local = f"{second.local.partition(';')[0]};tag={wire.tag_of(first.local)}"
    first.answer()
    assert [message.method for message in table.carrier.heard()][-2:] == ["ACK", "BYE"]
    second.answer()
    assert [message.method for message in table.second.heard()][-2:] == ["ACK", "BYE"]
    made.ack_refusal(table.pbx.expect(502))
    table.run(60)
    assert (table.slots, table.slots_of("second"), table.engine.calls) == (0, 0, {})
    assert sorted(told for told in table.told() if told.startswith("ended"))[-2:] == ["ended error", "ended late"]
