"""Connections as the core knows them: which one a message takes, and what is sent again when one is lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from table import CALLER, INSIDE, NUMBER, OUTSIDE, PBX, STRANGER, Seat, Table

from ringfence.edge.effects import HangUp, Send
from ringfence.policy import Loader
from ringfence.testing import wire
from ringfence.testing.peer import answer_ok, call, leg
from ringfence.testing.wire import Address

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
transport = "{inside}"
[listen.outside]
bind = "127.0.0.1:5080"
transport = "{outside}"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090", "sip:127.0.2.1:5091"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
directions = ["out", "in"]
deliver_to = "127.0.1.1:5070"
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
"""


class Streams(Table):
    """The same table, over connections: seats open one as they need it, the edge by sending to an address."""

    def __init__(self, folder: Path, whole: str = "") -> None:
        super().__init__(folder, whole=whole or POLICY.format(inside="tcp", outside="tcp"))
        self.numbers = itertools.count(1_000)
        self.ends: dict[int, Seat] = {}
        """Who is at the far end of each connection."""
        self.down: set[str] = set()
        """Names of seats that can't be connected to."""
        self.taken: list[Send] = []
        """All that was sent."""

    def connected(self, seat: Seat, to: Address, *, dialled: bool = False) -> int:
        """A connection of a seat; 0 where it isn't let in."""
        flow = next(self.numbers)
        listener = "inside" if to == INSIDE else "outside"
        host, port = seat.address if dialled else (seat.address[0], 40_000 + flow)
        if not self.edge.opened(flow, listener, host, port, dialled=dialled):
            return 0
        self.ends[flow] = seat
        return flow

    def deliver(self, data: bytes, source: Address, to: Address) -> None:
        seat = next(one for one in self.seats if one.address == source)
        listener = "inside" if to == INSIDE else "outside"
        if self.policy.listens[listener].transport == "udp":
            super().deliver(data, source, to)
            return
        own = [flow for flow, end in self.ends.items() if end is seat]
        flow = own[-1] if own else self.connected(seat, to)
        self.edge.take(flow, data, self.now)
        self.settle()

    def lose(self, seat: Seat) -> None:
        """All connections of a seat break."""
        for flow in [flow for flow, end in self.ends.items() if end is seat]:
            del self.ends[flow]
            self.edge.closed(flow, self.now)
            self.settle()

    def _sent(self, send: Send) -> None:
        self.taken.append(send)
        hop = send.hop
        to = INSIDE if hop.listener == "inside" else OUTSIDE
        if not hop.reliable:
            super()._sent(send)
            return
        if hop.flow:
            seat = self.ends[hop.flow]
        else:
            seat = next(one for one in self.seats if one.address == (hop.host, hop.port))
            if seat.name in self.down:
                self.edge.unsent(send.key, self.now)
                return
            if seat not in self.ends.values():
                self.connected(seat, to, dialled=True)
        if seat.name not in self.lost:
            seat.inbox.append(wire.parse(send.data, to))


@pytest.fixture
def table(tmp_path: Path) -> Streams:
    return Streams(tmp_path)


def clean(table: Streams) -> None:
    """Nothing is left of any call."""
    table.run(60)
    status = table.edge.status()
    assert (status["transactions"], status["dialogs"], status["waiting"], table.slots) == (0, 0, 0, 0)
    assert table.edge._edge.riders == table.edge._edge.unacknowledged == {}


def test_nothing_is_repeated_and_nothing_lingers(table: Streams) -> None:
    dialog, _ = table.connect()
    sent = len(table.taken)
    table.run(40)  # Longer than any timer of the transactions but the two that wait for further answers.
    assert len(table.taken) == sent
    assert table.edge.status()["transactions"] == 0
    table.hang_up(dialog)
    assert table.edge.status()["transactions"] == 0
    clean(table)


def test_an_unanswered_invite_is_sent_once(table: Streams) -> None:
    table.dial()
    table.run(3.9)
    assert [message.method for message in table.carrier.heard()] == ["INVITE"]
    table.run(40)
    assert [message.method for message in table.spare.heard()] == ["INVITE"]
    table.pbx.expect(408)


def test_an_answer_takes_the_connection_of_its_request(table: Streams) -> None:
    first = table.connected(table.pbx, INSIDE)
    made = table.dial()
    second = table.connected(table.pbx, INSIDE)
    other = call(table.pbx, INSIDE, "+12125550144", CALLER)
    leg(table.carrier, table.carrier.expect("INVITE", call_id=made.call_id)).ring()
    assert table.taken[-1].hop.flow == first
    leg(table.carrier, table.carrier.expect("INVITE", call_id=other.call_id)).ring()
    assert table.taken[-1].hop.flow == second


def test_is_that_gone_it_goes_to_the_sent_by_at_the_address_it_came_from(table: Streams) -> None:
    table.dial()
    offered = table.offered()
    table.lose(table.pbx)
    offered.ring()
    hop = table.taken[-1].hop
    assert (hop.listener, hop.host, hop.port, hop.flow) == ("inside", *PBX, 0)


@pytest.mark.parametrize(("sent_by", "port"), [("127.0.1.1", 5060), ("pbx.example", 5060), ("127.0.9.9:5077", 5077)])
def test_whatever_host_the_via_says(table: Streams, sent_by: str, port: int) -> None:
    """The port is the Via's, the address is where the request came from: nobody is written to by hearsay."""
    table.lost.add("pbx")
    made = table.dial()
    table.carrier.inbox.clear()
    via = ("Via", f"SIP/2.0/TCP {sent_by};branch=z9hG4bKabc;rport")
    table.pbx.send(made.invite.having(via, ("Call-ID", "another@pbx")), INSIDE)
    offered = table.offered()
    table.seat("listening", ("127.0.1.1", port))
    table.lose(table.pbx)
    offered.ring()
    assert table.taken[-1].hop[1:4] == ("127.0.1.1", port, 0)


def test_requests_inside_a_call_take_the_connection_that_their_receiver_spoke_on_last(table: Streams) -> None:
    dialog, offered = table.connect()
    offered.send("INFO")
    assert table.taken[-1].hop.flow == next(flow for flow, end in table.ends.items() if end is table.pbx)
    again = table.connected(table.pbx, INSIDE)
    dialog.send("INFO")
    offered.send("INFO")
    assert table.taken[-1].hop.flow == again
    table.lose(table.pbx)
    assert table.taken[-1].hop[1:4] == (*PBX, 0)  # It wasn't answered yet: once more, to the Contact.


def test_a_request_that_was_lost_is_sent_again_once(table: Streams) -> None:
    table.dial()
    table.carrier.expect("INVITE")
    table.lose(table.carrier)
    again = table.offered()
    assert len([send for send in table.taken if send.data.startswith(b"INVITE")]) == 2
    table.lose(table.carrier)
    assert [message.method for message in table.spare.heard()] == ["INVITE"]  # Twice is enough: the next address.
    assert again.invite.raw == next(send.data for send in table.taken if send.data.startswith(b"INVITE"))


def test_a_refusal_that_was_lost_is_sent_again_once_to_the_sent_by(table: Streams) -> None:
    table.lost.add("pbx")
    made = table.dial("+882161234567")
    refused = table.taken[-1]
    assert refused.data.startswith(b"SIP/2.0 603 ")
    table.lost.clear()
    table.lose(table.pbx)
    again = table.taken[-1]
    assert (again.data, again.hop[1:4]) == (refused.data, (*PBX, 0))
    sent = len(table.taken)
    table.lose(table.pbx)
    assert len(table.taken) == sent  # Twice is enough.
    made.ack_refusal(table.pbx.expect(603))
    assert table.told() == ["decided"]
    clean(table)


def test_a_refusal_that_cant_be_sent_again_is_given_up(table: Streams) -> None:
    table.lost.add("pbx")
    table.dial("+882161234567")
    table.down.add("pbx")
    table.lose(table.pbx)
    assert table.taken[-1].hop.flow == 0
    clean(table)


def test_one_that_was_acknowledged_is_not(table: Streams) -> None:
    made = table.dial("+882161234567")
    made.ack_refusal(table.pbx.expect(603))
    sent = len(table.taken)
    table.lose(table.pbx)
    assert len(table.taken) == sent
    clean(table)


def test_who_connects_anew_and_asks_again_is_answered_there(table: Streams) -> None:
    """Who is behind NAT can be reached by his own connection alone."""
    made = table.dial()
    offered = table.offered()
    table.lose(table.pbx)
    again = table.connected(table.pbx, INSIDE)
    table.pbx.send(made.invite, INSIDE)
    offered.refuse(486)
    assert table.taken[-1].hop.flow == again
    made.ack_refusal(table.pbx.expect(486))
    assert table.told() == ["decided", "ended rejected"]
    clean(table)


def test_one_that_was_heard_of_is_not(table: Streams) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    table.lose(table.carrier)
    assert table.carrier.heard() == []
    table.answer(made, offered)
    assert table.slots == 1


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "INVITE"])
def test_a_request_inside_a_call_that_cant_be_sent_is_answered(table: Streams, method: str) -> None:
    dialog, _ = table.connect()
    table.lose(table.carrier)
    table.down.add("carrier")
    dialog.send(method)
    table.pbx.expect(503, method=method)
    assert table.slots == 1


def test_a_bye_that_cant_be_sent_is_tried_until_timer_f(table: Streams) -> None:
    dialog, offered = table.connect()
    table.lose(table.carrier)
    table.down.add("carrier")
    dialog.send("BYE")
    table.run(20)
    byes = [send for send in table.taken if send.data.startswith(b"BYE")]
    assert 4 <= len(byes) <= 7
    assert table.slots == 1
    table.down.clear()
    table.run(5)
    answer_ok(table.carrier, table.carrier.expect("BYE", call_id=offered.call_id))
    table.pbx.expect(200, method="BYE")
    clean(table)


def test_a_bye_that_can_never_be_sent_ends_the_call_all_the_same(table: Streams) -> None:
    dialog, _ = table.connect()
    table.lose(table.carrier)
    table.down.add("carrier")
    dialog.send("BYE")
    table.run(33)
    assert (table.slots, table.told()[-1]) == (0, "ended bye-caller")
    clean(table)


def test_an_address_that_cant_be_reached_gives_way_to_the_next(table: Streams) -> None:
    table.down.add("carrier")
    table.dial()
    assert [message.method for message in table.spare.heard()] == ["INVITE"]


def test_where_none_can_be_reached_the_caller_hears_500(table: Streams) -> None:
    table.down |= {"carrier", "spare"}
    made = table.dial()
    made.ack_refusal(table.pbx.expect(500))
    assert table.told() == ["decided", "ended unreachable"]
    clean(table)


def test_a_cancel_that_cant_be_sent_waits_for_the_end_of_the_ringing(table: Streams) -> None:
    made = table.dial()
    table.offered().ring()
    table.lose(table.carrier)
    table.down.add("carrier")
    made.cancel()
    table.pbx.expect(200, method="CANCEL")
    table.run(40)
    table.pbx.expect(0, method="INVITE")
    assert table.slots == 0


def test_strangers_are_not_let_in_and_counted(table: Streams) -> None:
    assert table.edge.admits("inside", PBX[0], table.now) == "party"
    assert table.edge.admits("inside", STRANGER[0], table.now) == ""
    assert table.edge.admits("outside", PBX[0], table.now) == ""
    assert not table.edge.opened(7, "inside", STRANGER[0], 40_000, dialled=False)
    table.run(11)
    (inside, outside) = [fact for fact in table.facts if type(fact).__name__ == "Strangers"]
    assert (inside.address, inside.requests) == (STRANGER[0], {"connection": 1})
    assert (outside.address, outside.requests) == (PBX[0], {"connection": 1})


def test_who_is_gone_from_the_policy_may_end_his_calls_until_the_next_one(table: Streams, tmp_path: Path) -> None:
    dialog, _ = table.connect()
    (inside,) = [flow for flow, end in table.ends.items() if end is table.pbx]
    path = tmp_path / "other.toml"
    path.write_text(POLICY.format(inside="tcp", outside="tcp").replace("127.0.1.1", "127.0.1.9"))
    policy = Loader(str(path)).load().policy
    table.edge.use(policy)
    assert table.edge.effects() == []
    refused = call(table.pbx, INSIDE, NUMBER, CALLER)
    refused.ack_refusal(table.pbx.expect(403))
    table.hang_up(dialog)
    table.edge.use(policy)
    assert table.edge.effects() == [HangUp(inside)]


def test_a_sips_call_goes_over_tls_or_not_at_all(table: Streams) -> None:
    made = call(table.pbx, INSIDE, NUMBER, CALLER, uri=f"sips:{NUMBER}@127.0.0.1:5060")
    made.ack_refusal(table.pbx.expect(500))
    assert table.carrier.heard() == []
    made = call(table.carrier, OUTSIDE, "+12125550123", NUMBER, uri="sips:+12125550123@127.0.0.1:5080")
    made.ack_refusal(table.carrier.expect(480))
    assert table.pbx.heard() == []
    clean(table)


WEAKER = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[listen.outside]
bind = "127.0.0.1:5080"
transport = "tls"
certificate = "us.pem"
key = "us.key"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
tls_name = "carrier.example"
[trunk.second]
listen = "inside"
carrier_addresses = ["127.0.2.2"]
send_to = ["sip:127.0.2.2:5090"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier", "second"]
caller_ids = ["+12125550100-+12125550199"]
[[transport_exception]]
source = "pbx"
trunk = "second"
owner = "noc@example.net"
why = "the carrier has no TLS at its second site"
until = {until}
"""


@pytest.mark.parametrize(("until", "goes_on"), [("2027-01-15", True), ("2027-01-14", False)])
def test_a_failover_gives_up_tls_only_while_an_exception_holds(tmp_path: Path, until: str, goes_on: bool) -> None:
    table = Streams(tmp_path, whole=WEAKER.format(until=until))  # It is the 15th of January 2027 there.
    table.down.add("carrier")
    made = table.dial()
    if goes_on:
        assert [message.method for message in table.second.heard()] == ["INVITE"]
    else:
        made.ack_refusal(table.pbx.expect(500))
        assert table.second.heard() == []
