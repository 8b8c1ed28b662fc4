"""Two scripted peers talk to each other: what they build is a whole call, and what is missing raises."""

import pytest

from ringfence.testing import wire
from ringfence.testing.peer import Peer, Unexpected, answer_ok, call, leg


@pytest.fixture
def pair():
    with Peer(name="pbx") as pbx, Peer(name="carrier") as carrier:
        yield pbx, carrier


def test_a_call_from_ringing_to_bye(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "+12125550123", "+12125550100")
    offered = leg(carrier, carrier.expect("INVITE"))
    assert offered.invite.user == "+12125550123"
    offered.ring()
    assert pbx.expect(180).to_tag == wire.tag_of(offered.local)
    offered.answer()
    dialog = made.confirm(pbx.expect(200))
    assert carrier.expect("ACK").cseq == (1, "ACK")
    bye = dialog.send("BYE")
    got = carrier.expect("BYE")
    assert (got.cseq, got.to_tag) == (bye.cseq, wire.tag_of(offered.local))
    answer_ok(carrier, got)
    assert pbx.expect(200).method == "BYE"


def test_the_called_side_hangs_up(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "1", "2")
    offered = leg(carrier, carrier.expect("INVITE"))
    offered.answer()
    made.confirm(pbx.expect(200))
    offered.send("BYE")
    bye = pbx.expect("BYE")
    assert (bye.uri, bye.call_id) == (wire.uri_of(pbx.contact), made.call_id)
    assert wire.tag_of(bye.value("From")) == wire.tag_of(offered.local)


def test_cancel_names_the_transaction_it_ends(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "1", "2")
    invite = carrier.expect("INVITE")
    made.cancel()
    cancel = carrier.expect("CANCEL")
    assert (cancel.value("Via"), cancel.cseq[0], cancel.to_tag) == (invite.value("Via"), 1, "")
    offered = leg(carrier, invite)
    offered.refuse(487)
    made.ack_refusal(pbx.expect(487))
    assert carrier.expect("ACK").value("Via") == invite.value("Via")


def test_route_sets_are_reversed_for_the_caller_only(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "1", "2", ("Record-Route", "<sip:127.0.0.9:1;lr>, <sip:127.0.0.8:2;lr>"))
    offered = leg(carrier, carrier.expect("INVITE"))
    offered.answer()
    dialog = made.dialog(pbx.expect(200))
    assert [wire.address_of(wire.uri_of(r)) for r in offered.routes] == [("127.0.0.9", 1), ("127.0.0.8", 2)]
    assert dialog.routes == offered.routes[::-1]
    assert dialog.next_hop == ("127.0.0.8", 2)


def test_repeats_are_skipped_unless_asked_for(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "1", "2")
    carrier.expect("INVITE")
    pbx.send(made.invite, carrier.address)
    with pytest.raises(Unexpected, match=r"<- \S+ INVITE sip:1@"):
        carrier.expect("INVITE", timeout_s=0.05)
    pbx.send(made.invite, carrier.address)
    assert carrier.expect("INVITE", repeats=True).call_id == made.call_id


def test_a_second_ask_is_a_new_transaction_of_the_same_call(pair):
    pbx, carrier = pair
    made = call(pbx, carrier.address, "1", "2")
    first = carrier.expect("INVITE")
    made.again(("Proxy-Authorization", "Digest x"))
    second = carrier.expect("INVITE")
    assert (second.call_id, second.value("From")) == (first.call_id, first.value("From"))
    assert second.value("Via") != first.value("Via")
    assert (second.cseq[0], second.value("Proxy-Authorization")) == (2, "Digest x")


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:a@127.0.0.1:5070;lr", ("127.0.0.1", 5070)),
        ("sip:[::1]:5", ("::1", 5)),
        ("sip:x.example", ("x.example", 5060)),
    ],
)
def test_addresses_of_uris(uri, address):
    assert wire.address_of(uri) == address


def test_lists_are_taken_apart_outside_quotes_and_brackets():
    message = wire.parse(
        b'SIP/2.0 200 OK\r\nm: "a, b" <sip:x@y;p="1,2">, <sip:c,d@e>\r\nv: 1\r\nVia: 2\r\n\r\nbody', ("h", 1)
    )
    assert message.all("Contact") == ['"a, b" <sip:x@y;p="1,2">', "<sip:c,d@e>"]
    assert (message.all("via"), message.body, message.status) == (["1", "2"], "body", 200)
