"""Transfers in any order of anything: each attempt that was let through is told as ended exactly once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table import NUMBER, OUTSIDE, Table
from test_edge_storm import ended_right

from ringfence.edge.tokens import is_inbound
from ringfence.model import Answered, Decided
from ringfence.testing.peer import Dialog, answer_ok, call, leg, response_to
from ringfence.testing.wire import Sip

TARGETS = (NUMBER, "+12125550144", "+5378345678", "102")
STATUSES = (100, 200, 202, 302, 405, 407, 481, 603)
SAYS = ("SIP/2.0 100 Trying", "SIP/2.0 200 OK", "SIP/2.0 486 Busy", "", "nonsense")


class Storm:
    """A table on which calls are transferred."""

    def __init__(self, folder: Path, identity: str = "transparent") -> None:
        policy = 'transfers = "judge"'
        self.table = Table(
            folder,
            trunk=f'{policy}\nidentity = "{identity}"',
            source=f'{policy}\ncaller_id_policy = "owned_or_forwarded"\nmax_call_s = 600\nconcurrent.block = 3',
        )
        self.sides: list[Dialog] = []
        """Both sides of each call."""
        self.requests: list[tuple[Dialog | None, Sip]] = []

    def happens(self, what: int) -> None:
        events = (self.calls_in, self.calls_out, self.refers, self.refers, self.refers, self.answers, self.answers)
        events += (self.answers, self.notifies, self.notifies, self.hangs_up, self.passes, self.restarts, self.commits)
        choice, which = divmod(what, len(events))
        events[which](choice)
        self.table.settle()
        for peer in (self.table.pbx, self.table.carrier):
            self.requests += [(None, m) for m in peer.heard() if not m.status and m.method not in ("ACK", "INVITE")]

    def calls_in(self, choice: int) -> None:
        table = self.table
        made = call(table.carrier, OUTSIDE, f"+121255501{choice % 90 + 10}", "+13105550199")
        offered = next((leg(table.pbx, m) for m in table.pbx.inbox if m.method == "INVITE"), None)
        if offered is not None:
            offered.answer()
            self.sides += [made.confirm(table.carrier.expect(200, call_id=made.call_id)), offered]

    def calls_out(self, choice: int) -> None:
        table = self.table
        made = table.dial(TARGETS[choice % 2])
        offered = next((leg(table.carrier, m) for m in table.carrier.inbox if m.method == "INVITE"), None)
        if offered is not None:
            offered.answer()
            self.sides += [made.confirm(table.pbx.expect(200, call_id=made.call_id)), offered]

    def refers(self, choice: int) -> None:
        if self.sides:
            side = self.sides[choice % len(self.sides)]
            side.send("REFER", ("Refer-To", f"<sip:{TARGETS[choice % 3]}@x>"))

    def answers(self, choice: int) -> None:
        if self.requests:
            _, request = self.requests.pop(choice % len(self.requests))
            peer = self.table.pbx if request.origin == ("127.0.0.1", 5060) else self.table.carrier
            if request.method == "REFER":
                peer.send(response_to(request, STATUSES[choice % len(STATUSES)], "X"), request.origin)
            else:
                answer_ok(peer, request)

    def notifies(self, choice: int) -> None:
        if self.sides:
            side = self.sides[choice % len(self.sides)]
            state = ("active", "terminated")[choice % 2]
            message = side.request("NOTIFY", ("Subscription-State", state), body=f"{SAYS[choice % 5]}\r\n")
            side.peer.send(message.having(("Content-Type", "message/sipfrag")), side.next_hop)

    def hangs_up(self, choice: int) -> None:
        if self.sides:
            self.sides[choice % len(self.sides)].send("BYE")

    def passes(self, choice: int) -> None:
        self.table.run((0.1, 1, 6, 40, 250)[choice % 5])

    def restarts(self, choice: int) -> None:
        if choice % 2:
            self.table.commit()
            self.table.restart()

    def commits(self, choice: int) -> None:
        self.table.held_back = choice % 2 == 1
        self.table.commit()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 5_000), min_size=5, max_size=60), st.sampled_from(["transparent", "own"]))
def test_every_transfer_ends_once(events: list[int], identity: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder), identity)
        for event in events:
            storm.happens(event)
        table = storm.table
        table.held_back = False
        table.commit()
        for side in storm.sides:
            side.send("BYE")
        table.run(6 * 3600)
        table.facts = [fact for fact in table.facts if not is_inbound(getattr(fact, "id", ""))]
        assert ended_right(table) == []
        assert (table.slots, len(table.engine.calls)) == (0, 0)
        edge = table.edge._edge
        assert (edge.dialogs, edge.referrals.transfers, edge.referrals._within) == ({}, {}, {})
        assert table.edge.status().get("error", 0) == 0


def test_a_storm_has_transfers(tmp_path: Path) -> None:
    """The events do what they are named for."""
    storm = Storm(tmp_path)
    for event in (0, 2 + 14, 5 + 14 * 2, 8 + 14):
        storm.happens(event)
    facts = storm.table.facts
    assert [fact.attempt.transfer for fact in facts if isinstance(fact, Decided)] == ["carrier"]
    assert [fact.leg for fact in facts if isinstance(fact, Answered)][-1] == "transfer"
