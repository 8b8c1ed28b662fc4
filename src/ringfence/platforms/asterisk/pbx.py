"""One Asterisk without I/O and without a clock: events and verdicts in, effects out.

    pbx.take(event, now)                     one event of the manager interface
    pbx.admit(question, trunk, token, now)   a question of the hook in the dial plan
    pbx.decided(attempt_id, verdict, now)    the answer to an `Ask`
    pbx.cut(attempt_id, leg, cause, now)     an order to end a call
    pbx.joined(), pbx.found(listed, now)     a login, and every channel that there is then
    pbx.tick(now, rows), pbx.effects()

A call is one number that one channel dials on a trunk; each channel to the trunk is a leg of it. Its verdict is kept by
that as long as the channel is there, so that the hook may ask again, and what it asked about is known when it is
dialled. Nothing gets by DialBegin: every Dial(), Originate and call file has one before anything rings. What nobody
asked about before is asked then, and hung up if it may not be. A leg that ends unanswered leaves the call a moment,
since the dial plan tries the next trunk then: that is the same attempt. An end is told once: of a leg when its channel
hangs up, of a call without one when the channel that dials does, or when that moment is over.

What happens while the connection is down isn't told again. So after each login all channels are listed: what isn't
there has ended, what is there and nobody knows is judged as if it were dialled now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ringfence.model.attempt import Attempt
from ringfence.model.fact import Answered, Arrived, Ended
from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.model.time import SECOND, Instant
from ringfence.model.verdict import Verdict
from ringfence.platforms.asterisk.ami import Message
from ringfence.platforms.asterisk.attempts import Attempts, Said, said_by
from ringfence.platforms.asterisk.calls import Book, Call, Channel, Leg
from ringfence.platforms.asterisk.effects import Ask, Effect, HangUp, Note, Tell
from ringfence.platforms.asterisk.hook import Question
from ringfence.platforms.asterisk.names import dialled_by, endpoint_of, known, number_in
from ringfence.platforms.asterisk.security import Security

NEXT_TRUNK = 3 * SECOND
"""How long a call whose leg failed waits for the dial plan to try again."""
REFUSED, CLEARED = 21, 16
"""Q.850 causes: Call Rejected, Normal Clearing."""
RINGS_IN, UP = "4", "6"
"""States of a channel that came in, and of one that is answered."""
CAUSES = {"BUSY": "rejected", "CONGESTION": "rejected", "CHANUNAVAIL": "rejected", "NOANSWER": "no-answer"}
"""Why a leg failed, by DialStatus."""


class Pbx:
    """One Asterisk under one policy."""

    def __init__(self, settings: Asterisk, source: Source, trunks: dict[str, Trunk], node: str) -> None:
        self.attempts = Attempts(settings, source, trunks, node)
        self.security = Security(settings.name, source.name)
        self.counters: dict[str, int] = {}
        self._book = Book()
        self._out: list[Effect] = []
        self._takes: dict[str, Callable[[Message, Instant], None]] = {
            "Newchannel": self._new_channel,
            "Newstate": self._new_state,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "HangupRequest": self._hangup_request,
            "Hangup": self._hangup,
            "BlindTransfer": self._transferred,
            "Cdr": self._cdr,
        }

    def use(self, settings: Asterisk, source: Source, trunks: dict[str, Trunk]) -> None:
        """Another policy for what comes."""
        self.attempts.use(settings, source, trunks)
        self.security.source = source.name

    # In.

    def take(self, event: Message, now: Instant) -> None:
        """One event."""
        take = self._takes.get(event.event)
        if take is not None:
            take(event, now)
        elif event["service"]:
            self._out += [Note(fact) for fact in self.security.take(event, now)]

    def admit(self, question: Question, trunk: str, token: int, now: Instant) -> None:
        """May this channel dial this number on this trunk of the policy? The answer is a `Tell` with this token."""
        channel = self._book.channel(question.uid, question.channel, question.linked)
        call = self._same(channel, self.attempts.canonical(question.number, trunk), trunk)
        if call is None:
            said = Said(question.caller, question.label, question.peer, question.user_agent)
            call = self._asked(channel, question.number, trunk, said, now)
        call.wake = 0
        if call.state == "asked":
            call.tokens.append(token)
        else:
            self._out.append(Tell(token, call.verdict))

    def decided(self, attempt_id: str, verdict: Verdict, now: Instant) -> None:
        """The answer to an Ask."""
        call = self._book.calls.get(attempt_id)
        if call is not None:
            told = verdict if call.state == "asked" else None
            self._out += [Tell(token, told) for token in call.tokens]
            call.tokens.clear()
        if call is None or call.state == "over":
            self._book.calls.pop(attempt_id, None)
            if verdict.outcome == "allow":
                self._note(Ended(at=now, id=attempt_id, cause="cancelled"))
            return
        call.verdict = verdict
        if verdict.outcome != "allow":
            call.state = "refused"
            self._refuse(call)
            return
        call.state = "allowed"
        for leg in call.answered:
            self._note(Answered(at=now, id=attempt_id, leg=leg.uid))

    def cut(self, attempt_id: str, leg: str, cause: str, now: Instant) -> bool:
        """End a call, or one leg of it; False where there is nothing whose end Asterisk would tell."""
        call = self._book.calls.get(attempt_id)
        if call is None or call.state != "allowed" or (leg and leg not in call.legs):
            return False
        if not call.legs and not self._book.name(call.uid):
            self._book.drop(call)
            return False
        call.cause = cause
        self._end(call, CLEARED, leg)
        return True

    def joined(self) -> None:
        """A connection is up."""
        self._book.session += 1

    def found(self, listed: Iterable[Message], now: Instant) -> None:
        """Every channel that there is, as CoreShowChannels and Status list them."""
        book, rows = self._book, _by_channel(listed)
        for uid, row in rows.items():
            book.channel(uid, row["channel"], row["linkedid"])
        for call in [call for call in book.calls.values() if call.session < book.session]:
            self._found_call(call, rows, now)
        for uid, row in rows.items():
            if uid not in book.legs:
                self._found_channel(row, rows, now)
        for channel in [channel for channel in book.channels.values() if channel.session < book.session]:
            del book.channels[channel.uid]
            self._channel_gone(channel, "lost", now)

    def restore(self, attempt: Attempt, legs: Iterable[str]) -> None:
        """A call of the time before a restart, and the channels to the trunk that had answered."""
        call = Call(attempt, self.attempts.canonical(attempt.dialled, attempt.trunk))
        call.state = "allowed"
        self._book.enter(call, self._book.channel(call.uid))
        for uid in legs:
            leg = Leg(uid, "")
            leg.answered = True
            self._book.attach(call, leg)

    def tick(self, now: Instant, rows: int) -> None:
        """Do what is due; `rows`: strangers that get one of their own."""
        for call in [call for call in self._book.calls.values() if call.wake and call.wake <= now]:
            self._over(call, call.cause or call.failed, now)
        self._out += [Note(fact) for fact in self.security.tick(now, rows)]

    # Out.

    def effects(self) -> list[Effect]:
        """What has to be done; taken once."""
        out, self._out = self._out, []
        return out

    def status(self) -> dict[str, int]:
        """Sizes of the tables and counts since start."""
        book = self._book
        return {
            "channels": len(book.channels),
            "calls": len(book.calls),
            "channels_forgotten": book.forgotten,
            **self.counters,
        }

    # Channels.

    def _new_channel(self, event: Message, now: Instant) -> None:
        channel = self._book.channel(event["uniqueid"], event["channel"], event["linkedid"])
        channel.exten = event["exten"]
        trunk = self.attempts.trunk_of(channel.endpoint)
        if trunk is not None and event["channelstate"] == RINGS_IN:
            self._arrived(channel, trunk, event, now)

    def _arrived(self, channel: Channel, trunk: str, event: Message, now: Instant) -> None:
        """An inbound call."""
        channel.inbound, caller = f"{self.attempts.new_id(now)}-in", known(event["calleridnum"])
        self._note(
            Arrived(
                at=now,
                id=channel.inbound,
                source=self.attempts.source.name,
                trunk=trunk,
                caller=self.attempts.digits(caller) or caller,
                dialled=channel.exten,
            )
        )

    def _new_state(self, event: Message, now: Instant) -> None:
        channel = self._book.channels.get(event["uniqueid"])
        if channel is not None and channel.inbound and event["channelstate"] == UP:
            self._note(Answered(at=now, id=channel.inbound, leg=channel.uid))

    def _transferred(self, event: Message, now: Instant) -> None:
        """Who is transferred dials for who transferred (control C10)."""
        if event["result"] != "Success":
            return
        uid, name = event["transfereeuniqueid"], event["transfereechannel"]
        channel = self._book.channel(uid, name, event["transfereelinkedid"])
        channel.forwarder = endpoint_of(event["transfererchannel"]) or known(event["transferercalleridnum"])
        self._count("transferred")

    def _channel_gone(self, channel: Channel, cause: str, now: Instant) -> None:
        if channel.inbound:
            self._note(Ended(at=now, id=channel.inbound, cause=cause))
        for call in list(channel.calls):
            if call.state == "asked":
                call.state = "over"
            elif call.state == "refused":
                self._book.drop(call)
            elif not call.answered:
                self._over(call, call.cause or call.failed or ("lost" if cause == "lost" else "cancelled"), now)

    # Calls.

    def _dial_begin(self, event: Message, now: Instant) -> None:
        trunk = self.attempts.trunk_of(endpoint_of(event["destchannel"]))
        if trunk is not None:
            leg = Leg(event["destuniqueid"], event["destchannel"])
            channel = self._book.channel(event["uniqueid"] or leg.uid, event["channel"], event["linkedid"])
            self._dials(channel, leg, number_in(event["dialstring"]), trunk, event, now)

    def _dials(self, channel: Channel, leg: Leg, number: str, trunk: str, event: Message, now: Instant) -> Call:
        """A channel to a trunk is there: whose call is it, and may it be?"""
        call = self._same(channel, self.attempts.canonical(number, trunk), trunk)
        if call is None:
            call = self._asked(channel, number, trunk, said_by(event), now)
            self._count("not_asked_before")
        self._book.attach(call, leg)
        if call.state == "refused":
            self._refuse(call)
        return call

    def _same(self, channel: Channel, number: str, trunk: str) -> Call | None:
        """The call that this channel makes to this number already, if this is the same attempt."""
        for call in channel.calls:
            if (call.number, call.attempt.trunk) == (number, trunk) and call.state != "over" and not call.answered:
                return call
        return None

    def _asked(self, channel: Channel, number: str, trunk: str, said: Said, now: Instant) -> Call:
        canonical, who = self.attempts.canonical(number, trunk), self.attempts.who(self._book, channel, said)
        said = said._replace(peer=said.peer or self.security.peer_of(who.extension))
        attempt = self.attempts.made(who, channel, number, trunk, said, self._id_of(channel, canonical, now))
        call = Call(attempt, canonical)
        self._book.enter(call, channel)
        self._out.append(Ask(attempt, self.attempts.is_emergency(attempt)))
        return call

    def _id_of(self, channel: Channel, number: str, now: Instant) -> str:
        """An id of its own; the next trunk in line, after one that failed or was refused, is the same attempt."""
        for call in channel.calls:
            if call.number == number and not call.legs and call.state in ("allowed", "refused"):
                return call.id
        return self.attempts.new_id(now)

    def _dial_end(self, event: Message, now: Instant) -> None:
        call = self._book.legs.get(event["destuniqueid"])
        if call is None:
            return
        leg = call.legs[event["destuniqueid"]]
        if event["dialstatus"] == "ANSWER":
            self._leg_answered(call, leg, now)
        else:
            self._leg_failed(call, leg, CAUSES.get(event["dialstatus"], "cancelled"), now)

    def _leg_answered(self, call: Call, leg: Leg, now: Instant) -> None:
        if not leg.answered:
            leg.answered = True
            if call.state == "allowed":
                self._note(Answered(at=now, id=call.id, leg=leg.uid))

    def _leg_failed(self, call: Call, leg: Leg, cause: str, now: Instant) -> None:
        self._book.detach(call, leg)
        if not call.legs and call.state == "allowed":
            call.wake, call.failed = now + NEXT_TRUNK, cause

    def _hangup_request(self, event: Message, now: Instant) -> None:
        call = self._book.legs.get(event["uniqueid"])
        if call is not None:
            call.legs[event["uniqueid"]].left = True

    def _hangup(self, event: Message, now: Instant) -> None:
        uid = event["uniqueid"]
        call = self._book.legs.get(uid)
        if call is not None:
            leg = call.legs[uid]
            self._leg_gone(call, leg, call.cause or ("bye-callee" if leg.left else "bye-caller"), now)
        channel = self._book.channels.pop(uid, None)
        if channel is not None:
            self._channel_gone(channel, "bye-caller", now)

    def _leg_gone(self, call: Call, leg: Leg, cause: str, now: Instant) -> None:
        if not leg.answered or call.state != "allowed":
            self._leg_failed(call, leg, "rejected", now)
            return
        self._book.detach(call, leg)
        self._note(Ended(at=now, id=call.id, leg=leg.uid, cause=cause))
        if not call.legs:
            self._book.drop(call)

    def _over(self, call: Call, cause: str, now: Instant) -> None:
        self._note(Ended(at=now, id=call.id, cause=cause))
        self._book.drop(call)

    def _refuse(self, call: Call) -> None:
        """Hang up what was dialled though it may not be."""
        if call.legs:
            self._count("hung_up")
            self._end(call, REFUSED)

    def _end(self, call: Call, cause: int, leg: str = "") -> None:
        """Hang up: the channel to the trunk of what is up, else the channel that dials."""
        up = [each.channel for each in call.answered if leg in ("", each.uid)]
        dialling = self._book.name(call.uid) or next((each.channel for each in call.legs.values()), "")
        self._out += [HangUp(channel, cause) for channel in up or [dialling] if channel]

    def _cdr(self, event: Message, now: Instant) -> None:
        """An answered call to a trunk that no event told of: a gap that people have to know of."""
        trunk = self.attempts.trunk_of(endpoint_of(event["destinationchannel"]))
        if trunk is not None and event["disposition"] == "ANSWERED" and event["uniqueid"] not in self._book.dialled:
            self._count("unseen")

    # After a login.

    def _found_call(self, call: Call, rows: dict[str, Message], now: Instant) -> None:
        """A call that was there before: which of its channels still are?"""
        call.session = self._book.session
        for leg in list(call.legs.values()):
            row = rows.get(leg.uid)
            if row is None:
                self._leg_gone(call, leg, call.cause or "lost", now)
                continue
            leg.channel = row["channel"]
            if row["channelstate"] == UP:
                self._leg_answered(call, leg, now)
        if call.cause and call.legs:
            self._end(call, CLEARED)

    def _found_channel(self, row: Message, rows: dict[str, Message], now: Instant) -> None:
        """A channel that nobody told of: one to a trunk is a call like any, one from there an inbound call.

        What came in has dialled something: DNID. What was sent out hasn't.
        """
        channel = self._book.channel(row["uniqueid"])
        trunk = self.attempts.trunk_of(channel.endpoint)
        if trunk is None or channel.inbound:
            return
        if row["dnid"]:
            channel.exten = row["dnid"]
            self._arrived(channel, trunk, row, now)
            return
        dialler, string = _dialler_of(row, rows, channel.endpoint)
        leg, by = Leg(row["uniqueid"], row["channel"]), self._book.channel(dialler["uniqueid"])
        call = self._dials(by, leg, number_in(string) or known(row["calleridnum"]), trunk, dialler, now)
        if row["channelstate"] == UP:
            self._leg_answered(call, leg, now)

    # Helpers.

    def _note(self, fact: Answered | Arrived | Ended) -> None:
        self._out.append(Note(fact))

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1


def _by_channel(listed: Iterable[Message]) -> dict[str, Message]:
    """One row a channel, of all that was listed of it."""
    rows: dict[str, Message] = {}
    for row in listed:
        before = rows.get(row["uniqueid"])
        rows[row["uniqueid"]] = Message((*row.pairs, *(before.pairs if before is not None else ())))
    return rows


def _dialler_of(row: Message, rows: dict[str, Message], endpoint: str) -> tuple[Message, str]:
    """The channel whose Dial() this channel to an endpoint is, and what it dialled; else itself, and nothing."""
    for each in rows.values():
        string = dialled_by(each["application"], each["applicationdata"], endpoint)
        if string and each["linkedid"] == row["linkedid"]:
            return each, string
    return row, ""
