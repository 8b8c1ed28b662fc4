"""What people order a running guard about incidents: contain, release, accept.

Commands of the control socket: what they ask for is checked here, becomes a fact, and goes through the guard like all
others. Names must be those of the policy, so that a slip of the pen isn't a containment of nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any

import msgspec

from ringfence.engine.containments import ENTITIES
from ringfence.engine.engine import Engine
from ringfence.engine.incidents import Incident
from ringfence.engine.marks import area_of
from ringfence.model import SECOND, Accepted, Contained, Instant, Released
from ringfence.model.fact import NEW, Entity
from ringfence.numbers import calling_code, numbering
from ringfence.numbers.national import national
from ringfence.rules import words
from ringfence.server.control import ControlError
from ringfence.server.guard import Guard

LONGEST_HOLD_S = 366 * 86_400
KLASSES = ("", "abroad", NEW, "domestic", "international", "special")
SLOWED = ("caller", "source", "tenant", "trunk")
MAX_TEXT = 200
ORDERS = ("incidents", "containments", "contain", "release", "accept")
"""Methods of `Orders` that are commands of the control socket."""


class Orders:
    """Of one guard."""

    def __init__(self, guard: Guard, now: Callable[[], Instant]) -> None:
        self._guard = guard
        self._now = now

    @property
    def _engine(self) -> Engine:
        return self._guard.engine

    # Looking.

    def incidents(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """All that are remembered, the latest last; or one, by its id or the beginning of it."""
        wanted = str(arguments.get("id", ""))
        found = [self._incident(wanted)] if wanted else sorted(self._engine.incidents, key=lambda one: one.last)
        return [self._shown(one) for one in found]

    def _shown(self, incident: Incident) -> dict[str, Any]:
        state = incident.state if incident.state != "open" or incident.open(self._now()) else "over"
        contained = [_contained(fact) for fact in self._engine.containments.of(incident.id)]
        shown: dict[str, Any] = msgspec.to_builtins(incident)
        suspects = [msgspec.structs.asdict(suspect) for suspect in incident.suspects]
        return {**shown, "state": state, "suspects": suspects, "contained": contained}

    def containments(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """What is in force, and what is accepted."""
        engine = self._engine
        contained = [_contained(fact) for fact in engine.containments]
        accepted = [{**msgspec.to_builtins(fact), "what": _accepted(fact)} for fact in engine.acceptances]
        return sorted([*contained, *accepted], key=lambda row: (row["at"], row["id"]))

    # Acting.

    def contain(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Restrict somebody or something for a while."""
        now = self._now()
        entity, name = _entity(arguments), str(arguments.get("name", ""))
        action, klass = str(arguments.get("action", "refuse")), str(arguments.get("klass", ""))
        if klass not in KLASSES:
            raise ControlError(
                f"there is no class {klass!r}: abroad, domestic, international, special, or none for all"
            )
        if action == "slow" and entity not in SLOWED:
            raise ControlError(f"a {words.ENTITIES.get(entity, entity)} can't be slowed down, only refused")
        within = str(arguments.get("within", ""))
        if within:
            self._known("source", within)
        fact = Contained(
            at=now,
            id=f"o-{now:x}",
            entity=entity,
            name=self._name(entity, name),
            klass=klass,
            within=within,
            action="slow" if action == "slow" else "refuse",
            cut="all" if arguments.get("cut") else "",
            incident=self._incident(str(arguments["incident"])).id if arguments.get("incident") else "",
            owner=ordered_text(arguments, "owner"),
            why=ordered_text(arguments, "why"),
            until=now + ordered_us(arguments),
        )
        self._guard.order(fact)
        return _contained(fact)

    def release(self, arguments: dict[str, Any]) -> list[str]:
        """Undo a containment or an acceptance, or all containments of an incident."""
        wanted = str(arguments.get("id", ""))
        owner = ordered_text(arguments, "owner")
        engine = self._engine
        ids = [fact.id for fact in (*engine.containments, *engine.acceptances) if wanted in (fact.id, fact.incident)]
        if not wanted or not ids:
            raise ControlError(f"nothing in force is called {wanted!r}; `ringfence containments` lists what is")
        for one in ids:
            self._guard.order(Released(at=self._now(), id=one, owner=owner))
        return ids

    def accept(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take an incident as business: its destinations are weighed no more, and what it contained is free."""
        now, incident = self._now(), self._incident(str(arguments.get("id", "")))
        prefixes = _prefixes(arguments) or _areas(incident)
        if not prefixes:
            raise ControlError(f"incident {incident.id} has no numbers; name them (--number +37120)")
        fact = Accepted(
            at=now,
            id=f"o-{now:x}",
            incident=incident.id,
            source=incident.source,
            prefixes=prefixes,
            owner=ordered_text(arguments, "owner"),
            why=ordered_text(arguments, "why"),
            until=now + ordered_us(arguments),
        )
        self._guard.order(fact)
        return {**msgspec.to_builtins(fact), "what": _accepted(fact)}

    def _incident(self, wanted: str) -> Incident:
        found = [one for one in self._engine.incidents if wanted and one.id.startswith(wanted)]
        if len(found) != 1 and wanted not in (one.id for one in found):
            what = f"{len(found)} incidents begin with" if found else "there is no incident"
            raise ControlError(f"{what} {wanted!r}; `ringfence incidents` lists them")
        return next((one for one in found if one.id == wanted), found[0])

    # Names.

    def _name(self, entity: Entity, name: str) -> str:
        policy = self._engine.policy
        if entity == "caller":
            source, _, extension = name.partition("/")
            if not extension:
                raise ControlError(f"an extension is written SOURCE/EXTENSION, not {name!r}")
            self._known("source", source)
            return name
        if entity in ("trunk", "source", "tenant"):
            self._known(entity, name)
            return name
        if entity == "address":
            return _network(name)
        if entity == "region":
            if name.upper() not in numbering().region_names:
                raise ControlError(f"there is no country {name!r}: write two letters, such as LV")
            return name.upper()
        digits = name.removeprefix("+")
        if not (digits.isdigit() and digits.isascii()) or not calling_code(digits) or len(digits) > 15:
            raise ControlError(f"{name!r} is no beginning of a number: write +37120, with the country's code")
        if digits == national(policy.home_country).code:
            raise ControlError(f"+{digits} is every number at home; name the range more narrowly")
        return f"+{digits}"

    def _known(self, what: str, name: str) -> None:
        policy = self._engine.policy
        tables = {"trunk": [*policy.trunks], "source": [*policy.sources], "tenant": [*policy.tenants]}
        names = tables[what]
        if name in names:
            return
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"there is {', '.join(sorted(names)) or 'none'}"
        raise ControlError(f'there is no {what} "{name}"; {hint}')


def _contained(fact: Contained) -> dict[str, Any]:
    return {**msgspec.to_builtins(fact), "what": words.contained(fact)}


def _entity(arguments: dict[str, Any]) -> Entity:
    given = str(arguments.get("entity", ""))
    for entity in ENTITIES:
        if entity == given:
            return entity
    raise ControlError(f"{given!r} can't be contained; what can: {', '.join(ENTITIES)}")


def ordered_text(arguments: dict[str, Any], key: str) -> str:
    """Who orders something (`owner`) or why, in one line; raises ControlError where it isn't said."""
    text = " ".join(str(arguments.get(key, "")).split())[:MAX_TEXT]
    if not text or not text.isprintable():
        raise ControlError(f"say {'who orders it (--owner)' if key == 'owner' else 'why (--why)'}, in plain text")
    return text


def ordered_us(arguments: dict[str, Any]) -> int:
    """How long it is to hold, microseconds; raises ControlError."""
    seconds = arguments.get("for_s")
    if not isinstance(seconds, int) or not 60 <= seconds <= LONGEST_HOLD_S:
        raise ControlError("it has to end in a minute at least and a year at most: say for how long (--for 4h)")
    return seconds * SECOND


def _network(name: str) -> str:
    try:
        network = ip_network(name)
    except ValueError as error:
        raise ControlError(f"{name!r} is no address or network: {error}") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _prefixes(arguments: dict[str, Any]) -> tuple[str, ...]:
    given = arguments.get("prefixes") or []
    digits = all(isinstance(one, str) and one.isdigit() and one.isascii() for one in given)
    if not isinstance(given, list) or not digits:
        raise ControlError("what is accepted are numbers or the beginnings of numbers, such as +37120")
    return tuple(given)


def _areas(incident: Incident) -> tuple[str, ...]:
    """The areas that its calls went to."""
    return tuple(sorted({area_of(suspect.digits) for suspect in incident.suspects if suspect.digits}))


def _accepted(fact: Accepted) -> str:
    numbers = ", ".join(f"+{prefix}" for prefix in fact.prefixes)
    return f"calls of source {fact.source} to {numbers} are accepted"
