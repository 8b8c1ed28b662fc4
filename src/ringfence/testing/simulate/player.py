"""Plays simulated calls as real SIP through a guard: one peer is the PBX, one the carrier, on loopback.

Time is compressed by a factor, and a pause in which nothing happens is cut short. A call goes as its script says: the
carrier rings, answers, refuses or lets it ring; who called hangs up. What the guard does otherwise (a refusal, a call
that it ends) is what is shown.

    due actions (place, answer, hang up)     ─┐
    datagrams at PBX, carrier and strangers  ─┴─► one loop, one heap, no thread
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from ringfence.testing import wire
from ringfence.testing.peer import Call as Dialled
from ringfence.testing.peer import Dialog, Leg, Peer, answer_ok, call, leg
from ringfence.testing.simulate.call import ANSWERED, BUSY, FAILED, Call
from ringfence.testing.simulate.knock import Knock
from ringfence.testing.simulate.knocking import Knocked, Knocking, Strangers
from ringfence.testing.wire import Address, Sip

PAUSE_S = 2.0
"""The longest time in which nothing is due, seconds of the play."""
GRACE_S = 3.0
"""How long answers are waited for at the end."""


@dataclass
class Played:
    """One call and what became of it."""

    script: Call
    asked_s: float
    """Seconds of the play at which it was placed."""
    answer: str = "no answer from the guard"
    """What the caller got: `603 Decline`, `200 OK`."""
    status: int = 0
    cut_after_s: float | None = None
    """Seconds of the call's own time after which the guard ended it."""

    @property
    def refused(self) -> bool:
        """Whether the guard refused it, not the carrier: those are scripted as 404 and 486."""
        return self.status >= 400 and self.status not in (404, 486, 487)


class Player:
    """A play of calls and knocks that are in order of start."""

    def __init__(
        self, pbx: Peer, carrier: Peer, inside: Address, outside: Address, speed: float, strangers: Strangers
    ) -> None:
        self._pbx, self._carrier = pbx, carrier
        self._inside, self._outside = inside, outside
        self._speed = speed
        self._knocking = Knocking(pbx, carrier, inside, outside, strangers)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ties = count()
        self._began = time.monotonic()
        self._played: dict[str, Played] = {}
        self._placed: dict[str, Dialled] = {}
        self._legs: dict[str, Leg] = {}
        self._up: dict[str, Dialog] = {}
        self._answered_at: dict[str, float] = {}
        self._done: list[Played] = []
        self._knocked: list[Knocked] = []

    def play(self, scripts: Sequence[Call | Knock]) -> Iterator[Played | Knocked]:
        """Place them all; each is given when its first final answer is there, and again where the guard cuts it.

        Knocks are given where they are answered or reach the carrier, and at the end those of which nothing was heard.
        """
        at = before = 0.0
        for script in scripts:
            start = script.start_ms / 1000 / self._speed
            at += min(PAUSE_S, start - before) if before else 0.0
            before = start
            self._at(at, partial(self._place, script))
        until = GRACE_S
        while self._due or (self._open and self._now < until):
            until = self._now + GRACE_S if self._due else until
            self._step()
            yield from self._done
            yield from self._knocking.done
            self._done.clear()
            self._knocking.done.clear()
        yield from (played for played in self._played.values() if not played.status)
        yield from (knocked for knocked in self._knocked if not knocked.status and not knocked.passed)

    @property
    def _open(self) -> bool:
        """Whether somebody still waits for an answer, or a stranger might get one."""
        return bool(self._knocked) or any(not played.status for played in self._played.values())

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _at(self, at: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, next(self._ties), do))

    def _step(self) -> None:
        """Do what is due, then take what has arrived."""
        while self._due and self._due[0][0] <= self._now:
            heapq.heappop(self._due)[2]()
        wait = min(0.02, max(0.0, self._due[0][0] - self._now)) if self._due else 0.02
        for message in self._pbx.arrived(wait):
            self._take(self._pbx, message)
        for message in self._carrier.arrived(0.0):
            self._take(self._carrier, message)
        self._knocking.poll()

    def _place(self, script: Call | Knock) -> None:
        """Send the INVITE: from the PBX, or from the carrier for an inbound call."""
        if isinstance(script, Knock):
            self._knocked.append(self._knocking.place(script))
            return
        out = script.direction == "out"
        peer, via = (self._pbx, self._inside) if out else (self._carrier, self._outside)
        headers = (("User-Agent", script.user_agent),) * bool(script.user_agent)
        if script.diverted_from:
            headers += (("Diversion", f"<sip:{script.diverted_from}@{wire.host_port(via)}>;reason=unconditional"),)
        dialled = call(peer, via, script.dialled, script.caller, *headers)
        self._placed[dialled.call_id] = dialled
        self._played[dialled.call_id] = Played(script, self._now)
        if script.disposition not in (ANSWERED, BUSY, FAILED):
            self._at(self._now + self._short(script.ring_ms), lambda: self._give_up(dialled))

    def _short(self, milliseconds: int) -> float:
        return milliseconds / 1000 / self._speed

    def _give_up(self, dialled: Dialled) -> None:
        """CANCEL, unless there is an answer already."""
        if not self._played[dialled.call_id].status:
            dialled.cancel()

    def _take(self, peer: Peer, message: Sip) -> None:
        """One message that arrived."""
        if self._knocking.take(peer, message):
            return
        if message.status:
            if message.method == "INVITE" and message.status >= 200:
                self._answered(message)
        elif message.method == "INVITE" and not message.to_tag:
            self._offered(peer, message)
        elif message.method == "CANCEL":
            answer_ok(peer, message)
            self._cancelled(message.call_id)
        elif message.method == "BYE":
            answer_ok(peer, message)
            self._ended(message.call_id)

    def _answered(self, message: Sip) -> None:
        """The caller's side: a final answer to an INVITE."""
        played, dialled = self._played[message.call_id], self._placed[message.call_id]
        if played.status:
            return
        played.status, played.answer = message.status, message.start.partition(" ")[2]
        self._done.append(played)
        if message.status >= 300:
            dialled.ack_refusal(message)
            return
        dialog = dialled.confirm(message)
        self._up[message.call_id] = dialog
        self._answered_at[message.call_id] = self._now
        self._at(self._now + self._short(played.script.talk_ms), lambda: self._hang_up(message.call_id))

    def _hang_up(self, call_id: str) -> None:
        dialog = self._up.pop(call_id, None)
        if dialog is not None:
            dialog.send("BYE")

    def _offered(self, peer: Peer, invite: Sip) -> None:
        """The called side: ring, then answer as the script says."""
        played = self._played.get(invite.call_id)
        if played is None:
            return
        offered, script = leg(peer, invite), played.script
        if script.disposition in (BUSY, FAILED):
            offered.refuse(*((486, "Busy Here") if script.disposition == BUSY else (404, "Not Found")))
            return
        offered.ring()
        self._legs[invite.call_id] = offered
        if script.disposition == ANSWERED:
            self._at(self._now + self._short(script.ring_ms), lambda: self._pick_up(invite.call_id))

    def _pick_up(self, call_id: str) -> None:
        offered = self._legs.pop(call_id, None)
        if offered is not None:
            offered.answer()

    def _cancelled(self, call_id: str) -> None:
        offered = self._legs.pop(call_id, None)
        if offered is not None:
            offered.refuse(487, "Request Terminated")

    def _ended(self, call_id: str) -> None:
        """A BYE that nobody of ours sent comes from the guard: the call was cut."""
        played = self._played.get(call_id)
        if played is not None and self._up.pop(call_id, None) is not None:
            played.cut_after_s = (self._now - self._answered_at[call_id]) * self._speed
            self._done.append(played)
