"""A table with a PBX, the edge and a carrier on it: datagrams go round in memory, time goes by when a test says so.

The engine sits behind the edge as in the guard, so that a test sees what each flow leaves on the meters.
"""

from __future__ import annotations

from pathlib import Path

from ringfence.edge.core import EdgeCore
from ringfence.edge.effects import Ask, Fetch, HangUp, Message, Note, Send
from ringfence.engine.engine import Engine
from ringfence.model import (
    SECOND,
    Alert,
    Ban,
    Command,
    Contain,
    Cut,
    Decided,
    Ended,
    Extend,
    Fact,
    MeterKey,
    Presume,
    Tick,
)
from ringfence.policy import Loader
from ringfence.testing import wire
from ringfence.testing.peer import Call, Dialog, Leg, Peer, answer_ok, call, leg
from ringfence.testing.wire import Address, Sip

INSIDE: Address = ("127.0.0.1", 5060)
OUTSIDE: Address = ("127.0.0.1", 5080)
ADVERTISED: Address = ("127.0.9.1", 5080)
"""What the outside may be told to call itself."""
PBX: Address = ("127.0.1.1", 5070)
CARRIER: Address = ("127.0.2.1", 5090)
SECOND_CARRIER: Address = ("127.0.2.2", 5090)
STRANGER: Address = ("127.0.3.1", 5066)
NUMBER, CALLER = "+12125550143", "+12125550100"

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[listen.outside]
bind = "127.0.0.1:5080"
{outside}
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = [{send_to}{more}]
{trunk}
[trunk.second]
listen = "outside"
carrier_addresses = ["127.0.2.2"]
send_to = ["sip:127.0.2.2:5090"]
tech_prefix = "77"
{second}
[source.pbx]
zone = "{zone}"
listen = "inside"
addresses = ["127.0.1.1"]
directions = {directions}
{deliver_to}
trunks = ["carrier"{trunks}]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
{source}
"""


class Seat(Peer):
    """A peer without a socket."""

    def __init__(self, table: Table, name: str, address: Address) -> None:
        self.name, self.address, self.table = name, address, table
        self.transcript: list[str] = []
        self.inbox: list[Sip] = []

    def send(self, message: Sip, to: Address) -> None:
        self.table.deliver(message.to_bytes(), self.address, to)

    def expect(
        self, *wanted: str | int, call_id: str = "", method: str = "", timeout_s: float = 0, repeats: bool = False
    ) -> Sip:
        for message in self.inbox:
            if message.status == 100 and 100 not in wanted:
                continue
            fits = not wanted or message.status in wanted or (message.status == 0 and message.method in wanted)
            fits = fits or (0 in wanted and message.status >= 200)
            if fits and (not call_id or message.call_id == call_id) and (not method or message.method == method):
                self.inbox.remove(message)
                return message
        raise AssertionError(f"{self.name} waits for {wanted}, has {[m.start for m in self.inbox]}")

    def heard(self, for_s: float = 0) -> list[Sip]:
        found = [message for message in self.inbox if message.status != 100]
        self.inbox.clear()
        return found


class Table:
    """PBX, edge with engine, carrier."""

    def __init__(
        self,
        folder: Path,
        *,
        trunk: str = "",
        second: str = "",
        source: str = "",
        directions: str = '["out", "in"]',
        send_to: str = '"sip:127.0.2.1:5090"',
        deliver_to: str = "127.0.1.1:5070",
        outside: str = "",
        zone: str = "internal",
        two_addresses: bool = False,
        two_trunks: bool = False,
        whole: str = "",
        rest: str = "",
    ) -> None:
        """`whole` is a policy instead of the usual one, for the same addresses; `rest` are more tables of the usual."""
        path = folder / "policy.toml"
        more = ', "sip:127.0.2.1:5091"' if two_addresses else ""
        trunks = ', "second"' if two_trunks else ""
        parties = {
            "trunk": trunk,
            "second": second,
            "source": source,
            "send_to": send_to,
            "deliver_to": f'deliver_to = "{deliver_to}"' if deliver_to else "",
        }
        parties |= {"outside": outside, "zone": zone}
        path.write_text(whole or POLICY.format(**parties, directions=directions, more=more, trunks=trunks) + rest)
        self.policy = Loader(str(path)).load().policy
        self.engine = Engine(self.policy, "n1")
        self.edge = self._edge()
        self.now = 1_800_000_000 * SECOND
        self.pbx = Seat(self, "pbx", PBX)
        self.carrier = Seat(self, "carrier", CARRIER)
        self.spare = Seat(self, "spare", (CARRIER[0], 5091))
        self.second = Seat(self, "second", SECOND_CARRIER)
        self.stranger = Seat(self, "stranger", STRANGER)
        self.seats = [self.pbx, self.carrier, self.spare, self.second, self.stranger]
        self.facts: list[Fact] = []
        self.alerts: list[Alert] = []
        self.fetches: list[str] = []
        """URLs that the edge wants to know of."""
        self.lost: set[str] = set()
        """Names of seats whose datagrams get lost on the way to them."""
        self.restarts = 0
        self.held_back = False
        """Verdicts wait until `commit`."""
        self._waiting: list[Decided] = []

    def _edge(self) -> EdgeCore:
        return EdgeCore(self.policy, "n1", b"s" * 32, bans=self.engine.banning.bans)

    def seat(self, name: str, address: Address) -> Seat:
        """One more party, at an address of its own."""
        self.seats.append(Seat(self, name, address))
        return self.seats[-1]

    # Datagrams.

    def deliver(self, data: bytes, source: Address, to: Address) -> None:
        listener = {INSIDE: "inside", OUTSIDE: "outside", ADVERTISED: "outside"}[to]
        self.edge.receive(data, *source, listener, self.now)
        self.settle()

    def settle(self) -> None:
        while effects := self.edge.effects():
            for effect in effects:
                if isinstance(effect, Send):
                    self._sent(effect)
                elif isinstance(effect, Ask):
                    self._ask(effect)
                elif isinstance(effect, Note):
                    self.note(effect.fact)
                elif isinstance(effect, Fetch):
                    self.fetches.append(effect.url)
                else:
                    assert isinstance(effect, Message | HangUp)

    def _sent(self, send: Send) -> None:
        origin = {"inside": INSIDE, "outside": OUTSIDE}[send.hop.listener]
        for seat in self.seats:
            if seat.address == (send.hop.host, send.hop.port) and seat.name not in self.lost:
                seat.inbox.append(wire.parse(send.data, origin))

    # The guard's part.

    def _ask(self, ask: Ask) -> None:
        judgement = self.engine.judge(ask.attempt, now=self.now)
        reading = self.engine.meters.reserve(judgement.hold, now=self.now)
        decided = Decided(
            at=self.now,
            attempt=ask.attempt,
            hold=judgement.hold,
            reading=reading,
            verdict=self.engine.conclude(judgement, reading),
            policy="",
            numbers="",
            edge=ask.edge,
        )
        self.note(decided)
        self._waiting.append(decided)
        if not self.held_back:
            self.commit()

    def commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        for decided in waiting:
            self.edge.decided(decided.attempt.id, decided.verdict, self.now)
        self.settle()

    def note(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.obey(self.engine.apply(fact, now=self.now))

    def obey(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            if isinstance(command, Extend):
                self.note(self.engine.ask_more(command.hold, now=self.now))
            elif isinstance(command, Alert):
                self.alerts.append(command)
            elif isinstance(command, Contain):
                self.note(command.fact)
            elif isinstance(command, Ban):
                self.note(command.fact)
                self.edge.banned(self.now)
            elif isinstance(command, Presume):
                self.note(Ended(at=self.now, id=command.id, cause="presumed", talked_s=command.talked_s))
            elif isinstance(command, Cut) and not self.edge.cut(command.id, command.leg, command.cause, self.now):
                self.note(Ended(at=self.now, id=command.id, leg=command.leg, cause=command.cause))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + int(seconds * SECOND)
        while True:
            due = min((at for at in (self.edge.due(), self.engine.due()) if at is not None), default=end + 1)
            if due > end:
                break
            self.now = max(self.now, due)
            self.edge.tick(self.now)
            self.settle()
            self.obey(self.engine.apply(Tick(at=self.now), now=self.now))
            self.settle()
        self.now = end

    def restart(self) -> None:
        """The process dies and comes back a second later with what the ledger has."""
        self.now += SECOND
        self.restarts += 1
        self.engine = Engine(self.policy, "n1")
        self.edge = self._edge()
        for fact in self.facts:
            self.engine.recover(fact)
        ids = [fact.attempt.id if isinstance(fact, Decided) else getattr(fact, "id", "") for fact in self.facts]
        known = set(self.engine.open)
        open_now = [fact for fact, id in zip(self.facts, ids, strict=True) if id in known]
        self.edge.restore([*self.engine.contacts, *open_now], self.now)
        self.obey(self.engine.reconcile(now=self.now))
        self.settle()

    # What parties do.

    def dial(self, number: str = NUMBER, caller: str = CALLER, *headers: tuple[str, str]) -> Call:
        return call(self.pbx, INSIDE, number, caller, *headers)

    def offered(self, seat: Seat | None = None) -> Leg:
        seat = seat or self.carrier
        return leg(seat, seat.expect("INVITE"))

    def connect(self, made: Call | None = None) -> tuple[Dialog, Leg]:
        made = made or self.dial()
        offered = self.offered()
        return self.answer(made, offered), offered

    def stamped(self, made: Call) -> str:
        """The Via of a call as it comes back, with the address it was sent from."""
        host, port = made.peer.address
        return made.invite.value("Via").replace(";rport", f";rport={port}") + f";received={host}"

    def answer(self, made: Call, offered: Leg) -> Dialog:
        offered.answer()
        self.last_answer = self.pbx.expect(200, call_id=made.call_id, method="INVITE")
        dialog = made.confirm(self.last_answer)
        self.carrier.expect("ACK")
        return dialog

    def hang_up(self, dialog: Dialog) -> None:
        dialog.send("BYE")
        other = self.carrier if dialog.peer is self.pbx else self.pbx
        answer_ok(other, other.expect("BYE"))
        dialog.peer.expect(200, method="BYE")

    # What is left.

    @property
    def slots(self) -> int:
        return self.slots_of("carrier")

    def slots_of(self, trunk: str) -> int:
        return self.engine.meters.read(MeterKey("trunk", trunk, "calls", "", 0), self.now)

    @property
    def attempts(self) -> int:
        return self.engine.meters.read(MeterKey("trunk", "carrier", "attempts", "", 3600), self.now)

    def told(self) -> list[str]:
        """Facts in short: `ended bye-caller`."""
        return [f"{type(f).__name__.lower()} {getattr(f, 'cause', '')}".strip() for f in self.facts]

    def told_ids(self, kind: str) -> list[str]:
        """Of what a kind of fact tells, in order."""
        return [str(getattr(fact, "id", "")) for fact in self.facts if type(fact).__name__ == kind]
