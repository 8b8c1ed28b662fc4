"""3xx answers lead nobody past the judge, and cost nobody but who follows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import INSIDE, OUTSIDE, Table

from ringfence.model import Decided, Ended
from ringfence.testing import wire
from ringfence.testing.peer import Dialog, call, leg, response_to

HOME = wire.host_port(INSIDE)
CUBA, MIAMI = "+5378345678", "+13055550143"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def redirected(table: Table, status: int, *contacts: str) -> list[str]:
    """The Contacts that the PBX gets when the carrier redirects its call; empty where it gets a refusal."""
    made = table.dial()
    offered = table.offered()
    fields = [("Contact", value) for value in contacts]
    table.carrier.send(response_to(offered.invite, status, "X", *fields, tag="t"), offered.invite.origin)
    final = table.pbx.expect(0)
    assert final.status == (status if final.all("Contact") else 480)
    made.ack_refusal(final)
    assert (table.slots, table.facts[-1].cause, table.facts[-1].status) == (0, "redirected", status)  # type: ignore[union-attr]
    return final.all("Contact")


@pytest.mark.parametrize(
    ("contacts", "passed"),
    [
        ([f"<sip:{CUBA}@carrier.example>"], [f"<sip:{CUBA}@{HOME}>"]),
        (
            [f"<sip:{CUBA}@carrier.example;transport=tcp;maddr=10.0.0.1>;q=0.7;expires=60"],
            [f"<sip:{CUBA}@{HOME}>;q=0.7"],
        ),
        ([f"sip:{CUBA}@carrier.example"], [f"<sip:{CUBA}@{HOME}>"]),
        ([f"<tel:{CUBA}>"], [f"<sip:{CUBA}@{HOME}>"]),
        (["<tel:78345678;phone-context=+53>"], [f"<sip:+5378345678@{HOME}>"]),
        ([f"<sip:{MIAMI};npdi;rn={CUBA}@carrier>"], [f"<sip:{MIAMI}@{HOME}>"]),
        ([f"<sip:{MIAMI}@carrier?Route=%3Csip:evil%3E>"], [f"<sip:{MIAMI}@{HOME}>"]),
        (
            [f"<sip:{MIAMI}@c>;q=1.0, <sip:{CUBA}@c>;q=0.5"],
            [f"<sip:{MIAMI}@{HOME}>;q=1.0", f"<sip:{CUBA}@{HOME}>;q=0.5"],
        ),
        ([f"<sip:{MIAMI}@c>", "<mailto:a@b>", "<sip:carrier>", "<sip:a%3Bb@c>"], [f"<sip:{MIAMI}@{HOME}>"]),
        ([f"<sip:{MIAMI}@c>;q=7"], [f"<sip:{MIAMI}@{HOME}>"]),
        (["<http://evil.example/>"], []),
        (["<sip:+1305555%000143@c>"], []),
        ([f"<sip:{MIAMI}%40evil.example@c>"], []),
        (["*"], []),
        ([], []),
    ],
)
def test_a_carrier_redirects_by_way_of_us(table: Table, contacts: list[str], passed: list[str]) -> None:
    assert redirected(table, 302, *contacts) == passed


@pytest.mark.parametrize(("status", "leads"), [(300, 1), (301, 1), (302, 1), (305, 0), (380, 0), (399, 0)])
def test_what_redirects(table: Table, status: int, leads: int) -> None:
    assert len(redirected(table, status, f"<sip:{MIAMI}@evil.example>")) == leads


def test_at_most_so_many_contacts_pass(table: Table) -> None:
    assert len(redirected(table, 300, *[f"<sip:+1305555{number:04}@c>" for number in range(30)])) == 8


@pytest.mark.parametrize(("number", "outcome"), [(MIAMI, "allow"), (CUBA, "deny")])
def test_who_follows_is_judged_and_charged(table: Table, number: str, outcome: str) -> None:
    """The PBX follows the Contact it got, and says who diverted."""
    (lead,) = redirected(table, 302, f"<sip:{number}@carrier.example>")
    uri = wire.uri_of(lead)
    assert wire.address_of(uri) == INSIDE
    call(table.pbx, INSIDE, "x", "+12125550100", ("Diversion", "<sip:107@pbx>;reason=deflection"), uri=uri)
    decided = [fact for fact in table.facts if isinstance(fact, Decided)][-1]
    assert (decided.verdict.outcome, decided.attempt.extension, decided.attempt.dialled) == (outcome, "107", number)
    assert len([m for m in table.carrier.heard() if m.method == "INVITE"]) == (outcome == "allow")


@pytest.mark.parametrize("status", [300, 301, 302, 305, 380])
def test_a_source_redirects_nobody_to_a_carrier(table: Table, status: int) -> None:
    """A phone's forwarding would have the carrier place a call at our cost."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    leg(table.pbx, table.pbx.expect("INVITE")).refuse(status, "Moved", ("Contact", f"<sip:{CUBA}@carrier.example>"))
    final = table.carrier.expect(0)
    assert (final.status, final.all("Contact")) == (480, [])
    made.ack_refusal(final)
    (ended,) = [fact for fact in table.facts if isinstance(fact, Ended)]
    assert (ended.cause, ended.status) == ("redirected", status)
    assert [fact for fact in table.facts if isinstance(fact, Decided)] == []


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO"])
@pytest.mark.parametrize("restarted", [False, True])
def test_inside_a_call_a_redirection_leads_nowhere(table: Table, method: str, restarted: bool) -> None:
    dialog, offered = table.connect()
    for party, other in ((dialog, table.carrier), (offered, table.pbx)):
        assert isinstance(party, Dialog)
        party.send(method)
        request = other.expect(method)
        if restarted:
            table.restart()
        fields = ("Contact", f"<sip:{CUBA}@carrier.example>")
        other.send(response_to(request, 302, "Moved", fields), request.origin)
        final = party.peer.expect(302)
        assert final.all("Contact") == []
    assert table.slots == 1


def test_a_redirection_after_a_restart_leads_by_way_of_us(table: Table) -> None:
    table.dial()
    offered = table.offered()
    table.restart()
    fields = ("Contact", f"<sip:{CUBA}@carrier.example>")
    table.carrier.send(response_to(offered.invite, 302, "Moved", fields, tag="t"), offered.invite.origin)
    assert table.pbx.expect(302).all("Contact") == [f"<sip:{CUBA}@{HOME}>"]
    assert table.slots == 0


def test_an_inbound_redirection_after_a_restart_leads_nowhere(table: Table) -> None:
    call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    table.restart()
    offered.refuse(302, "Moved", ("Contact", f"<sip:{CUBA}@carrier.example>"))
    assert table.carrier.expect(0).all("Contact") == []
