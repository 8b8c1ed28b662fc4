"""No way of writing a call reaches what a direct call couldn't (C10): one spelling a line, played through the edge.

A spelling comes out as the direct call does, or not at all. What comes out is read by our own parser, and has to name
the number that was judged and nothing else. Only the United States may be called here, so a line that would reach Cuba
(+53) or Jamaica (+1876) shows it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from table import INSIDE, NUMBER, OUTSIDE, Table

from ringfence.model import Decided
from ringfence.sip.uri import parse_uri
from ringfence.testing import wire
from ringfence.testing.peer import Dialog, call, response_to

HOST = wire.host_port(INSIDE)
REFUSED = ""
CUBA = "+5378345678"
EVIL = "sip:evil.example"

SPELLINGS: list[tuple[str, str]] = [
    # Request-URI with {host} for ours, and the direct call that it is.
    ("sip:2125550143@{host}", NUMBER),
    ("sip:2125550143@{host};user=phone", NUMBER),
    ("sip:+12125550143@{host};user=phone;phone-context=+53", NUMBER),
    ("sip:+12125550143@{host};user=dialstring", NUMBER),
    ("SIP:+1-212-555-0143@{host}", NUMBER),
    ("sip:+1%32125550143@{host}", NUMBER),
    ("sip:%2B12125550143@{host}", NUMBER),
    ("sip:+12125550143:78345678@{host}", NUMBER),
    ("sip:+12125550143@evil.example:5099", NUMBER),
    ("sip:+12125550143@{host};maddr=203.0.113.9;ttl=15", NUMBER),
    ("sip:+12125550143@{host};transport=tcp;lr", NUMBER),
    ("sip:+12125550143@{host};method=REFER", NUMBER),
    ("sip:+12125550143;npdi;rn=+5378345678;cic=+10288@{host}", NUMBER),
    ("sip:+12125550143;rn=+5378345678;rn-context=+53@{host}", NUMBER),
    ("sip:+12125550143;isub=78345678;postd=pp22@{host}", NUMBER),
    ("sip:+12125550143;tgrp=free;trunk-context=evil.example@{host}", NUMBER),
    ("sip:5550143;phone-context=+1212@{host};user=phone", NUMBER),
    ("sip:2125550143;phone-context=evil.example@{host}", NUMBER),
    ("tel:+12125550143", NUMBER),
    ("tel:+1-212-555-0143;ext=5378345678", NUMBER),
    ("tel:+12125550143;isub=78345678", NUMBER),
    ("tel:+12125550143;npdi;rn=+5378345678", NUMBER),
    ("tel:5550143;phone-context=+1212", NUMBER),
    ("tel:2125550143;phone-context=evil.example", NUMBER),
    ("sip:+12125550143@{host}?Route=%3Csip:evil.example%3Blr%3E", NUMBER),
    ("sip:+12125550143@{host}?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc&body=x", NUMBER),
    ("sip:+5378345678@{host}", REFUSED),
    ("sip:+5378345678@{host};user=phone", REFUSED),
    ("sip:%2B5378345678@{host}", REFUSED),
    ("sip:0115378345678@{host}", REFUSED),
    ("sip:78345678;phone-context=+53@{host};user=phone", REFUSED),
    ("sip:2125550143;phone-context=+53@{host}", REFUSED),
    ("sip:+5378345678;npdi;rn=+12125550143@{host}", REFUSED),
    ("sip:8765550143;phone-context=+1@{host}", REFUSED),
    ("tel:+53-7-834-5678", REFUSED),
    ("tel:78345678;phone-context=+53", REFUSED),
    ("tel:2125550143;phone-context=+53", REFUSED),
    ("sip:+12125550143%3Brn=+5378345678@{host}", REFUSED),
    ("sip:+12125550143%40evil.example@{host}", REFUSED),
    ("sip:+12125550143%00@{host}", REFUSED),
    ("sip:+1%2532125550143@{host}", REFUSED),
    ("sip:+12125550143,+5378345678@{host}", NUMBER),  # A pause and tones after it, which aren't sent.
    ("sip:+5378345678,+12125550143@{host}", REFUSED),
    ("sip:+12125550143&+5378345678@{host}", REFUSED),
    ("sip:+12125550143;phone-context=+1;phone-context=+53@{host}", REFUSED),
    ("sip:+12125550143@{host}@evil.example", REFUSED),
    ("sip:{host}", REFUSED),
    ("sip:@{host}", REFUSED),
    ("tel:;phone-context=+12125550143", REFUSED),
    ("sips:+12125550143@{host}", REFUSED),
    ("mailto:+12125550143@evil.example", REFUSED),
    ("http://evil.example/+12125550143", REFUSED),
    ("urn:service:counseling", REFUSED),
    ("<sip:+12125550143@{host}>", REFUSED),
]
HEADERS: list[tuple[tuple[str, str], ...]] = [
    # Beside a Request-URI that may be called, or may not.
    (("To", f"<sip:{CUBA}@{HOST}>"),),
    (("Route", f"<{EVIL};lr>"),),
    (("Route", f"<sip:{CUBA}@evil.example>"),),
    (("Route", f"<sip:{CUBA}@evil.example>, <{EVIL};lr>"), ("Record-Route", f"<{EVIL};lr>")),
    (("Contact", f"<sip:{CUBA}@evil.example>"),),
    (("P-Called-Party-ID", f"<sip:{CUBA}@evil.example>"),),
    (("Request-Disposition", "redirect"), ("Accept-Contact", "*;audio")),
    (("Diversion", f"<sip:{CUBA}@pbx>"), ("History-Info", f"<sip:{CUBA}@pbx>;index=1")),
    (("Replaces", "a@b;to-tag=c;from-tag=d"),),
    (("Refer-To", f"<sip:{CUBA}@evil.example>"), ("Referred-By", "<sip:101@pbx>")),
    (("P-DCS-Redirect", f"<tel:{CUBA}>"), ("X-Route-To", CUBA)),
]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def reached(table: Table) -> str:
    """What the carrier was asked for, read again: the judged number; empty where it wasn't asked at all."""
    asked = [message for message in table.carrier.heard() if message.method == "INVITE"]
    if not asked:
        return ""
    (invite,) = asked
    uri = parse_uri(invite.uri.encode())
    (verdict,) = [fact.verdict for fact in table.facts if isinstance(fact, Decided)]
    assert uri.dialled() == verdict.send_user, "it reads as the number that was judged"
    assert (uri.scheme, uri.user_params, uri.params, uri.headers, uri.password) == ("sip", {}, {}, (), None)
    assert (uri.host, uri.port, invite.all("Route")) == ("127.0.2.1", 5090, [])
    return uri.dialled()


@pytest.mark.parametrize(("spelling", "direct"), SPELLINGS)
def test_a_spelling_reaches_what_the_direct_call_reaches(table: Table, spelling: str, direct: str) -> None:
    call(table.pbx, INSIDE, "x", "+12125550100", uri=spelling.format(host=HOST))
    assert reached(table) == direct
    if direct == REFUSED:
        assert table.pbx.expect(0).status >= 400


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: headers[0][0])
@pytest.mark.parametrize(("number", "direct"), [(NUMBER, NUMBER), (CUBA, REFUSED)])
def test_no_header_changes_where_a_call_goes(
    table: Table, headers: tuple[tuple[str, str], ...], number: str, direct: str
) -> None:
    made = call(table.pbx, INSIDE, NUMBER, "+12125550100")
    table.carrier.heard()
    table.facts.clear()
    via = f"SIP/2.0/UDP {wire.host_port(table.pbx.address)};branch={wire.new_branch()}"
    invite = made.invite.having(("Call-ID", "another"), ("Via", via), *headers)
    table.pbx.send(replace(invite, start=f"INVITE sip:{number}@{HOST} SIP/2.0"), INSIDE)
    assert reached(table) == direct


@pytest.mark.parametrize("headers", [*HEADERS[1:], (("Contact", f"<{EVIL}>, <sip:{CUBA}@evil.example>"),)])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "PRACK", "NOTIFY", "MESSAGE"])
def test_inside_a_call_nothing_goes_elsewhere(table: Table, method: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Whatever Request-URI and headers say, the other party is asked, at the address of the call's record."""
    dialog, offered = table.connect()
    for party, other in ((dialog, table.carrier), (offered, table.pbx)):
        for spelling in (
            "sip:+5378345678@{host};user=phone",
            "tel:+5378345678",
            "sip:x@evil.example;maddr=203.0.113.9",
        ):
            _sent(party, method, spelling, headers)
            asked = [message for message in other.heard() if message.method == method and not message.status]
            if not asked:
                assert party.peer.expect(0, method=method).status >= 400
                continue
            assert (asked[0].uri, asked[0].all("Route")) == (wire.uri_of(other.contact), [])
            other.send(response_to(asked[0], 488, "No"), asked[0].origin)
            party.peer.heard()
    assert len([fact for fact in table.facts if isinstance(fact, Decided)]) == 1, "nothing was judged, nothing placed"


def _sent(party: Dialog, method: str, spelling: str, headers: tuple[tuple[str, str], ...]) -> None:
    message = replace(party.request(method), start=f"{method} {spelling.format(host=HOST)} SIP/2.0")
    party.peer.send(message.having(*headers), party.next_hop)


def test_a_to_header_of_another_number_inside_a_call_is_nobodys(table: Table) -> None:
    dialog, _ = table.connect()
    remote = dialog.remote.replace(NUMBER, CUBA)
    replace(dialog, remote=remote).send("INVITE")
    again = table.carrier.expect("INVITE")
    assert again.uri == wire.uri_of(table.carrier.contact)


def test_our_own_route_begins_no_call(table: Table) -> None:
    """The mark in Record-Route of a call that is up lets nothing pass that isn't inside it."""
    dialog, _ = table.connect()
    table.facts.clear()
    call(table.pbx, INSIDE, CUBA, "+12125550100", *[("Route", route) for route in dialog.routes])
    assert reached(table) == REFUSED


def test_a_refused_spelling_of_an_inbound_call_costs_nothing(table: Table) -> None:
    """A carrier's own Request-URI never leads back to a carrier."""
    for spelling in (f"sip:{CUBA}@127.0.2.1", f"sip:{CUBA}@{wire.host_port(OUTSIDE)};maddr=127.0.2.1"):
        call(table.carrier, OUTSIDE, "x", "+13105550199", ("Route", "<sip:127.0.2.1;lr>"), uri=spelling)
        assert [message.method for message in table.carrier.heard() if not message.status] == []
    assert [message.method for message in table.pbx.heard()] == ["INVITE", "INVITE"]
