"""What is done about an incident by itself, narrowest first (controls F1, F2).

    one number refused     the extension is slowed down, the source is refused the range of the number
    three                  the extension may call no new number abroad, and its calls to such are cut
    five extensions        the source may call no new number abroad

Where only a caller ID is known that whoever calls may have chosen, to contain it would leave him the next: the source
is the narrowest that is known, and is taken in the place of an extension. The numbers are the policy's. Trunk and
address are only taken where it says so: they are levers for an attacker too. A range or extension that is contained
again stays so twice as long, up to a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ringfence.engine.containments import Containments, host_of
from ringfence.engine.incidents import Incident, Incidents, Suspect, key_of
from ringfence.engine.lately import DAY_US, HOUR_US
from ringfence.engine.marks import block_of
from ringfence.model.fact import NEW, Contained, Entity
from ringfence.model.settings import Policy
from ringfence.model.time import SECOND, Instant

MINUTE_US = 60 * SECOND
OWNER = "ringfence"
"""Who made what nobody ordered."""


class Step(NamedTuple):
    """One restriction."""

    entity: Entity
    name: str
    within: str
    slow: bool
    cut: bool
    why: str


class Steps:
    """Under one policy."""

    def __init__(self, policy: Policy, incidents: Incidents, containments: Containments) -> None:
        self._policy = policy
        self._settings = policy.containment
        self._incidents = incidents
        self._containments = containments

    def due(self, incident: Incident, now: Instant) -> list[Contained]:
        """Containments that an incident asks for and that aren't in force."""
        if self._settings.mode == "off" or not incident.open(now):
            return []
        return [self._contained(incident, step, now) for step in self._asked(incident, now) if self._free(step, now)]

    def _free(self, step: Step, now: Instant) -> bool:
        return not self._containments.holds(step.entity, step.name, step.within, slow=step.slow, now=now)

    def _contained(self, incident: Incident, step: Step, now: Instant) -> Contained:
        key = key_of(step.entity, step.name, slow=step.slow)
        before = incident.held.count(key)
        hold = min(self._settings.hold_min * MINUTE_US * 2 ** min(before, 8), DAY_US)
        return Contained(
            at=now,
            id=f"{incident.id}:{key}",
            entity=step.entity,
            name=step.name,
            klass="" if step.entity in ("prefix", "address") else NEW,
            within=step.within,
            action="slow" if step.slow else "refuse",
            cut="new" if step.cut and self._settings.cut_calls else "",
            incident=incident.id,
            owner=OWNER,
            why=step.why,
            until=now + hold,
        )

    def _asked(self, incident: Incident, now: Instant) -> Iterator[Step]:
        proved = list(incident.proved(now - DAY_US))
        if not proved:
            return
        yield from self._of_ranges(incident, proved)
        yield from self._of_extensions(incident, proved)
        yield from self._of_callers(incident, proved)
        yield from self._of_source(incident, now)
        yield from self._of_trunks(proved, now)
        yield from self._of_addresses(incident, proved)

    def _of_ranges(self, incident: Incident, proved: list[Suspect]) -> Iterator[Step]:
        for block, count in _numbers(proved, lambda suspect: block_of(suspect.digits)):
            if _reached(count, self._settings.refuse_range):
                why = f"{_counted(count)} of {incident.source} refused"
                yield Step("prefix", f"+{block}", incident.source, False, False, why)

    def _of_extensions(self, incident: Incident, proved: list[Suspect]) -> Iterator[Step]:
        for extension, count in _numbers(proved, lambda suspect: suspect.extension):
            name, why = f"{incident.source}/{extension}", f"{_counted(count)} refused"
            if _reached(count, self._settings.quarantine_extension):
                yield Step("caller", name, "", False, True, why)
            elif _reached(count, self._settings.slow_down):
                yield Step("caller", name, "", True, False, why)

    def _of_callers(self, incident: Incident, proved: list[Suspect]) -> Iterator[Step]:
        """Of calls that name no extension, by the numbers that count for one."""
        count = len({suspect.digits for suspect in proved if not suspect.extension})
        why = f"{_counted(count)} refused to callers that aren't the source's own"
        if not count or self._settings.quarantine_source is None:
            return
        if _reached(count, self._settings.quarantine_extension):
            yield Step("source", incident.source, "", False, True, why)
        elif _reached(count, self._settings.slow_down):
            yield Step("source", incident.source, "", True, False, why)

    def _of_source(self, incident: Incident, now: Instant) -> Iterator[Step]:
        recent = [
            suspect
            for one in self._incidents.of_source(incident.source, now)
            for suspect in one.proved(max(now - HOUR_US, incident.since))
        ]
        extensions = len({suspect.extension for suspect in recent if suspect.extension})
        if _reached(extensions, self._settings.quarantine_source):
            why = f"{extensions} extensions with refused calls within an hour"
            yield Step("source", incident.source, "", False, True, why)

    def _of_trunks(self, proved: list[Suspect], now: Instant) -> Iterator[Step]:
        for trunk in dict.fromkeys(suspect.trunk for suspect in proved):
            sources = len(self._incidents.on_trunk(trunk, now))
            if _reached(sources, self._settings.international_off):
                why = f"{sources} sources with refused calls within an hour"
                yield Step("trunk", trunk, "", False, True, why)

    def _of_addresses(self, incident: Incident, proved: list[Suspect]) -> Iterator[Step]:
        source = self._policy.sources.get(incident.source)
        if source is None or source.zone != "remote":
            return
        for address, count in _numbers(proved, lambda suspect: host_of(suspect.peer)):
            if _reached(count, self._settings.ban_address):
                yield Step("address", address, "", False, True, f"{_counted(count)} refused")


def _numbers(proved: list[Suspect], by: Callable[[Suspect], str]) -> list[tuple[str, int]]:
    """How many different numbers were refused to each."""
    numbers: dict[str, set[str]] = {}
    for suspect in proved:
        numbers.setdefault(by(suspect), set()).add(suspect.digits)
    return [(name, len(digits)) for name, digits in numbers.items() if name]


def _reached(count: int, least: int | None) -> bool:
    return least is not None and count >= least


def _counted(count: int) -> str:
    return "a suspect number" if count == 1 else f"{count} suspect numbers"
