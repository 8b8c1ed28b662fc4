"""Incidents: suspect calls that belong together, told as one story.

A call is suspect where the evidence against it reaches `behaviour.alert`. It joins the open incident of its extension,
or one of its source that goes to the same area: attackers change extensions faster than destinations. Calls whose
caller ID isn't the source's name no extension, since whoever calls may choose it: all of them are one, under the empty
name. From then on every call of that extension which is refused belongs to the story too. An incident of which nothing
is heard for a day is over. Which incident a call belongs to is part of its verdict, so that all of this comes back from
the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ringfence.engine.lately import DAY_US, HOUR_US
from ringfence.engine.marks import area_of, is_foreign
from ringfence.engine.verdicts import suspicion
from ringfence.model.attempt import Attempt
from ringfence.model.fact import Accepted, Contained, Decided, Released
from ringfence.model.time import Instant
from ringfence.model.verdict import Verdict
from ringfence.rules import CONTAINED, words

QUIET_US = DAY_US
KEPT_US = 7 * DAY_US
"""How long an incident that is over can still be looked at."""
MAX_INCIDENTS = 500
MAX_SUSPECTS = 30
"""Calls of an incident that are kept; the ledger has all of them."""
MAX_EXTENSIONS = 50
MAX_HELD = 50
LONGEST = 64
"""Characters of an extension that are kept."""
SHOWN = 400
"""Characters of a story's sentence."""
CUT = "cut"
"""What became of a call that was let out and hung up later."""


class Suspect(msgspec.Struct, gc=False, array_like=True):
    """One suspect call."""

    at: Instant
    call: str
    extension: str
    """The part of the source that called, empty where nobody can say."""
    trunk: str
    peer: str
    digits: str
    region: str
    weight: int
    """All evidence against it."""
    refused: bool
    """Whether the evidence of rules that enforce refused it, or cut it."""
    abroad: bool
    """Whether it goes abroad: what is done about an incident only keeps from calling there."""
    text: str
    outcome: str = ""
    """For what it was refused, or CUT; empty where it was let out."""
    shown: str = ""
    """The caller ID, where that is all that is known of who called."""


class Incident(msgspec.Struct, gc=False):
    """One story."""

    id: str
    source: str
    opened: Instant
    last: Instant
    calls: int = 0
    """Calls that belong to it."""
    refused: int = 0
    """Those among them that were refused, for whatever reason."""
    weight: int = 0
    """The most evidence against one call."""
    state: Literal["open", "accepted"] = "open"
    since: Instant = 0
    """When somebody undid what was done about it: only what comes later counts for further steps."""
    held: list[str] = msgspec.field(default_factory=list)
    """What was contained for it, again and again."""
    extensions: list[str] = msgspec.field(default_factory=list)
    regions: dict[str, int] = msgspec.field(default_factory=dict)
    rules: dict[str, int] = msgspec.field(default_factory=dict)
    """Calls by the rules that weighed something."""
    suspects: list[Suspect] = msgspec.field(default_factory=list)
    """The latest."""

    def open(self, now: Instant) -> bool:
        """Whether calls still join it."""
        return self.state == "open" and now < self.last + QUIET_US

    def proved(self, since: Instant) -> Iterator[Suspect]:
        """Suspects that count for steps: calls abroad that the evidence refused or cut, after the last undoing."""
        return (one for one in self.suspects if one.refused and one.abroad and one.at > max(since, self.since))


class Incidents:
    """Of one engine."""

    def __init__(self) -> None:
        self._by_id: dict[str, Incident] = {}
        self._by_source: dict[str, dict[str, Incident]] = {}
        self._areas: dict[str, frozenset[str]] = {}
        """Areas that the suspects of each go to, by its id."""

    def __iter__(self) -> Iterator[Incident]:
        return iter(self._by_id.values())

    def get(self, incident_id: str) -> Incident | None:
        """One of them."""
        return self._by_id.get(incident_id)

    def of(self, attempt: Attempt, digits: str, now: Instant) -> Incident | None:
        """The open incident that a suspect call joins."""
        mine = self.of_source(attempt.source or "", now)
        if not mine:
            return None
        own = next((one for one in mine if attempt.part[:LONGEST] in one.extensions), None)
        if own is not None or not digits:
            return own
        area = area_of(digits)
        return next((one for one in mine if area in self._areas[one.id]), None)

    def decided(self, fact: Decided, digits: str, level: int) -> Incident | None:
        """Take note of a call that belongs to one; gives the incident if it is new. `level`: what refuses."""
        verdict = fact.verdict
        if not verdict.incident:
            return None
        incident = self._by_id.get(verdict.incident)
        opened = None
        if incident is None:
            opened = incident = self._opened(verdict.incident, fact.attempt.source or "", fact.at)
        incident.calls += 1
        incident.refused += verdict.outcome != "allow"
        if weight := suspicion(verdict.hits, enforced=False):
            self._suspected(incident, _suspect(fact, digits, weight, level))
            _count(incident.rules, {hit.rule for hit in verdict.hits if hit.weight})
            _count(incident.regions, {verdict.destination.number.region or "?"})
        return opened

    def cut(self, incident_id: str, suspect: Suspect, source: str) -> Incident:
        """A call was ended for the evidence against it while it was up."""
        incident = self._by_id.get(incident_id) or self._opened(incident_id, source, suspect.at)
        incident.calls += 1
        self._suspected(incident, suspect)
        _count(incident.regions, {suspect.region or "?"})
        return incident

    def _opened(self, incident_id: str, source: str, at: Instant) -> Incident:
        if len(self._by_id) >= MAX_INCIDENTS:
            oldest = min(self._by_id.values(), key=lambda one: (one.open(at), one.last))
            self._forget(oldest)
        found = Incident(incident_id, source, at, at)
        self._keep(found)
        return found

    def _keep(self, incident: Incident) -> None:
        self._by_id[incident.id] = incident
        self._by_source.setdefault(incident.source, {})[incident.id] = incident
        self._areas[incident.id] = _areas(incident)

    def _forget(self, incident: Incident) -> None:
        del self._by_id[incident.id]
        del self._areas[incident.id]
        mine = self._by_source[incident.source]
        del mine[incident.id]
        if not mine:
            del self._by_source[incident.source]

    def _suspected(self, incident: Incident, suspect: Suspect) -> None:
        incident.last = suspect.at
        incident.weight = max(incident.weight, suspect.weight)
        incident.suspects = [*incident.suspects[1 - MAX_SUSPECTS :], suspect]
        self._areas[incident.id] = _areas(incident)
        if suspect.extension not in incident.extensions and len(incident.extensions) < MAX_EXTENSIONS:
            incident.extensions.append(suspect.extension)

    def of_source(self, source: str, now: Instant) -> list[Incident]:
        """Those of a source that are open."""
        return [one for one in self._by_source.get(source, {}).values() if one.open(now)]

    def holding(self, call: str, source: str, now: Instant) -> Incident | None:
        """The one that a call is a suspect of, if it is among its latest."""
        mine = self.of_source(source, now)
        return next((one for one in mine if any(suspect.call == call for suspect in one.suspects)), None)

    def on_trunk(self, trunk: str, now: Instant) -> set[str]:
        """Sources with proved suspects on a trunk within the hour."""
        return {
            one.source
            for one in self._by_id.values()
            if one.open(now) and any(suspect.trunk == trunk for suspect in one.proved(now - HOUR_US))
        }

    def contained(self, fact: Contained) -> None:
        """A containment was made for one."""
        incident = self._by_id.get(fact.incident)
        if incident is not None:
            incident.held = [*incident.held[1 - MAX_HELD :], _key_of(fact)]

    def tell(self, incident: Incident, fact: Contained) -> bool:
        """Whether observe mode hasn't told of this step yet; it has now."""
        key = _key_of(fact)
        new = key not in incident.held
        incident.held = [*incident.held[1 - MAX_HELD :], key] if new else incident.held
        return new

    def released(self, fact: Released, undone: Contained) -> None:
        """A containment was undone by somebody: its incident begins to count anew, also how often it was made."""
        incident = self._by_id.get(undone.incident)
        if incident is not None:
            incident.since = fact.at
            incident.held = [key for key in incident.held if key != _key_of(undone)]

    def accepted(self, fact: Accepted) -> None:
        """One turned out to be business."""
        incident = self._by_id.get(fact.incident)
        if incident is not None:
            incident.state = "accepted"
            incident.held = []

    def reopened(self, undone: Accepted) -> Incident | None:
        """It wasn't business after all."""
        incident = self._by_id.get(undone.incident)
        if incident is not None:
            incident.state = "open"
        return incident

    def expire(self, now: Instant) -> None:
        """Forget what was over long ago."""
        for one in [one for one in self._by_id.values() if one.last + KEPT_US <= now]:
            self._forget(one)

    def dump(self) -> list[Incident]:
        """All of them, for a snapshot."""
        return list(self._by_id.values())

    def load(self, state: Any) -> None:
        """Take over what `dump` gave."""
        self._by_id, self._by_source, self._areas = {}, {}, {}
        for one in msgspec.convert(state, list[Incident]):
            self._keep(one)


def _areas(incident: Incident) -> frozenset[str]:
    return frozenset(area_of(suspect.digits) for suspect in incident.suspects if suspect.digits)


def _suspect(fact: Decided, digits: str, weight: int, level: int) -> Suspect:
    attempt, verdict = fact.attempt, fact.verdict
    return Suspect(
        at=fact.at,
        call=attempt.id,
        extension=attempt.part[:LONGEST],
        shown=caller_shown(attempt),
        trunk=attempt.trunk,
        peer=attempt.peer,
        digits=digits,
        region=verdict.destination.number.region,
        weight=weight,
        refused=refused_by_evidence(verdict, level),
        abroad=is_foreign(verdict.destination),
        text=story(verdict)[:SHOWN],
        outcome=verdict.reason if verdict.outcome != "allow" else "",
    )


def caller_shown(attempt: Attempt) -> str:
    """The caller ID of an attempt of which nothing else is known; empty otherwise."""
    return "" if attempt.part else attempt.extension[:LONGEST]


def refused_by_evidence(verdict: Verdict, level: int) -> bool:
    """Whether the evidence refused it, or would have if the policy didn't: what is contained already counts no more."""
    return suspicion(verdict.hits) >= level and verdict.reason != CONTAINED.slug


def story(verdict: Verdict) -> str:
    """What spoke against a call, the heaviest first."""
    weighed = sorted(((hit.weight, hit.text) for hit in verdict.hits if hit.weight), reverse=True)
    return "; ".join(text for _, text in weighed)


def opened_by(attempt_id: str) -> str:
    """The id of the incident that begins with an attempt."""
    return f"i-{attempt_id}"


def key_of(entity: str, name: str, *, slow: bool) -> str:
    """By what the same step is known again: `extension:pbx/101`."""
    return f"{words.ENTITIES.get(entity, entity)}:{name}{':slow' if slow else ''}"


def _key_of(fact: Contained) -> str:
    return key_of(fact.entity, fact.name, slow=fact.action == "slow")


def _count(counts: dict[str, int], keys: set[str]) -> None:
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
