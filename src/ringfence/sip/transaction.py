"""The transactions of a proxy as one table (RFC 3261 §17, RFC 6026).

Theory. A message that arrives, a message that its user (the proxy core) sends, a timer: each is an event. A row of
`ROWS` says for (state, event) which state follows and what has to be done. What isn't in the table is ignored, and that
is meant: a 1xx after the final answer, an ACK nobody waits for.

    INVITE server      ist.proceeding → ist.accepted (2xx) or ist.completed (3xx-6xx) → ist.confirmed (ACK)
    other server       nist.trying → nist.proceeding → nist.completed
    INVITE client      ict.calling → ict.proceeding → ict.accepted or ict.completed
                       ict.cancelled: a CANCEL was sent; ict.abandoned: the proxy went on to the next address
    other client       nict.trying → nict.proceeding → nict.completed

Actions, done by the caller of `step`:

    pass     hand the message to the proxy core
    send     put the response on the wire (it is `last` from now on)
    repeat   send `last` again
    ack      send the ACK of this transaction (a non-2xx final is acknowledged hop by hop, §17.1.1.3)
    ack+pass both
    cancel   send CANCEL (§9.1, §16.8)
    fail     tell the core that nobody answered (it counts as 408, §16.7 step 6)

`CLOCKS` gives for each state when to repeat and when to give up, `RELIABLE` the same over TCP and TLS. Both are entered
with the state. A transaction is in one of the core's tables as long as it isn't `over`, and holds its last message
until then and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from ringfence.sip.hop import NextHop
from ringfence.sip.timers import PATIENCE, T1, T2, T4, TIMER_C, TIMER_D

OVER = "over"


class Row(NamedTuple):
    """One transition."""

    state: str
    event: str
    next: str
    action: str
    source: str
    restart: bool = False
    """Begin the state's clock anew although the state stays."""


class Clock(NamedTuple):
    """How long a state lasts; 0 = never."""

    retry: int
    """First interval of retransmission, doubling."""
    cap: int
    """Longest interval of retransmission."""
    expire: int
    bounded: bool = False
    """Also ends at the transaction's own `limit` (ring limit)."""


ROWS = (
    # INVITE server
    Row("ist.proceeding", "request", "ist.proceeding", "repeat", "RFC 3261 §17.2.1"),
    Row("ist.proceeding", "1xx", "ist.proceeding", "send", "RFC 3261 §17.2.1"),
    Row("ist.proceeding", "2xx", "ist.accepted", "send", "RFC 6026 §7.1"),
    Row("ist.proceeding", "final", "ist.completed", "send", "RFC 3261 §17.2.1"),
    Row("ist.completed", "request", "ist.completed", "repeat", "RFC 3261 §17.2.1"),
    Row("ist.completed", "retry", "ist.completed", "repeat", "RFC 3261 §17.2.1 timer G"),
    Row("ist.completed", "ack", "ist.confirmed", "", "RFC 3261 §17.2.1"),
    Row("ist.completed", "expire", OVER, "", "RFC 3261 §17.2.1 timer H"),
    Row("ist.confirmed", "expire", OVER, "", "RFC 3261 §17.2.1 timer I"),
    Row("ist.accepted", "2xx", "ist.accepted", "send", "RFC 6026 §7.1: further 2xx pass"),
    Row("ist.accepted", "expire", OVER, "", "RFC 6026 §7.1 timer L; INVITEs and ACKs are absorbed meanwhile"),
    # Other server
    Row("nist.trying", "1xx", "nist.proceeding", "send", "RFC 3261 §17.2.2"),
    Row("nist.trying", "2xx", "nist.completed", "send", "RFC 3261 §17.2.2"),
    Row("nist.trying", "final", "nist.completed", "send", "RFC 3261 §17.2.2"),
    Row("nist.proceeding", "request", "nist.proceeding", "repeat", "RFC 3261 §17.2.2"),
    Row("nist.proceeding", "1xx", "nist.proceeding", "send", "RFC 3261 §17.2.2"),
    Row("nist.proceeding", "2xx", "nist.completed", "send", "RFC 3261 §17.2.2"),
    Row("nist.proceeding", "final", "nist.completed", "send", "RFC 3261 §17.2.2"),
    Row("nist.completed", "request", "nist.completed", "repeat", "RFC 3261 §17.2.2"),
    Row("nist.completed", "expire", OVER, "", "RFC 3261 §17.2.2 timer J"),
    # INVITE client
    Row("ict.calling", "retry", "ict.calling", "repeat", "RFC 3261 §17.1.1.2 timer A"),
    Row("ict.calling", "expire", OVER, "fail", "RFC 3261 §17.1.1.2 timer B"),
    Row("ict.calling", "error", OVER, "fail", "RFC 3261 §17.1.4"),
    Row("ict.calling", "1xx", "ict.proceeding", "pass", "RFC 3261 §17.1.1.2"),
    Row("ict.calling", "2xx", "ict.accepted", "pass", "RFC 6026 §7.2"),
    Row("ict.calling", "final", "ict.completed", "ack+pass", "RFC 3261 §17.1.1.2"),
    Row("ict.calling", "next", "ict.abandoned", "", "RFC 3263 §4.3, sooner than timer B"),
    Row("ict.proceeding", "1xx", "ict.proceeding", "pass", "RFC 3261 §16.7 step 2: timer C", restart=True),
    Row("ict.proceeding", "2xx", "ict.accepted", "pass", "RFC 6026 §7.2"),
    Row("ict.proceeding", "final", "ict.completed", "ack+pass", "RFC 3261 §17.1.1.2"),
    Row("ict.proceeding", "expire", "ict.cancelled", "cancel", "RFC 3261 §16.8 timer C"),
    Row("ict.proceeding", "cancel", "ict.cancelled", "cancel", "RFC 3261 §9.1"),
    Row("ict.cancelled", "1xx", "ict.cancelled", "", "RFC 3261 §9.1"),
    Row("ict.cancelled", "2xx", "ict.accepted", "pass", "RFC 3261 §9.1: the answer was faster"),
    Row("ict.cancelled", "final", "ict.completed", "ack+pass", "RFC 3261 §9.1"),
    Row("ict.cancelled", "expire", OVER, "fail", "RFC 3261 §9.1: 64*T1 after the CANCEL"),
    Row("ict.abandoned", "1xx", "ict.cancelled", "cancel", "RFC 3261 §16.7 step 10"),
    Row("ict.abandoned", "2xx", "ict.accepted", "pass", "RFC 6026 §7.2"),
    Row("ict.abandoned", "final", "ict.completed", "ack+pass", "RFC 3261 §17.1.1.2"),
    Row("ict.abandoned", "expire", OVER, "", "RFC 3261 §17.1.1.2 timer B"),
    Row("ict.completed", "final", "ict.completed", "ack", "RFC 3261 §17.1.1.2"),
    Row("ict.completed", "expire", OVER, "", "RFC 3261 §17.1.1.2 timer D"),
    Row("ict.accepted", "2xx", "ict.accepted", "pass", "RFC 6026 §7.2: repeated and forked 2xx"),
    Row("ict.accepted", "expire", OVER, "", "RFC 6026 §7.2 timer M"),
    # Other client
    Row("nict.trying", "retry", "nict.trying", "repeat", "RFC 3261 §17.1.2.2 timer E"),
    Row("nict.trying", "expire", OVER, "fail", "RFC 3261 §17.1.2.2 timer F"),
    Row("nict.trying", "error", OVER, "fail", "RFC 3261 §17.1.4"),
    Row("nict.trying", "1xx", "nict.proceeding", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.trying", "2xx", "nict.completed", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.trying", "final", "nict.completed", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.proceeding", "retry", "nict.proceeding", "repeat", "RFC 3261 §17.1.2.2 timer E"),
    Row("nict.proceeding", "expire", OVER, "fail", "RFC 3261 §17.1.2.2 timer F"),
    Row("nict.proceeding", "error", OVER, "fail", "RFC 3261 §17.1.4"),
    Row("nict.proceeding", "1xx", "nict.proceeding", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.proceeding", "2xx", "nict.completed", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.proceeding", "final", "nict.completed", "pass", "RFC 3261 §17.1.2.2"),
    Row("nict.completed", "expire", OVER, "", "RFC 3261 §17.1.2.2 timer K"),
)
TABLE = {state: {row.event: row for row in ROWS if row.state == state} for state, *_ in ROWS}
"""By state, then by event."""

CLOCKS = {
    "ist.proceeding": Clock(0, 0, 0),
    "ist.completed": Clock(T1, T2, PATIENCE),  # G, H
    "ist.confirmed": Clock(0, 0, T4),  # I
    "ist.accepted": Clock(0, 0, PATIENCE),  # L
    "nist.trying": Clock(0, 0, 0),  # its client transaction ends, and with it this one
    "nist.proceeding": Clock(0, 0, 0),
    "nist.completed": Clock(0, 0, PATIENCE),  # J
    "ict.calling": Clock(T1, PATIENCE, PATIENCE),  # A, B
    "ict.proceeding": Clock(0, 0, TIMER_C, bounded=True),  # C
    "ict.cancelled": Clock(0, 0, PATIENCE),
    "ict.abandoned": Clock(0, 0, PATIENCE),  # B
    "ict.completed": Clock(0, 0, TIMER_D),  # D
    "ict.accepted": Clock(0, 0, PATIENCE),  # M
    "nict.trying": Clock(T1, T2, PATIENCE),  # E, F
    "nict.proceeding": Clock(T2, T2, PATIENCE),  # E, F
    "nict.completed": Clock(0, 0, T4),  # K
    OVER: Clock(0, 0, 0),
}
"""Over UDP."""
AT_ONCE = -1
"""`expire` of a state that is over as soon as it is entered."""
_LINGERING = {"ist.confirmed", "nist.completed", "ict.completed", "nict.completed"}
"""States that only wait for repetitions of a lossy network: I, J, D, K are zero over a reliable one (table 4)."""
RELIABLE = {
    state: clock._replace(retry=0, cap=0, expire=AT_ONCE if state in _LINGERING else clock.expire)
    for state, clock in CLOCKS.items()
}
"""Over TCP and TLS: A, E and G don't run. B, F and H do, and L and M (RFC 6026 §8.7): a call may be answered twice."""


def event_of(status: int) -> str:
    """The event that a response of this status is."""
    if status < 200:
        return "1xx"
    return "2xx" if status < 300 else "final"


class Transaction:
    """One transaction; its user keeps it in a table under `key` and has the agenda wake it at `wake`."""

    __slots__ = ("_give_up", "_interval", "armed", "hop", "key", "last", "limit", "state", "wake")

    def __init__(self, key: str, state: str, now: int, hop: NextHop, limit: int = 0) -> None:
        self.key = key
        self.hop = hop
        """Where its messages go."""
        self.last = b""
        """What `repeat` sends: the last response of a server, the request of a client."""
        self.limit = limit
        """Instant at which ringing ends, 0 = only by timer C."""
        self._give_up = 0
        self._interval = 0
        self.armed = 0
        self._enter(state, now)

    def step(self, event: str, now: int) -> str:
        """Take an event; gives the action, or an empty string."""
        rows = TABLE.get(self.state)
        row = rows.get(event) if rows is not None else None
        if row is None:
            return ""
        _, _, following, action, _, restart = row
        if following != self.state or restart:
            self._enter(following, now)
        return action

    def fire(self, now: int) -> str:
        """The time that `wake` named has come; gives the action."""
        if now >= self._give_up:
            return self.step("expire", now)
        self._interval = min(self._interval * 2, (RELIABLE if self.hop.reliable else CLOCKS)[self.state].cap)
        self._wait(now)
        return self.step("retry", now)

    def lost(self, now: int) -> None:
        """What was sent over a reliable transport never arrived: it is to be repeated once, in a while."""
        self._interval = T2
        self._wait(now)

    def _wait(self, now: int) -> None:
        self.wake = min(now + self._interval, self._give_up) if self._interval else self._give_up

    def _enter(self, state: str, now: int) -> None:
        retry, _, expire, bounded = (RELIABLE if self.hop.reliable else CLOCKS)[state]
        if expire == AT_ONCE:
            self._enter(OVER, now)
            return
        self.state = state
        self._interval = retry
        if state != "nict.proceeding":  # there timer F runs on
            self._give_up = now + expire if expire else 0
        if bounded and self.limit:
            self._give_up = max(now, min(self._give_up, self.limit))
        self._wait(now)
