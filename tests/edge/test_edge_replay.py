"""A simulated day twice, as SIP through edge and engine and as call records through replay: the decisions are equal.

The day has everyday calls in and out, and attacks among them. Equal are verdict, reason, every hit with its numbers,
and when a call is cut. What a record tells otherwise is made equal before: live, an inbound call names the number that
was called, not the extension it reached, and all calls come from the PBX's address.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec import structs
from table import CARRIER, INSIDE, OUTSIDE, PBX, Seat, Table

from ringfence.history.cdr import Cdr
from ringfence.history.placing import Placing
from ringfence.history.replay import Replay
from ringfence.model import SECOND, Answered, Arrived, Decided, Ended, Hit, Verdict
from ringfence.testing import wire
from ringfence.testing.peer import Call as Dialled
from ringfence.testing.peer import Dialog, Leg, answer_ok, call, leg
from ringfence.testing.simulate import attacks
from ringfence.testing.simulate.call import ANSWERED, Call
from ringfence.testing.simulate.customer import Customer, customer
from ringfence.testing.simulate.days import days_from
from ringfence.testing.simulate.deck import deck_text
from ringfence.testing.simulate.honest import Day
from ringfence.testing.simulate.kinds import BY_NAME
from ringfence.testing.simulate.plan import FRAUD, Planned
from ringfence.testing.simulate.policies import Places, policy_text
from ringfence.testing.wire import Sip

MONDAY = date(2026, 10, 5)
HOUR_MS = 3_600_000
START_MS = int(datetime(2026, 10, 5, 4, tzinfo=UTC).timestamp() * 1000)
ATTACKS = ("published-case", "wangiri", "dial-through", "forwarding", "test-then-burst", "long-calls", "prefix-probing")
TEXT = '\n[behaviour]\nmode = "{mode}"\n'
PLACES = Places("127.0.0.1:5060", "127.0.0.1:5080", CARRIER[0], wire.host_port(CARRIER), PBX[0], wire.host_port(PBX))


def day_of(owner: Customer, kinds: Sequence[str]) -> list[Call]:
    """The calls of one day with these attacks among them, in order of start, no two in one millisecond."""
    found: list[Call] = []
    for number, kind in enumerate(kinds):
        attack = Planned(MONDAY, FRAUD, attacks.BY_KIND[kind], kind).calls(1, owner)
        shift = START_MS + (8 + 2 * number) * HOUR_MS - attack[0].start_ms
        found += [structs.replace(c, start_ms=c.start_ms + shift) for c in attack]
    found += Day(1, owner).calls(next(iter(days_from(MONDAY, 1))))
    found = sorted((c for c in found if c.start_ms < START_MS + 24 * HOUR_MS), key=lambda c: c.start_ms)
    taken: set[int] = set()
    return [c for c in found if not (c.start_ms in taken or taken.add(c.start_ms))]  # type: ignore[func-returns-value]


Told = tuple[str, str, str | None, list[tuple[object, ...]], float | None]
"""Outcome, reason, number, hits, and seconds to the cut."""


class Live:
    """Plays calls at the table, at the moments of their script."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.scripts: dict[str, tuple[int, Call]] = {}
        """By SIP Call-ID: number and call."""
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._ties = itertools.count()
        self._made: dict[str, Dialled] = {}
        self._offers: dict[str, Sip] = {}

    def play(self, calls: Sequence[Call]) -> None:
        self.table.now = calls[0].start_ms * 1000 - SECOND
        for number, script in enumerate(calls):
            self._at(script.start_ms, lambda n=number, c=script: self._place(n, c))
        while self._due:
            at, _, do = heapq.heappop(self._due)
            self._wait(at * 1000 - 1)
            self.table.now = at * 1000  # Who hangs up at the moment at which something is due comes first.
            do()
            self._take()
        self._wait(self.table.now + 60 * SECOND)

    def _wait(self, until: int) -> None:
        """Let time pass; PBX and carrier answer at once."""
        table = self.table
        while table.now < until:
            due = min((at for at in (table.edge.due(), table.engine.due()) if at is not None), default=until)
            table.run((min(until, max(due, table.now + 1)) - table.now) / SECOND)
            self._take()

    def _at(self, at_ms: int, do: Callable[[], object]) -> None:
        heapq.heappush(self._due, (at_ms, next(self._ties), do))

    def _place(self, number: int, script: Call) -> None:
        seat, via = (self.table.pbx, INSIDE) if script.direction == "out" else (self.table.carrier, OUTSIDE)
        headers = [("User-Agent", script.user_agent)] * bool(script.user_agent)
        if script.diverted_from:
            headers.append(("Diversion", f"<sip:{script.diverted_from}@{wire.host_port(via)}>;reason=unconditional"))
        if script.direction == "out":
            headers.append(("P-Asserted-Identity", f"<sip:{script.caller}@{wire.host_port(PBX)}>"))
        own = script.extension if script.direction == "out" else script.caller
        made = call(seat, via, script.dialled, own, *headers)
        self.scripts[made.call_id], self._made[made.call_id] = (number, script), made
        if script.disposition != ANSWERED:
            self._at(script.end_ms, made.cancel)

    def _take(self) -> None:
        """Whatever arrived at PBX and carrier."""
        for seat in (self.table.pbx, self.table.carrier, self.table.pbx):
            for message in seat.heard():
                self._one(seat, message)

    def _one(self, seat: Seat, message: Sip) -> None:
        if message.status:
            self._response(message)
        elif message.method == "INVITE" and not message.to_tag:
            self._offered(leg(seat, message))
        elif message.method == "CANCEL":
            answer_ok(seat, message)
            leg(seat, self._offers[message.call_id]).refuse(487)
        elif message.method != "ACK":
            answer_ok(seat, message)

    def _offered(self, offered: Leg) -> None:
        self._offers[offered.call_id] = offered.invite
        _, script = self.scripts[offered.call_id]
        offered.ring()
        if script.disposition == ANSWERED:
            self._at(script.answer_ms, offered.answer)

    def _response(self, message: Sip) -> None:
        made = self._made[message.call_id]
        if message.method != "INVITE" or message.status < 200:
            return
        if message.status >= 300:
            made.ack_refusal(message)
            return
        _, script = self.scripts[message.call_id]
        dialog: Dialog = made.confirm(message)
        self._at(script.end_ms, lambda: self._hang_up(dialog))

    def _hang_up(self, dialog: Dialog) -> None:
        dialog.send("BYE")


def lived(table: Table, live: Live) -> dict[int, Told]:
    """By number of the call: what was decided live, and when it was cut."""
    numbers = {
        fact.attempt.id: live.scripts[fact.attempt.call_id][0] for fact in table.facts if isinstance(fact, Decided)
    }
    told = {numbers[f.attempt.id]: shown(f.verdict) for f in table.facts if isinstance(f, Decided)}
    answered = {f.id: f.at for f in table.facts if isinstance(f, Answered)}
    cuts = {
        numbers[fact.id]: (fact.at - answered[fact.id]) / SECOND
        for fact in table.facts
        if isinstance(fact, Ended) and fact.cause in ("longest-call", "money", "suspicious-call")
    }
    return {number: (*verdict, cuts.get(number)) for number, verdict in told.items()}


def _observed(hit: Hit) -> str:
    """A containment is named after its incident, and that after its first call: none is called the same twice."""
    return "" if hit.rule == "contained" else hit.observed


def shown(verdict: Verdict) -> tuple[str, str, str | None, list[tuple[object, ...]]]:
    hits: list[tuple[object, ...]] = [
        (hit.rule, hit.severity, hit.enforced, hit.weight, _observed(hit), hit.limit, hit.text) for hit in verdict.hits
    ]
    hits.append(("in an incident", bool(verdict.incident)))
    return verdict.outcome, verdict.reason, verdict.destination.number.e164, hits


def recorded(number: int, script: Call) -> Cdr:
    """What a CDR of the PBX would hold, to the millisecond."""
    answered = script.disposition == ANSWERED
    return Cdr(
        call_id=str(number),
        start=script.start_ms * 1000,
        answer=script.answer_ms * 1000 if answered else 0,
        end=script.end_ms * 1000,
        caller=script.caller,
        extension=script.extension if script.direction == "out" else "",
        dialled=script.dialled,
        trunk=script.trunk,
        source_ip=PBX[0],
        user_agent=script.user_agent,
        diverted_from=script.diverted_from,
        direction="out" if script.direction == "out" else "in",
    )


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_day_as_sip_and_as_records(mode: str, tmp_path: Path) -> None:
    owner = customer(1, 0, BY_NAME["office"])
    calls = day_of(owner, ATTACKS)
    (tmp_path / "rates.csv").write_text(deck_text(owner.home))
    table = Table(tmp_path, whole=policy_text(owner, MONDAY, MONDAY, places=PLACES) + TEXT.format(mode=mode))
    live = Live(table)
    live.play(calls)
    told = lived(table, live)
    player = Replay(table.policy, Placing(table.policy))
    again = {
        int(judged.call.call_id): (*shown(judged.verdict), judged.cut_after_s)
        for judged in player.run(recorded(number, script) for number, script in enumerate(calls))
    }
    assert len(told) == sum(script.direction == "out" for script in calls) > 50
    assert player.inbound == sum(isinstance(fact, Arrived) for fact in table.facts) > 20
    for number, script in enumerate(calls):
        assert told.get(number) == again.get(number), script
    outcomes = [outcome for outcome, *_ in told.values()]
    assert 50 < outcomes.count("deny") < len(outcomes) - 50
    assert mode == "enforce" or any(cut is not None for *_, cut in told.values())
    assert {"wangiri", "forwarded-abroad"} <= {hit[0] for one in told.values() for hit in one[3]}
