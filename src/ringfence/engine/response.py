"""What is done about suspect calls, beyond refusing them: incidents, containments, calls in progress.

a suspect call   joins or opens an incident; other calls of its extension that are up are weighed again by what
                 is known now; the incident's next steps become containments
a containment    ends the calls in progress that it is to end
time             weighs calls that are up for long
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ringfence.engine.containments import Subject, covers
from ringfence.engine.destinations import digits_of
from ringfence.engine.incidents import (
    CUT,
    LONGEST,
    Incident,
    Suspect,
    caller_shown,
    opened_by,
    refused_by_evidence,
)
from ringfence.engine.judging import Judge, Memory
from ringfence.engine.live import Live, cut_call
from ringfence.engine.marks import ABROAD
from ringfence.engine.pardon import pardon
from ringfence.engine.steps import Steps
from ringfence.engine.verdicts import suspicion
from ringfence.model import Accepted, Alert, Command, Contain, Contained, Decided, Ended, Hit, Instant, Released
from ringfence.model.settings import Policy
from ringfence.rules import CONTAINED, SUSPICIOUS, words

INCIDENT = "incident"
"""What the alert of a new incident is called."""


class Response:
    """Of one engine; `calls` are its calls in progress, by id."""

    def __init__(self, memory: Memory, calls: Mapping[str, Live]) -> None:
        self._containments = memory.containments
        self._behaviour = memory.behaviour
        self._incidents = memory.incidents
        self._acceptances = memory.acceptances
        self._calls = calls

    def use(self, policy: Policy, judge: Judge) -> None:
        """Act under a policy."""
        self._policy = policy
        self._judge = judge
        self._steps = Steps(policy, self._incidents, self._containments)

    # What happened.

    def decided(self, fact: Decided, now: Instant) -> list[Command]:
        """A call was judged."""
        level = self._policy.behaviour.block
        opened = self._incidents.decided(fact, digits_of(fact.verdict.destination.number), level)
        commands: list[Command] = [_told(opened, fact)] if opened is not None else []
        incident = self._incidents.get(fact.verdict.incident) if fact.verdict.incident else None
        if incident is not None and refused_by_evidence(fact.verdict, level):
            commands += self._next(incident, now)
            commands += self._weigh_others(fact, now)
        return commands

    def ended(self, fact: Ended, live: Live) -> list[Command]:
        """A call is over; one that was cut for the evidence against it belongs to an incident."""
        if fact.cause != SUSPICIOUS.slug:
            return []
        attempt = live.attempt
        suspect = Suspect(
            at=fact.at,
            call=attempt.id,
            extension=attempt.part[:LONGEST],
            shown=caller_shown(attempt),
            trunk=attempt.trunk,
            peer=attempt.peer,
            digits=live.e164,
            region=live.region,
            weight=self._policy.behaviour.block,
            refused=True,
            abroad=live.klass in ABROAD,
            text=fact.why,
            outcome=CUT,
        )
        joined = self._incidents.of(attempt, live.e164, fact.at)
        name = joined.id if joined is not None else opened_by(attempt.id)
        return self._next(self._incidents.cut(name, suspect, attempt.source or ""), fact.at)

    def contained(self, fact: Contained) -> list[Command]:
        """A containment is in force from now on."""
        known = self._containments.get(fact.id)
        self._containments.add(fact)
        if known is None or known.until <= fact.at:
            self._incidents.contained(fact)
        return self._cuts(fact)

    def released(self, fact: Released) -> list[Command]:
        """A containment was undone; or an acceptance, and then its incident goes on where it was."""
        undone = self._containments.release(fact.id)
        if undone is not None:
            pardon(self._behaviour, undone)
            self._incidents.released(fact, undone)
        accepted = self._acceptances.release(fact.id)
        incident = self._incidents.reopened(accepted) if accepted is not None else None
        return self._next(incident, fact.at) if incident is not None else []

    def accepted(self, fact: Accepted) -> None:
        """An incident is business: what was contained for it is free again."""
        self._acceptances.add(fact)
        self._incidents.accepted(fact)
        for contained in self._containments.of(fact.incident):
            self._containments.release(contained.id)
            pardon(self._behaviour, contained)

    def rearm(self, now: Instant) -> list[Command]:
        """After recovery: what should have been done, had the process lived."""
        commands = [command for fact in self._containments for command in self._cuts(fact)]
        for incident in list(self._incidents):
            commands += self._next(incident, now)
        return commands

    def expire(self, now: Instant) -> None:
        """Forget what has come to its end."""
        self._containments.expire(now)
        self._acceptances.expire(now)
        self._incidents.expire(now)

    # Calls in progress.

    def weigh(self, live: Live, now: Instant) -> list[Command]:
        """Cut a call whose evidence has come to what refuses."""
        hits = self._judge.weigh(live.attempt, now)
        score, level = suspicion(hits), self._policy.behaviour.block
        if score < level:
            return []
        text = SUSPICIOUS.find(score, level, [(hit.weight, hit.text) for hit in hits if hit.weight]).text
        return cut_call(live, SUSPICIOUS.slug, text)

    def _weigh_others(self, fact: Decided, now: Instant) -> list[Command]:
        """What an extension did before its call was refused looks different now."""
        attempt = fact.attempt
        party = attempt.source, attempt.part
        others = [
            live
            for live in self._calls.values()
            if live.klass in ABROAD and (live.attempt.source, live.attempt.part) == party and self._new(live)
        ]
        return [command for live in others for command in self.weigh(live, now)]

    def _cuts(self, fact: Contained) -> list[Command]:
        if not fact.cut:
            return []
        covered = [live for live in self._calls.values() if self._covers(fact, live)]
        text = f"{words.contained(fact)} by {fact.owner}: {fact.why}"
        chosen = [live for live in covered if fact.cut == "all" or self._new(live)]
        return [command for live in chosen for command in cut_call(live, CONTAINED.slug, text)]

    def _covers(self, fact: Contained, live: Live) -> bool:
        source = self._policy.sources.get(live.attempt.source or "")
        if source is None or live.emergency:
            return False
        return covers(fact, Subject(live.attempt, source.tenant or "", live.klass, live.e164, live.region))

    def _new(self, live: Live) -> bool:
        """Whether it goes to a number that nobody at the source is used to."""
        call = self._behaviour.open.get(live.attempt.id)
        return call is not None and not call.known

    # Steps.

    def _next(self, incident: Incident, now: Instant) -> list[Command]:
        due = self._steps.due(incident, now)
        if self._policy.containment.mode == "enforce":
            return [Contain(fact) for fact in due]
        return list(self._observed(incident, due))

    def _observed(self, incident: Incident, due: Iterable[Contained]) -> Iterable[Command]:
        """What would have been done, told once."""
        for fact in due:
            text = f"would have been done in incident {incident.id}: {words.contained(fact)}: {fact.why}"
            if self._incidents.tell(incident, fact):
                yield Alert(incident.id, Hit(rule=CONTAINED.slug, severity="alert", text=text, enforced=False))


def _told(incident: Incident, fact: Decided) -> Alert:
    who = words.caller(incident.source, fact.attempt)
    text = f"incident {incident.id} begins with a call of {who}: {incident.suspects[-1].text}"
    return Alert(fact.attempt.id, Hit(rule=INCIDENT, severity="alert", text=text, enforced=False))
