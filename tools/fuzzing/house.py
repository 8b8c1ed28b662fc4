"""The edge without sockets, with its engine: what goes in is written down, what comes out is looked at.

A `House` is driven by operations, each a plain tuple, so that a list of them is a run that can be repeated:

    ("in", listener, host, port, data)     a datagram
    ("wait", microseconds)                 time passes, with every tick that is due
    ("commit",)                            verdicts that were held back are given
    ("hold",)                              from now on they are held back
    ("cut", number) ("late", flag) ("waited", microseconds) ("reload",) ("restart",)
    ("over", "tcp")                        first of all: the parties speak over connections
    ("own",)                               first of all: the carriers see nothing of the inside
    ("srtp",)                              first of all: both trunks require SRTP
    ("lose", host)                         the connections of an address break
    ("down", host, flag)                   nobody can be connected to there, or can be again

After each one the invariants of `looked_at` hold, and after `drained` nothing is left.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from fuzzing.finding import Broken
from fuzzing.parsing import alone, read
from ringfence.edge.core import EdgeCore
from ringfence.edge.effects import Ask, HangUp, Note, Send
from ringfence.edge.tokens import is_inbound
from ringfence.engine.engine import Engine
from ringfence.model import SECOND, Answered, Command, Cut, Decided, Ended, Extend, Fact, MeterKey, Tick
from ringfence.model.settings import Policy
from ringfence.policy import Loader
from ringfence.sip.errors import SipParseError
from ringfence.sip.hop import Transport
from ringfence.sip.message import Message, Response

Operation = tuple[object, ...]

START = 1_800_000_000 * SECOND
INSIDE, OUTSIDE = ("127.0.0.1", 5060), ("127.0.0.1", 5080)
PARTIES = {("inside", "127.0.1.1"): "pbx", ("outside", "127.0.2.1"): "carrier", ("outside", "127.0.2.2"): "second"}
"""Who may hear anything, and from which listener: written down again, so that the edge isn't asked about itself."""

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[listen.outside]
bind = "127.0.0.1:5080"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090", "sip:127.0.2.1:5091"]
permit = ["US", "GB"]
ring_limit_s = 20
transfers = "judge"
[trunk.second]
listen = "outside"
carrier_addresses = ["127.0.2.2"]
send_to = ["sip:127.0.2.2:5090"]
tech_prefix = "77"
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
directions = ["out", "in"]
deliver_to = "127.0.1.1:5070"
trunks = ["carrier", "second"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
caller_id_policy = "substitute"
transfers = "judge"
max_call_s = 90
"""

_URI = re.compile(rb"(?:INVITE|CANCEL|[A-Z]+) (\S+) SIP/2\.0\Z")
_JUDGED = re.compile(rb"sip:([^@;?:]+)@[^@;?]+\Z")
_HOPS = re.compile(rb"(?i)(?:v|via|m|contact|i|call-id|record-route|route)[ \t]*:")
INSIDE_HOST = b"127.0.1.1"
_STREAM = re.compile(rb"(?i)(?:^|[\r\n])[ \t]*m[ \t]*=[ \t]*\S+[ \t]+([0-9]{1,9})\S*[ \t]+(\S+)")
_STEERED = (b"INVITE", b"CANCEL", b"UPDATE", b"PRACK", b"INFO", b"REFER", b"SUBSCRIBE", b"NOTIFY", b"MESSAGE")
"""Methods whose Request-URI decides where a call goes or could be made to go."""


def load_policy() -> Policy:
    """The policy of the house."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        path.write_text(POLICY)
        return Loader(str(path)).load().policy


class _Caught(logging.Handler):
    """Exceptions that the edge's one broad border counted and logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])


CAUGHT = _Caught()


def listen_to_the_edge() -> None:
    """Have exceptions of the edge come here instead of the log."""
    log = logging.getLogger("ringfence.edge")
    log.handlers, log.propagate = [CAUGHT], False


class House:
    """Edge and engine on one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = START
        self._start()
        self.sent: list[Send] = []
        """What came out of the last operation."""
        self.facts: list[Fact] = []
        self.waiting: list[Decided] = []
        self.held_back = False
        self.datagrams = 0
        self.restarts = 0
        self.judged: dict[bytes, set[tuple[bytes, str]]] = {}
        """By Call-ID: (user part, trunk) of every verdict that lets an attempt through."""
        self._from_carrier = b""
        self._input = b""
        self._numbers = count(1)
        self.down: set[str] = set()
        """Where nobody can be connected to."""
        self._undelivered: list[str] = []
        self.encrypted = False
        """Whether media in the clear must not pass, but for that of emergency calls."""
        self._emergencies: set[str] = set()

    def _start(self) -> None:
        self.flows: dict[tuple[str, str, int], int] = {}
        """Open connections by (listener, host, port) of the far end."""
        self.engine, self.edge = Engine(self.policy, "n1"), EdgeCore(self.policy, "n1", b"s" * 32)
        self.edge.tick(self.now)

    # In.

    def do(self, operation: Operation) -> None:
        """One operation. Raises Broken, or what the code under it should not have raised."""
        self.sent, self._input = [], b""
        CAUGHT.errors.clear()
        getattr(self, f"_{operation[0]}")(*operation[1:])
        self._settle()
        self._bounded()

    def _in(self, listener: str, host: str, port: int, data: bytes) -> None:
        self.datagrams += 1
        self._input = data
        if PARTIES.get((listener, host), "pbx") != "pbx":
            self._from_carrier += b"\n" + data
        if self.policy.listens[listener].transport == "udp":
            self.edge.receive(data, host, port, listener, self.now)
            return
        place = listener, host, port
        if place not in self.flows and self.edge.admits(listener, host, self.now):
            self._open(place, dialled=False)
        if place in self.flows:
            self.edge.take(self.flows[place], data, self.now)

    def _open(self, place: tuple[str, str, int], *, dialled: bool) -> None:
        flow = next(self._numbers)
        if self.edge.opened(flow, *place, dialled=dialled):
            self.flows[place] = flow

    def _over(self, transport: Transport) -> None:
        replace = msgspec.structs.replace
        listens = {name: replace(listen, transport=transport) for name, listen in self.policy.listens.items()}
        self.policy = replace(self.policy, listens=listens)
        self._start()

    def _own(self) -> None:
        replace = msgspec.structs.replace
        trunks = {name: replace(trunk, identity="own") for name, trunk in self.policy.trunks.items()}
        self.policy = replace(self.policy, trunks=trunks)
        self._start()

    def _srtp(self) -> None:
        trunks = {name: msgspec.structs.replace(one, srtp="required") for name, one in self.policy.trunks.items()}
        self.policy = msgspec.structs.replace(self.policy, trunks=trunks)
        self.encrypted = True
        self._start()

    def _lose(self, host: str) -> None:
        for place in [place for place in self.flows if place[1] == host]:
            self.edge.closed(self.flows.pop(place), self.now)
            self._settle()

    def _down(self, host: str, flag: bool) -> None:
        (self.down.add if flag else self.down.discard)(host)

    def _wait(self, microseconds: int) -> None:
        end = self.now + microseconds
        while True:
            due = min((at for at in (self.edge.due(), self.engine.due()) if at is not None), default=end + 1)
            if due > end:
                break
            self.now = max(self.now, due)
            self.edge.tick(self.now)
            self._obey(self.engine.apply(Tick(at=self.now), now=self.now))
            self._settle()
        self.now = end

    def _hold(self) -> None:
        self.held_back = True

    def _commit(self) -> None:
        self.held_back = False
        waiting, self.waiting = self.waiting, []
        for decided in waiting:
            self.edge.decided(decided.attempt.id, decided.verdict, self.now)

    def _cut(self, number: int) -> None:
        calls = list(self.engine.calls)
        if calls:
            self._obey((Cut(calls[number % len(calls)], "", "operator", "ordered"),))

    def _late(self, flag: bool) -> None:
        self.edge.overloaded(flag)

    def _waited(self, microseconds: int) -> None:
        self.edge.waited(microseconds)

    def _reload(self) -> None:
        self.engine.use(self.policy)
        self.edge.use(self.policy)

    def _restart(self) -> None:
        """The process dies, and comes back a second later with what the ledger has."""
        self.now += SECOND
        self.restarts += 1
        self.waiting, self.held_back = [], False
        self._start()
        for fact in self.facts:
            self.engine.recover(fact)
        ids = [fact.attempt.id if isinstance(fact, Decided) else getattr(fact, "id", "") for fact in self.facts]
        known = set(self.engine.open)
        open_now = [fact for fact, id in zip(self.facts, ids, strict=True) if id in known]
        self.edge.restore(open_now, self.now)
        self._obey(self.engine.reconcile(now=self.now))

    # Out: the guard's part.

    def _settle(self) -> None:
        while effects := self.edge.effects():
            for effect in effects:
                if isinstance(effect, Send):
                    self.sent.append(effect)
                    self._look_at(effect)
                    self._carry(effect)
                elif isinstance(effect, HangUp):
                    self.flows = {place: flow for place, flow in self.flows.items() if flow != effect.flow}
                    self.edge.closed(effect.flow, self.now)
                elif isinstance(effect, Ask):
                    self._ask(effect)
                elif isinstance(effect, Note):
                    self._note(effect.fact)
            keys, self._undelivered = self._undelivered, []
            for key in keys:
                self.edge.unsent(key, self.now)
        if CAUGHT.errors:
            raise CAUGHT.errors[0]
        if self.edge.status().get("error"):
            raise Broken("the edge counted an error without a word")

    def _carry(self, send: Send) -> None:
        """A message over a connection: the one it names, or one to its address, if that can be had."""
        hop = send.hop
        if hop.flow and hop.flow not in self.flows.values():
            raise Broken("a message is sent over a connection that is gone", send)
        if not hop.reliable or hop.flow or hop[:3] in self.flows:
            return
        if hop.host in self.down:
            self._undelivered.append(send.key)
        else:
            self._open(hop[:3], dialled=True)

    def _ask(self, ask: Ask) -> None:
        judgement = self.engine.judge(ask.attempt, now=self.now)
        reading = self.engine.meters.reserve(judgement.hold, now=self.now)
        verdict = self.engine.conclude(judgement, reading)
        decided = Decided(
            at=self.now,
            attempt=ask.attempt,
            hold=judgement.hold,
            reading=reading,
            verdict=verdict,
            policy="",
            numbers="",
            edge=ask.edge,
        )
        if verdict.outcome == "allow":
            within = ask.attempt.transfer_of if ask.attempt.transfer else ask.attempt.id
            for call_id in (ask.attempt.call_id, self.edge._edge.tokens.call_id(within)):
                judged = self.judged.setdefault(call_id.encode(), set())
                judged.add((verdict.send_user.encode(), ask.attempt.trunk))
        if verdict.emergency:
            self._emergencies |= {ask.attempt.call_id, self.edge._edge.tokens.call_id(ask.attempt.id)}
        self._note(decided)
        self.waiting.append(decided)
        if not self.held_back:
            self._commit()

    def _note(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._obey(self.engine.apply(fact, now=self.now))

    def _obey(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            if isinstance(command, Extend):
                self._note(self.engine.ask_more(command.hold, now=self.now))
            elif isinstance(command, Cut) and not self.edge.cut(command.id, command.leg, command.cause, self.now):
                self._note(Ended(at=self.now, id=command.id, leg=command.leg, cause=command.cause))

    # What must hold of each datagram that goes out.

    def _look_at(self, send: Send) -> None:
        party = PARTIES.get((send.hop.listener, send.hop.host))
        if party is None:
            raise Broken("a stranger is sent something", send)
        alone(send.data)
        message = read(send.data)
        if message is None:
            self._excused(send)
            return
        try:
            _ = (message.call_id, message.cseq, message.from_tag, message.to_tag, message.top_via.branch)
        except SipParseError as error:
            if send.data.startswith((b"SIP/2.0 ", b"ACK ", b"BYE ")):
                return  # They repeat lines of what they answer, whatever those are.
            raise Broken(f"a request that is sent can't be read: {error.reason}", send) from error
        if party != "pbx" and self.policy.trunks[party].identity == "own":
            self._hidden(send)
        if self.encrypted and message.call_id not in self._emergencies and speaks_plainly(message):
            raise Broken("media in the clear is passed on", send)
        if party != "pbx" and send.data.split(b" ", 1)[0] in _STEERED:
            self._steered(party, send.data, message.call_id.encode())

    def _hidden(self, send: Send) -> None:
        """Where a carrier sees nothing of the inside, no hop and no name of a call says where the PBX is."""
        head = send.data.partition(b"\r\n\r\n")[0]
        told = [line for line in head.split(b"\r\n") if _HOPS.match(line) and INSIDE_HOST in line]
        if (
            told and send.data[:8] != b"SIP/2.0 " and b"-in." not in head
        ):  # An inbound call has the Call-ID it came with.
            raise Broken("a carrier is told of the inside", told)

    def _excused(self, send: Send) -> None:
        """An answer to a request that doesn't parse repeats its lines, so it needn't parse either."""
        if self._input and read(self._input) is None and re.match(rb"SIP/2\.0 [4-6]", send.data):
            return
        raise Broken("a datagram that is sent doesn't parse", send)

    def _steered(self, party: str, data: bytes, call_id: bytes) -> None:
        """A request to the carrier names a number that was judged for it, or a target that the carrier gave itself."""
        match = _URI.match(data.partition(b"\r\n")[0])
        if match is None:
            raise Broken("the Request-URI has spaces", data)
        number = _JUDGED.match(match[1])
        allowed = self.judged.get(call_id, set())
        if number is not None and (number[1], party) in allowed:
            return
        if data.startswith(b"INVITE ") and b"tag=" not in _header(data, b"to").lower():
            raise Broken("an INVITE to the carrier names a number that wasn't judged", data)
        if data.startswith(b"REFER "):
            self._referred(party, data, allowed)
        if match[1] not in self._from_carrier and not re.fullmatch(rb"sip:127\.0\.2\.\d:\d+", match[1]):
            raise Broken("a request to the carrier names a target that nobody gave", data)

    def _referred(self, party: str, data: bytes, allowed: set[tuple[bytes, str]]) -> None:
        """A REFER to the carrier leads to a number that was judged, or to a target of its own in place of a call."""
        target = _header(data, b"refer-to").strip()[1:-1]
        uri, _, rest = target.partition(b"?")
        number = _JUDGED.match(uri)
        judged = number is not None and (number[1], party) in allowed and not rest
        named = allowed and rest.startswith(b"Replaces=") and b"&" not in rest
        if not judged and not named:
            raise Broken("a REFER to the carrier leads where nobody judged", data)

    # What must hold of the whole.

    def _bounded(self) -> None:
        """No table outgrows what was sent."""
        edge, inputs = self.edge._edge, self.datagrams + 10
        sizes = {name: len(getattr(edge, name)) for name in TABLES}
        sizes["agenda"] = len(edge.agenda)
        grown = [name for name, size in sizes.items() if size > 3 * inputs]
        if grown:
            raise Broken(f"{grown[0]} grows beyond what was sent", sizes)

    def drained(self) -> None:
        """Everybody is silent for long: every call is told as ended exactly once, and nothing is left."""
        self.do(("commit",))
        self.do(("late", False))
        self.do(("waited", 0))
        self.down.clear()
        self.do(("wait", 600 * SECOND))
        for dialog in list(self.edge._edge.dialogs.values()):
            live = self.engine.calls.get(dialog.id)
            if live is not None and live.emergency:  # Never cut: it ends when somebody says so.
                self.edge.cut(dialog.id, "", "operator", self.now)
        if self.edge._edge.dialogs or any(live.attempt.transfer for live in self.engine.calls.values()):
            self.do(("wait", 86_400 * SECOND))  # What bounds an inbound call, and one that a carrier places itself.
        self.do(("wait", 61 * SECOND))
        edge = self.edge._edge
        left = [name for name in TABLES if getattr(edge, name)]
        if left or len(edge.agenda):
            left.append("agenda")
            raise Broken(f"{left[0]} isn't empty after everybody fell silent", left)
        if self.engine.calls:
            raise Broken("a call is never told as ended", list(self.engine.calls))
        held = self.engine.meters.read(MeterKey("source", "pbx", "calls", "", 0), self.now)
        if held:
            raise Broken("a slot is held by nobody", held)
        self._told_once()

    def _told_once(self) -> None:
        """As many ends as there were answers.

        An answer after all was over is hung up as often as it comes; one that a restart interrupts has no end. Legs of
        inbound calls, which cost nothing, aren't told apart.
        """
        late = {(fact.id, fact.leg) for fact in self.facts if isinstance(fact, Answered) and fact.late}
        told = [fact for fact in self.facts if not is_inbound(getattr(fact, "id", ""))]
        facts = [fact for fact in told if (getattr(fact, "id", ""), getattr(fact, "leg", "")) not in late]
        last = {f.attempt.id: f.verdict.outcome for f in facts if isinstance(f, Decided)}
        allowed = {f.attempt.id for f in facts if isinstance(f, Decided) and f.verdict.outcome == "allow"}
        answered = Counter((f.id, f.leg) for f in facts if isinstance(f, Answered))
        ended = Counter((f.id, f.leg) for f in facts if isinstance(f, Ended))
        kept = {f.id for f in self.facts if isinstance(f, Answered) and not f.late}
        if max((*answered.values(), *ended.values()), default=1) > 1:
            raise Broken("an answer or an end is told twice", answered, ended)
        if not self.restarts and any(key not in ended for key in answered):
            raise Broken("an answered leg has no end", answered, ended)
        for id in allowed:
            if last[id] == "allow" and id not in kept and not ended[id, ""]:
                raise Broken("an attempt that was let through has no end", id)
            if id in kept and ended[id, ""]:
                raise Broken("an answered attempt is told as ended as a whole", id)


TABLES = (
    "servers", "clients", "calls", "merges", "dialogs", "by_attempt", "retries", "orphans", "orphan_ids", "early",
    "inbound", "riders",
)  # fmt: skip


def speaks_plainly(message: Message) -> bool:
    """Whether somebody lenient reads in it, in another way than the edge does, that media is in the clear."""
    silent = message.cseq[1] not in ("INVITE", "ACK", "PRACK", "UPDATE")
    if silent or (isinstance(message, Response) and message.status >= 300):
        return False
    kind = (message.first("content-type") or b"").lower().replace(b" ", b"")
    if not kind.startswith((b"application/sdp", b"multipart/")) and not message.body.startswith(b"v="):
        return False
    streams = _STREAM.findall(message.body)
    return any(int(port) and not re.search(rb"SAVP|TLS", profile.upper()) for port, profile in streams)


def _header(data: bytes, name: bytes) -> bytes:
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        head, _, value = line.partition(b":")
        if head.strip(b" \t").lower() in (name, name[:1]):
            return value
    return b""
