"""The guard: edge, engine and ledger around one event loop.

A datagram goes in at the top and everything it causes is done before the next is read:

    datagram → edge core → effects → Send      to the socket
                                   → Ask       judge, reserve, conclude; allowed calls wait for their commit
                                   → Note      a fact: to the engine and to the ledger; its commands are carried out
                                   → Message   to the message store

Between Attempted and reserve nothing is awaited, so a parallel burst sees itself. Only `Decided(allow)` waits for the
ledger; a refusal, an emergency call and everything inside a dialog does not. One timer is armed for whatever is due
first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from ringfence.edge.core import EdgeCore
from ringfence.edge.effects import Ask, Fetch, HangUp, Message, Note, Send
from ringfence.edge.flows import Admitted, Expected
from ringfence.edge.secrets import Secrets
from ringfence.engine.down import when_down
from ringfence.engine.engine import Engine
from ringfence.engine.judging import ANSWER_GRACE_US, redirected_s
from ringfence.engine.verdicts import failed, passed_unjudged
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.segments import Message as StoredMessage
from ringfence.model import (
    SECOND,
    Accepted,
    Alert,
    Allowed,
    Answered,
    Attempted,
    Ban,
    Banned,
    Command,
    Contain,
    Contained,
    Cut,
    Decided,
    DialogChanged,
    Disallowed,
    Ended,
    Enrolled,
    Extend,
    Fact,
    Hold,
    MediaMismatch,
    Offended,
    PolicyChanged,
    Presume,
    Reading,
    Released,
    Tick,
    Unbanned,
    Verdict,
)
from ringfence.model.fact import OURSELVES
from ringfence.model.settings import Policy
from ringfence.numbers import DialPlan, numbering
from ringfence.policy import Loaded
from ringfence.rules import words
from ringfence.server.clock import Clock
from ringfence.sip.errors import SipParseError

log = logging.getLogger("ringfence.guard")

LEDGER_LATE_US = 50_000
"""Age of the oldest unwritten fact from which new calls are refused with 503 (bounded queue)."""

TOLD = Answered | DialogChanged | Ended
"""Facts that the parties of a call know of already: a guard that is killed should too."""
RELIED_ON = Contained | Released | Accepted | Banned | Unbanned | Allowed | Disallowed
"""Facts that somebody was promised."""

Transmit = Callable[[Send], None]
Tell = Callable[[str, Verdict, int], None]
"""Takes the answer to an Ask: the attempt's id, the verdict, when."""
End = Callable[[str, str, str, int], bool]
"""Ends a call that doesn't pass the edge: id, leg, cause, when; False where there is none."""


class Guard:
    """Carries facts, verdicts and commands between the edge core, the engine and the ledger."""

    def __init__(self, engine: Engine, edge: EdgeCore, ledger: Ledger, clock: Clock) -> None:
        self.engine = engine
        self.edge = edge
        self.ledger = ledger
        self.clock = clock
        self.transmit: Transmit = lambda send: None
        """Set by the life cycle once the sockets are open."""
        self.hang_up: Callable[[int], None] = lambda flow: None
        """Likewise: closes a connection."""
        self.fetch: Callable[[str], None] = lambda url: None
        """Likewise: gets a certificate, and tells by `fetched` what came of it."""
        self.outside: list[End] = []
        """Of those who carry calls beside the edge."""
        self.told_ban: Callable[[Banned | Unbanned], None] = lambda fact: None
        """Likewise: has the firewall keep a ban too."""
        self.errors = 0
        """Attempts over which the engine stumbled."""
        self._awaited = False
        """Whether the ledger was given something that it wasn't yet told to hurry for."""
        self._told = False
        """Whether it was given something that should be committed soon."""
        self._why: dict[str, str] = {}
        """Why calls are being cut, by id."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at = 0

    # In: datagrams, commits, commands of people, time.

    def received(self, listener: str, batch: Iterable[tuple[bytes, str, int]], came_ns: int = 0) -> None:
        """Datagrams as (bytes, host, port), and when the first of them came in by the wall (nanoseconds, 0 unknown)."""
        self.edge.waited(self.clock.since_wall_us(came_ns))
        for data, host, port in batch:
            self.edge.receive(data, host, port, listener, self.clock.now())
            self._settle()
        self._rest()

    def admits(self, listener: str, host: str) -> Admitted:
        """Whether a connection from this address may be opened, and by whom."""
        found = self.edge.admits(listener, host, self.clock.now())
        if not found:
            self._rest()
        return found

    def is_proven(self, flow: int) -> bool:
        """Whether it is known who is at the far end of a connection."""
        return self.edge.is_proven(flow)

    def expected(self, listener: str, host: str, port: int) -> Expected:
        """Whom a connection to this address is made to."""
        return self.edge.expected(listener, host, port)

    def opened(
        self, flow: int, listener: str, host: str, port: int, *, dialled: bool, domains: tuple[str, ...]
    ) -> bool:
        """A connection is open; False where it has to be closed."""
        return self.edge.opened(flow, listener, host, port, dialled=dialled, domains=domains)

    def streamed(self, flow: int, messages: Iterable[bytes]) -> None:
        """Messages that came on a connection."""
        for data in messages:
            self.edge.take(flow, data, self.clock.now())
            self._settle()
        self._rest()

    def broken(self, flow: int, data: bytes, error: SipParseError) -> None:
        """A connection that can't be followed, from `data` on."""
        self.edge.broken(flow, data, error, self.clock.now())
        self._settle()

    def closed(self, flow: int) -> None:
        """A connection is gone."""
        self.edge.closed(flow, self.clock.now())
        self._settle()
        self._rest()

    def unsent(self, keys: Iterable[str]) -> None:
        """Requests that can't be sent."""
        for key in keys:
            self.edge.unsent(key, self.clock.now())
            self._settle()
        self._rest()

    def fetched(self, url: str, pem: bytes, why: str) -> None:
        """The certificate at a URL; `why` it couldn't be had."""
        self.edge.fetched(url, pem, why, self.clock.now())
        self._settle()
        self._rest()

    def ticked(self) -> None:
        """Do what is due."""
        now = self.clock.now()
        self.edge.tick(now)
        self._settle()  # What the edge ended in this moment the engine must not end again.
        self.obey(self.engine.apply(Tick(at=now), now=now))
        self._settle()
        self._rest()

    def cut(self, call: str, leg: str, cause: str) -> bool:
        """End a call by order of somebody; False if there is none."""
        if call not in self.engine.calls:
            return False
        self.obey((Cut(call, leg, cause, "ordered"),))
        self._settle()
        self._rest()
        return True

    def ended(self, call: str, talked_s: int) -> None:
        """A call that was redirected is over, by what somebody says who saw it."""
        self.note(Ended(at=self.clock.now(), id=call, cause="told", talked_s=talked_s))
        self._settle()
        self._rest()

    def in_force(self, loaded: Loaded, by: str) -> None:
        """Tell which policy decides from here on."""
        self.note(PolicyChanged(at=self.clock.now(), version=loaded.policy.version, by=by, places=loaded.places))

    def use(self, policy: Policy, secrets: Secrets) -> None:
        """Swap the policy, and the secrets of its accounts, between two calls."""
        self.engine.use(policy)
        self.edge.use(policy)
        self.edge.trust(secrets, self.clock.now())
        self.spare(self.clock.now())
        self._settle()
        self._rest()

    def spare(self, now: int) -> None:
        """Undo bans that would hit somebody who is never banned: that was otherwise when they were made."""
        banning = self.engine.banning
        for name in banning.bans.hitting(banning.spared):
            log.warning("%s isn't banned any more: the policy names it, or somebody allowed it", name)
            self.note(Unbanned(at=now, name=name, owner=OURSELVES))

    def stop(self) -> None:
        """The last facts before the ledger is closed."""
        self.edge.flush(self.clock.now())
        self._settle()

    def watch(self) -> None:
        """A few times a second: is the ledger late, has the wall moved on."""
        self.clock.follow_wall()
        late = self.ledger.down is None and self.ledger.oldest_pending_us(self.clock.now()) > LEDGER_LATE_US
        self.edge.overloaded(late)
        self.ticked()

    # Through: effects of the edge, until there are none.

    def _settle(self) -> None:
        while effects := self.edge.effects():
            for effect in effects:
                if isinstance(effect, Send):
                    self.transmit(effect)
                elif isinstance(effect, HangUp):
                    self.hang_up(effect.flow)
                elif isinstance(effect, Fetch):
                    self.fetch(effect.url)
                elif isinstance(effect, Message):
                    self._keep(effect)
                elif isinstance(effect, Note):
                    self.note(effect.fact)
                else:
                    self._ask(effect, self.edge.decided)

    # Through: those who carry calls beside the edge, and ask.

    def asked(self, ask: Ask, tell: Tell) -> None:
        """Decide for somebody else than the edge; `tell` may be called before this returns."""
        self._ask(ask, tell)

    def told(self, fact: Fact) -> None:
        """Something happened outside the edge."""
        self.note(fact)

    def rest(self) -> None:
        """That was all for now."""
        self._settle()
        self._rest()

    def _keep(self, effect: Message) -> None:
        self.ledger.store_message(
            StoredMessage(self.clock.now(), effect.attempt_id, effect.call_id, effect.direction, effect.data)
        )

    def contain(self, fact: Contained) -> None:
        """Restrict somebody from now on."""
        log.warning(
            "%s until %s, by %s: %s",
            words.contained(fact),
            words.moment(fact.until, self.engine.policy.time_zone),
            fact.owner,
            fact.why,
        )
        self.note(fact)

    def ban(self, fact: Banned) -> None:
        """Take nothing from an address from now on."""
        until = words.moment(fact.until, self.engine.policy.time_zone)
        log.warning("%s is banned until %s, by %s: %s", fact.name, until, fact.owner, words.plain(fact.why))
        self.note(fact)
        self.edge.banned(fact.at)

    def order(self, fact: RELIED_ON) -> None:
        """Somebody contains, releases, accepts, bans, allows."""
        if isinstance(fact, Contained):
            self.contain(fact)
        elif isinstance(fact, Banned):
            self.ban(fact)
        else:
            self.note(fact)
        if isinstance(fact, Allowed):
            self.spare(fact.at)
        self._settle()
        self._rest()

    def note(self, fact: Fact) -> None:
        """A fact: the engine knows it, the ledger keeps it, but for offences."""
        if isinstance(fact, Offended):
            self.obey(self.engine.apply(fact, now=self.clock.now()))
            return
        if isinstance(fact, Ended):
            fact = self._explained(fact)
        elif isinstance(fact, Enrolled):
            log.log(logging.INFO if _is_well(fact) else logging.WARNING, "%s", words.enrolled(fact))
        elif isinstance(fact, MediaMismatch):
            log.warning("%s", words.media_mismatch(fact))
        commands = self.engine.apply(fact, now=self.clock.now())
        self.ledger.append(fact)
        if isinstance(fact, Banned | Unbanned):
            self.told_ban(fact)
        if isinstance(fact, TOLD):
            self._told = True
        elif isinstance(fact, RELIED_ON):
            self._awaited = True
        self.obey(commands)

    def _ask(self, ask: Ask, tell: Tell) -> None:
        now = self.clock.now()
        decided = self._decide(ask, now)
        verdict = decided.verdict
        if self.ledger.down is not None:
            decided = self._unrecorded(decided, self.ledger.down)
            verdict = decided.verdict
        commands = self.engine.apply(decided, now=now)
        if verdict.outcome == "allow" and not verdict.emergency and self.ledger.down is None:
            self.ledger.append(decided, lambda error: self._committed(decided, tell, error))
            self._awaited = True
        else:
            self.ledger.append(decided)
            tell(ask.attempt.id, verdict, now)
        self.obey(commands)

    def _decide(self, ask: Ask, now: int) -> Decided:
        engine, attempt = self.engine, ask.attempt
        engine.apply(Attempted(at=now, attempt=attempt), now=now)
        try:
            judgement = engine.judge(attempt, now=now)
            reading = engine.meters.reserve(judgement.hold, now=now)
            hold, verdict = judgement.hold, engine.conclude(judgement, reading)
        except Exception as error:
            self.errors += 1
            log.exception("attempt %s could not be judged", attempt.id)
            hold, reading, verdict = self._stumbled(ask, now, str(error))
        return Decided(
            at=now,
            attempt=attempt,
            hold=hold,
            reading=reading,
            verdict=verdict,
            policy=engine.policy.version,
            numbers=numbering().version,
            edge=ask.edge,
        )

    def _stumbled(self, ask: Ask, now: int, why: str) -> tuple[Hold, Reading, Verdict]:
        """What becomes of an attempt that can't be judged: it is refused, unless it is an emergency call."""
        attempt, node, policy = ask.attempt, self.engine.node, self.engine.policy
        if not ask.emergency:
            return Hold(attempt.id, node, (), now), Reading(False, now, ()), failed(attempt, why)
        source = policy.sources[attempt.source or ""]
        number = DialPlan(source.plan).normalise(attempt.dialled)
        verdict = passed_unjudged(attempt, number, why, redirected_s(source))
        expires = now + verdict.ring_limit_s * SECOND + ANSWER_GRACE_US
        return Hold(attempt.id, node, (), expires), Reading(True, now, ()), verdict

    def _unrecorded(self, decided: Decided, why: str) -> Decided:
        """What is left of a verdict while it can't be kept (F6)."""
        trunk = self.engine.policy.trunks.get(decided.attempt.trunk)
        if trunk is None:
            return decided
        return _with(decided, when_down(decided.verdict, trunk, why))

    def _committed(self, decided: Decided, tell: Tell, error: str | None) -> None:
        """The verdict is in the ledger, or can't be."""
        now = self.clock.now()
        if error is not None:
            unrecorded = self._unrecorded(decided, error)
            if unrecorded is not decided:
                self.note(unrecorded)
                decided = unrecorded
        tell(decided.attempt.id, decided.verdict, now)
        self._settle()
        self._rest()

    def obey(self, commands: Iterable[Command]) -> None:
        """Carry out what the engine wants done."""
        for command in commands:
            if isinstance(command, Extend):
                self.note(self.engine.ask_more(command.hold, now=self.clock.now()))
            elif isinstance(command, Contain):
                self.contain(command.fact)
            elif isinstance(command, Cut):
                self._cut(command)
            elif isinstance(command, Ban):
                self.ban(command.fact)
            elif isinstance(command, Presume):
                at = self.clock.now()
                self.note(Ended(at=at, id=command.id, cause="presumed", talked_s=command.talked_s))
            elif isinstance(command, Alert):
                of = f" (call {command.id})" if command.id else ""
                log.warning("%s: %s%s", command.hit.rule, words.plain(command.hit.text), of)

    def _explained(self, fact: Ended) -> Ended:
        """With the reason, where it was the guard that ended the call."""
        why = self._why.pop(fact.id, "")
        return msgspec.structs.replace(fact, why=why) if why and fact.id in self.engine.calls else fact

    def _cut(self, command: Cut) -> None:
        if command.id in self.engine.calls:
            self._why[command.id] = command.text
        log.warning("call %s is cut, %s: %s", command.id, command.cause, command.text)
        now = self.clock.now()
        if not any(end(command.id, command.leg, command.cause, now) for end in (self.edge.cut, *self.outside)):
            self.note(Ended(at=now, id=command.id, leg=command.leg, cause=command.cause))

    # Out: the ledger is told to hurry once for a whole batch, and one timer.

    def _rest(self) -> None:
        if self._awaited:
            self.ledger.hurry()
        elif self._told:
            self.ledger.soon()
        self._awaited = self._told = False
        self._arm()

    def _arm(self) -> None:
        due, other = self.edge.due(), self.engine.due()
        if due is None or (other is not None and other < due):
            due = other
        if due is None or (self._timer is not None and self._armed_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_at = due
        delay_s = max(0, due - self.clock.now()) / SECOND
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._fired)

    def _fired(self) -> None:
        self._timer = None
        self.ticked()


def _is_well(fact: Enrolled) -> bool:
    return fact.state == "registered" and not fact.foreign


def _with(decided: Decided, verdict: Verdict) -> Decided:
    if verdict is decided.verdict:
        return decided
    return Decided(
        at=decided.at,
        attempt=decided.attempt,
        hold=decided.hold,
        reading=decided.reading,
        verdict=verdict,
        policy=decided.policy,
        numbers=decided.numbers,
        edge=decided.edge,
    )
