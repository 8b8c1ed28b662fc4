"""A guard between two scripted peers, and what it says of itself: the stage of the end-to-end tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringfence.testing.guard import CARRIER, PBX, RATES, Guard
from ringfence.testing.peer import Call, Dialog, Leg, Peer, answer_ok, call, leg
from ringfence.testing.process import polls
from ringfence.testing.wire import Sip

NUMBER, CALLER = "+12125550143", "+12125550100"
OWNED = "+12125550123"
"""A number of the PBX, for inbound calls."""
INCREMENT = 360_000
"""What a call to a US number costs here, micro-units: an hour, however slow the machine is."""
BY_THE_HOUR = RATES.replace("0.006,6,6", "0.006,3600,60")


@dataclass(frozen=True)
class Meters:
    """What the trunk's meters read."""

    calls: int
    """Calls in progress."""
    attempts: int
    """In the last 24 hours."""
    money: int
    """Of the last 24 hours, micro-units, all classes."""


@dataclass
class Site:
    """A PBX, a guard and a carrier."""

    pbx: Peer
    carrier: Peer
    guard: Guard

    def dial(self, number: str = NUMBER, caller: str = CALLER) -> Call:
        """The PBX sends an INVITE."""
        return call(self.pbx, self.guard.inside, number, caller)

    def dialled_in(self, number: str = OWNED, caller: str = NUMBER, *, uri: str = "") -> Call:
        """The carrier sends an INVITE."""
        return call(self.carrier, self.guard.outside, number, caller, uri=uri)

    def offered(self, made: Call, *, by: Peer | None = None) -> Leg:
        """The other side, or one of the carrier's other addresses, is offered this call."""
        other = by or self._other(made)
        return leg(other, other.expect("INVITE", call_id=made.call_id))

    def connect(self, made: Call | None = None) -> tuple[Call, Dialog, Leg]:
        """A call that is answered and confirmed: the call, the caller's dialog, the callee's."""
        made = made or self.dial()
        offered = self.offered(made)
        return made, *self.answer(made, offered)

    def answer(self, made: Call, offered: Leg) -> tuple[Dialog, Leg]:
        """The callee answers, the caller confirms."""
        offered.answer()
        dialog = made.confirm(made.peer.expect(200, call_id=made.call_id, method="INVITE"))
        offered.peer.expect("ACK", call_id=made.call_id)
        return dialog, offered

    def _other(self, dialog: Dialog) -> Peer:
        return self.carrier if dialog.peer is self.pbx else self.pbx

    def hang_up(self, dialog: Dialog, other: Peer) -> None:
        """One side says BYE, the other takes it."""
        dialog.send("BYE")
        answer_ok(other, other.expect("BYE", call_id=dialog.call_id))
        dialog.peer.expect(200, call_id=dialog.call_id, method="BYE")

    def refused(self, made: Call) -> Sip:
        """The final answer to a call that is to fail, acknowledged."""
        final = self.pbx.expect(0, call_id=made.call_id, method="INVITE")
        made.ack_refusal(final)
        return final

    def meters(self) -> Meters:
        """The meters now, by `ringfence status --json`."""
        rows = self.guard.status()["meters"]
        return Meters(
            _read(rows, "calls", 0, ""), _read(rows, "attempts", 86_400, ""), _read(rows, "money", 86_400, "")
        )

    def settled(self, expected: Meters) -> Meters:
        """The meters once they read as expected, or as they read at the end of ten seconds."""
        for _ in polls(10.0, every_s=0.2):
            read = self.meters()
            if read == expected:
                break
        return read

    def calls(self) -> list[dict[str, Any]]:
        """Calls in progress, by `ringfence calls --json`."""
        listed: list[dict[str, Any]] = self.guard.ask("calls")
        return listed


def _read(rows: list[dict[str, Any]], quantity: str, window_s: int, klass: str) -> int:
    """The value of one of the trunk's meters; 0 where nothing was ever charged."""
    for row in rows:
        if (row["scope"], row["quantity"], row["window_s"], row["klass"]) == ("trunk", quantity, window_s, klass):
            return int(row["value"])
    return 0


@contextlib.contextmanager
def site(
    directory: Path,
    *more: Peer,
    pbx_host: str = PBX,
    carrier_host: str = CARRIER,
    inside: type[Peer] = Peer,
    outside: type[Peer] = Peer,
    start: bool = True,
    **policy: str,
) -> Iterator[Site]:
    """A site, running unless it is to be started apart.

    `more`: further addresses of the carrier; `inside`, `outside`: what peers speak there; `policy`: lines for `Guard`:
    trunk, source, ledger.
    """
    for name, kind in (("listen_inside", inside), ("listen_outside", outside)):
        if kind.protocol != "UDP":
            policy[name] = f'transport = "{kind.protocol.lower()}"\n{policy.get(name, "")}'
    with (
        inside(pbx_host, name="pbx") as pbx,
        outside(carrier_host, name="carrier") as carrier,
        contextlib.ExitStack() as end,
    ):
        guard = Guard(directory, pbx.address, carrier.address, *(peer.address for peer in more), **policy)
        (directory / "rates.csv").write_text(BY_THE_HOUR)
        end.push(guard.__exit__)
        if start:
            guard.start()
        yield Site(pbx, carrier, guard)
