"""An Asterisk played to `Pbx`: recorded events or written ones in, effects out."""

from __future__ import annotations

from collections.abc import Iterable

from ringfence.model.attempt import Attempt, Destination
from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.model.time import SECOND
from ringfence.model.verdict import Outcome, Verdict
from ringfence.numbers import DialPlan
from ringfence.numbers.settings import PlanSettings
from ringfence.platforms.asterisk.ami import Message
from ringfence.platforms.asterisk.effects import Ask, Effect, HangUp, Note
from ringfence.platforms.asterisk.pbx import Pbx

PLAN = PlanSettings(home="US")
NOW = 1_796_000_000 * SECOND


def asterisk(**trunks: str) -> Asterisk:
    return Asterisk(
        name="pbx", host="127.0.0.1", port=5038, secret="", source="office", trunks=trunks or {"trunk1": "carrier"}
    )


def pbx(*, tech_prefix: str = "", **trunks: str) -> Pbx:
    settings = asterisk(**trunks)
    known = {name: Trunk(name=name, tech_prefix=tech_prefix) for name in settings.trunks.values()}
    source = Source(name="office", zone="internal", trunks=tuple(known), plan=PLAN)
    return Pbx(settings, source, known, "node")


def verdict(attempt: Attempt, outcome: Outcome) -> Verdict:
    number = DialPlan(PLAN).for_call(attempt.dialled)
    return Verdict(
        outcome=outcome,
        reason="",
        text="",
        sip_status=0,
        public_text="",
        hits=(),
        destination=Destination(number=number, klass="domestic", risk=0, price=None),
        emergency=False,
        send_user="",
        send_caller=None,
    )


class Played:
    """A Pbx with a firewall that allows everything but what `refuses` names by its canonical number."""

    def __init__(self, pbx: Pbx, *refuses: str, late: bool = False) -> None:
        """`late`: nothing is decided before `decide`."""
        self.pbx = pbx
        self.refuses = refuses
        self.now = NOW
        self.late = late
        self.effects: list[Effect] = []
        self.waiting: list[Attempt] = []

    def take(self, *events: Message) -> Played:
        """Events, one after the other."""
        for event in events:
            self.pbx.take(event, self.now)
            self._settle()
        return self

    def found(self, listed: Iterable[Message]) -> Played:
        """A login and what is listed then."""
        self.pbx.joined()
        self.pbx.found(listed, self.now)
        self._settle()
        return self

    def wait(self, seconds: float) -> Played:
        """Time passes."""
        self.now += round(seconds * SECOND)
        self.pbx.tick(self.now, 100)
        self._settle()
        return self

    def cut(self, attempt: Attempt, leg: str = "") -> bool:
        """An order to end a call."""
        done = self.pbx.cut(attempt.id, leg, "operator", self.now)
        self._settle()
        return done

    def decide(self) -> None:
        """Give the verdicts that are waited for."""
        waiting, self.waiting = self.waiting, []
        for attempt in waiting:
            digits = DialPlan(PLAN).for_call(attempt.dialled).e164
            outcome: Outcome = "deny" if digits in self.refuses else "allow"
            self.pbx.decided(attempt.id, verdict(attempt, outcome), self.now)
        self._settle()

    def _settle(self) -> None:
        while new := self.pbx.effects():
            self.effects += new
            self.waiting += [effect.attempt for effect in new if isinstance(effect, Ask)]
            if not self.late and self.waiting:
                self.decide()

    @property
    def asked(self) -> list[Attempt]:
        return [effect.attempt for effect in self.effects if isinstance(effect, Ask)]

    @property
    def hung_up(self) -> list[tuple[str, int]]:
        return [(effect.channel, effect.cause) for effect in self.effects if isinstance(effect, HangUp)]

    def told(self) -> list[str]:
        """Kinds of facts with leg and cause where they have them."""
        facts = [effect.fact for effect in self.effects if isinstance(effect, Note)]
        return [
            " ".join(str(part) for part in (type(f).__name__, getattr(f, "leg", ""), getattr(f, "cause", "")) if part)
            for f in facts
        ]


def event(name: str, **pairs: str) -> Message:
    """An event; `_` in a key is a hyphen."""
    return Message([("Event", name), *((key.replace("_", "-"), value) for key, value in pairs.items())])


def begin(
    uid: str = "1.0",
    leg: str = "1.1",
    number: str = "12125550143",
    trunk: str = "trunk1",
    caller: str = "1001",
    channel: str = "",
    linked: str = "",
) -> Message:
    """A DialBegin."""
    return event(
        "DialBegin",
        Channel=channel or f"PJSIP/{caller}-{uid}",
        Uniqueid=uid,
        Linkedid=linked or uid,
        CallerIDNum=caller,
        DestChannel=f"PJSIP/{trunk}-{leg}",
        DestUniqueid=leg,
        DialString=f"{number}@{trunk}",
    )


def end(leg: str = "1.1", status: str = "ANSWER", uid: str = "1.0") -> Message:
    """A DialEnd."""
    return event("DialEnd", Uniqueid=uid, DestUniqueid=leg, DialStatus=status)


def hangup(uid: str) -> Message:
    """A Hangup."""
    return event("Hangup", Uniqueid=uid, Cause="16")


def listed(
    channel: str, uid: str, *, linked: str = "", up: bool = True, runs: str = "", dnid: str = "", caller: str = ""
) -> list[Message]:
    """A channel as CoreShowChannels and Status list it; `runs`: the dial string of its Dial()."""
    own = {"Channel": channel, "Uniqueid": uid, "Linkedid": linked or uid, "ChannelState": "6" if up else "5"}
    application = ("Dial", f"{runs},30") if runs else ("AppDial", "(Outgoing Line)")
    core = event(
        "CoreShowChannel",
        **own,
        CallerIDNum=caller,
        Application=application[0],
        ApplicationData=application[1],
    )
    return [core, event("Status", **own, DNID=dnid, CallerIDNum=caller)]
