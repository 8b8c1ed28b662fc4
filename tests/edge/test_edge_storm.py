"""Any order of anything: whatever parties do, lose, repeat or forget, every call is told as ended exactly once.

A storm is a list of numbers; each picks what happens next among what is possible then. Afterwards everybody is silent
and time goes by. What must hold then is what the meters rest on: of every attempt that was let through there is one
`Ended` without leg, or one `Answered` for each leg and one `Ended` for each of them; nothing is held, and every table
is empty.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from table import INSIDE, NUMBER, OUTSIDE, Seat, Table

from ringfence.model import Answered, Decided, Ended, Fact
from ringfence.testing.peer import Call, Leg, answer_ok, leg, response_to
from ringfence.testing.wire import Sip

STATUSES = (100, 180, 183, 200, 302, 401, 407, 408, 486, 487, 500, 503, 603)


class Storm:
    """A table and everything that was ever said at it."""

    def __init__(self, folder: Path, first: str = "transparent", second: str = "transparent") -> None:
        """`first` and `second`: the identity of each trunk."""
        self.table = Table(
            folder,
            two_addresses=True,
            two_trunks=True,
            trunk=f'ring_limit_s = 20\nidentity = "{first}"',
            second=f'identity = "{second}"',
            source="max_call_s = 90",
        )
        self.calls: list[Call] = []
        self.legs: list[Leg] = []
        self.answers: list[Sip] = []
        self.requests: list[tuple[Seat, Sip]] = []

    def happens(self, what: int) -> None:
        """One event; numbers beyond what is possible do nothing."""
        events = (
            self.dials, self.dials, self.carrier_says, self.carrier_says, self.carrier_says, self.carrier_forks,
            self.caller_acknowledges, self.caller_acknowledges, self.caller_hangs_up, self.callee_hangs_up,
            self.caller_cancels, self.caller_asks_again, self.repeats, self.answers_requests, self.answers_requests,
            self.time_passes, self.loses, self.restarts, self.is_cut, self.commits,
        )  # fmt: skip
        choice, rest = divmod(what, len(events))
        events[rest](choice)
        self.table.settle()
        self.look()

    def look(self) -> None:
        """Everybody reads what came."""
        table = self.table
        for seat in (table.carrier, table.spare, table.second):
            for message in seat.heard():
                if message.method == "INVITE" and not message.status:
                    self.legs.append(leg(seat, message))
                elif not message.status and message.method != "ACK":
                    self.requests.append((seat, message))
        for message in table.pbx.heard():
            if message.status and message.method == "INVITE":
                self.answers.append(message)
            elif not message.status and message.method != "ACK":
                self.requests.append((table.pbx, message))

    def dials(self, choice: int) -> None:
        self.calls.append(self.table.dial((NUMBER, "+442079460018", "0115372041000")[choice % 3]))

    def carrier_says(self, choice: int) -> None:
        if self.legs:
            status = STATUSES[choice % len(STATUSES)]
            self.legs[choice // len(STATUSES) % len(self.legs)].refuse(status, "X")

    def carrier_forks(self, choice: int) -> None:
        if self.legs:
            first = self.legs[choice % len(self.legs)]
            self.legs.append(leg(first.peer, first.invite))

    def _answer(self, choice: int) -> tuple[Call, Sip] | None:
        if not self.answers:
            return None
        answer = self.answers[choice % len(self.answers)]
        return next(call for call in self.calls if call.call_id == answer.call_id), answer

    def caller_acknowledges(self, choice: int) -> None:
        found = self._answer(choice)
        if found is not None:
            call, answer = found
            if answer.status < 300:
                call.confirm(answer)
            else:
                call.ack_refusal(answer)

    def caller_hangs_up(self, choice: int) -> None:
        found = self._answer(choice)
        if found is not None and found[1].to_tag:
            dialog = found[0].dialog(found[1])
            dialog.cseq += choice % 7
            dialog.send("BYE")

    def callee_hangs_up(self, choice: int) -> None:
        if self.legs:
            self.legs[choice % len(self.legs)].send("BYE")

    def caller_cancels(self, choice: int) -> None:
        if self.calls:
            self.calls[choice % len(self.calls)].cancel()

    def caller_asks_again(self, choice: int) -> None:
        if self.calls:
            self.calls[choice % len(self.calls)].again(("Authorization", "Digest x"))

    def repeats(self, choice: int) -> None:
        if self.calls and choice % 2:
            self.table.pbx.send(self.calls[choice // 2 % len(self.calls)].invite, INSIDE)
        elif self.legs:
            self.legs[choice // 2 % len(self.legs)].answer()

    def answers_requests(self, choice: int) -> None:
        if self.requests:
            seat, request = self.requests.pop(choice % len(self.requests))
            if choice % 5:
                answer_ok(seat, request)
            else:
                seat.send(response_to(request, (407, 481, 500)[choice % 3], "X"), request.origin)

    def time_passes(self, choice: int) -> None:
        self.table.run((0.01, 0.6, 5, 33, 100)[choice % 5])

    def loses(self, choice: int) -> None:
        name = ("pbx", "carrier", "spare", "second")[choice % 4]
        self.table.lost ^= {name}

    def restarts(self, choice: int) -> None:
        if choice % 3 == 0:
            self.table.commit()
            self.table.restart()

    def is_cut(self, choice: int) -> None:
        ids = sorted(self.table.engine.calls)
        if ids:
            self.table.edge.cut(ids[choice % len(ids)], "", "operator", self.table.now)

    def commits(self, choice: int) -> None:
        self.table.held_back = choice % 2 == 1
        self.table.commit()


IDENTITIES = st.sampled_from(["transparent", "own"])


@example([0, 495, 212, 1693, 212], "transparent", "transparent")  # A late answer came again after it was hung up.
@example([0, 375, 377, 2297, 2297], "transparent", "transparent")  # Both gave up an attempt of before in one moment.
@example([0, 137, 1269, 452, 3766], "own", "transparent")  # An answer after a restart didn't lead back to us.
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 5_000), min_size=5, max_size=60), IDENTITIES, IDENTITIES)
def test_every_call_ends_once(events: list[int], first: str, second: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder), first, second)
        for event in events:
            storm.happens(event)
        table = storm.table
        table.held_back = False
        table.commit()
        table.run(700)
        assert ended_right(table) == []
        assert (table.slots, len(table.engine.calls)) == (0, 0)
        status = table.edge.status()
        left = {name: status[name] for name in ("dialogs", "waiting", "transactions", "orphans", "challenged")}
        assert (left, status.get("error", 0)) == (dict.fromkeys(left, 0), 0)
        edge = table.edge._edge
        assert (edge.merges, edge.early, edge.by_attempt, edge.orphan_ids, edge.inbound) == ({}, {}, {}, {}, {})
        assert len(edge.agenda) == 0


def ended_right(table: Table) -> list[str]:
    """Attempts whose facts don't add up, in words.

    A 2xx that comes when its call is over is told apart (`late`); after a restart it isn't followed to its end.
    """
    facts = [f for f in table.facts if not (table.restarts and _is_late(f))]
    allowed = {f.attempt.id for f in facts if isinstance(f, Decided) and f.verdict.outcome == "allow"}
    last = {f.attempt.id: f.verdict.outcome for f in facts if isinstance(f, Decided)}
    answered = Counter((f.id, f.leg) for f in facts if isinstance(f, Answered))
    ended = Counter((f.id, f.leg) for f in facts if isinstance(f, Ended))
    wrong = [f"{key} answered {count} times" for key, count in answered.items() if count > 1]
    wrong += [f"{key} answered, ended {ended[key]} times" for key in answered if ended[key] != 1]
    wrong += [f"{key} ended {count} times" for key, count in ended.items() if count > 1]
    kept = {f.id for f in facts if isinstance(f, Answered) and not f.late}
    for id in allowed:
        whole = ended[id, ""]
        if last[id] == "allow" and id not in kept and whole != 1:
            wrong.append(f"{id} was let through and ended {whole} times")
        if id in kept and whole:
            wrong.append(f"{id} was answered and ended as a whole")
    return wrong


def _is_late(fact: Fact) -> bool:
    return (isinstance(fact, Answered) and fact.late) or (isinstance(fact, Ended) and fact.cause == "late")


def test_a_storm_has_calls() -> None:
    """The events do what they are named for: one order of them is a whole call."""
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder))
        for event in (0, 2 + 20 * 1, 2 + 20 * 3, 6, 8 + 20 * 1, 14 + 20 * 1):
            storm.happens(event)
        assert storm.table.told() == ["decided", "answered", "ended bye-caller"]
        assert OUTSIDE != INSIDE
