"""Judging an attempt: who it is, where it goes, what every rule says of it, and what it would hold.

identity ── unknown ──► one hit, no hold
   │
transfer ── not permitted ──► one hit, no hold
   │
destination (number, class, risk, price) ── emergency ──► no rule refuses; charged, never limited
   │
source may place calls ── no ──► one hit, no hold
   │
every rule, in the order of reasons ── an enforced block hit ──► no hold
   │
the charges of trunk, source, tenant, class and extension as one hold
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import msgspec

from ringfence.engine.acceptances import Acceptances
from ringfence.engine.behaviour import Behaviour
from ringfence.engine.charges import Charges, Dues
from ringfence.engine.containments import Containments
from ringfence.engine.destinations import destination_of, digits_of, usable
from ringfence.engine.incidents import Incidents, opened_by
from ringfence.engine.live import UNSEEN_S
from ringfence.engine.marks import is_foreign
from ringfence.engine.meters import Meters
from ringfence.engine.verdicts import EMERGENCY, NOWHERE, refuses, suspicion
from ringfence.engine.ways import ways_of
from ringfence.model import SECOND, Attempt, Charge, Destination, Hit, Hold, Instant, Judgement
from ringfence.model.attempt import DestinationClass
from ringfence.model.fact import NEW, Entity
from ringfence.model.meter import Scope
from ringfence.model.settings import Policy, Source, Trunk
from ringfence.numbers import OutgoingFormat, Rate, RiskTable
from ringfence.rules import BEHAVIOUR_RULES, BUSY, CHEAP, LONGEST, RULES, SLOWED, SUSPICIOUS, TRANSFER, UNVERIFIED
from ringfence.rules.base import BehaviourRule, Case, Places
from ringfence.rules.caller_id_not_owned import send_caller
from ringfence.rules.longest_call import longest
from ringfence.rules.permits import named_exception
from ringfence.rules.traits import WIDER, Calls

ANSWER_GRACE_US = 60 * SECOND
"""How long after the ring limit a hold that heard nothing is given up."""

SCOPES: dict[Entity, Scope] = {"caller": "caller", "source": "source", "tenant": "tenant", "trunk": "trunk"}
"""What can be slowed down, and by which meter."""

outgoing = cache(OutgoingFormat)


class Memory(NamedTuple):
    """What the engine remembers, and a judge looks at."""

    meters: Meters
    containments: Containments
    behaviour: Behaviour
    incidents: Incidents
    acceptances: Acceptances


class Judge:
    """Judges under one policy."""

    def __init__(self, policy: Policy, node: str, memory: Memory) -> None:
        self._policy = policy
        self._node = node
        self._memory = memory
        self._ways = ways_of(policy)
        self._charges = Charges(policy)
        self._risks = policy.risks if policy.risks is not None else RiskTable()
        modes = policy.rule_modes
        self._cuts = modes.get(LONGEST.slug, "enforce") == "enforce"
        self._rules = [
            (rule, modes.get(rule.slug, "enforce") == "enforce") for rule in RULES if modes.get(rule.slug) != "off"
        ]
        self._busy = modes.get(BUSY.slug, "enforce")
        self._cheap = modes.get(CHEAP.slug, policy.behaviour.mode)
        self._slowing = modes.get(SLOWED.slug, "enforce")
        summed = modes.get(SUSPICIOUS.slug, "enforce")
        weighed = ((rule, modes.get(rule.slug, policy.behaviour.mode)) for rule in BEHAVIOUR_RULES)
        looking = [(rule, mode == summed == "enforce") for rule, mode in weighed if "off" not in (mode, summed)]
        self._weighed: dict[Calls, list[tuple[BehaviourRule, bool]]] = {
            calls: [row for row in looking if row[0].calls in WIDER[calls]] for calls in WIDER
        }

    def judge(self, attempt: Attempt, now: Instant) -> Judgement:
        """The judgement; the hold has no charges where a rule refuses already."""
        unknown = UNVERIFIED.find_unknown(self._policy, attempt) or UNVERIFIED.find_ended(self._policy, attempt, now)
        if unknown is not None:
            return self._without_charges(attempt, NOWHERE, (unknown.hit(UNVERIFIED.slug, enforced=True),), now)
        case = self._case(attempt, now)
        transfer = TRANSFER.find_refused(case)
        if transfer is not None:
            return self._without_charges(attempt, case.destination, (transfer.hit(TRANSFER.slug, enforced=True),), now)
        if case.destination.klass == "emergency":
            return self._judged(case, (_emergency(case),), self._counted(case))
        confined = UNVERIFIED.find_confined(case.source)
        if confined is not None:
            return self._without_charges(
                attempt, case.destination, (confined.hit(UNVERIFIED.slug, enforced=True),), now
            )
        hits = self._hits(case)
        if case.destination.klass == "unusable":
            hits = (*hits, _nothing_to_send(case))
        if hits and self._refused(hits):
            judgement = self._without_charges(attempt, case.destination, hits, now)
        else:
            judgement = self._judged(case, hits, self._limited(case))
        return self._in_incident(judgement, now)

    def _refused(self, hits: tuple[Hit, ...]) -> bool:
        return any(refuses(hit) for hit in hits) or suspicion(hits) >= self._policy.behaviour.block

    def _in_incident(self, judgement: Judgement, now: Instant) -> Judgement:
        """With the incident that the call is part of, if it is suspect or there is one already."""
        hits = judgement.hits
        if not is_foreign(judgement.destination) and not (hits and any(hit.weight for hit in hits)):
            return judgement
        attempt, digits = judgement.attempt, digits_of(judgement.destination.number)
        incident = self._memory.incidents.of(attempt, digits, now)
        name = incident.id if incident is not None else opened_by(attempt.id)
        return msgspec.structs.replace(judgement, incident=name, incident_open=incident is not None)

    def longest(self, attempt: Attempt, now: Instant) -> int:
        """The longest duration that holds for an attempt, seconds; 0 = none."""
        if UNVERIFIED.find_unknown(self._policy, attempt) is not None:
            return 0
        way = self._ways[attempt.source, attempt.trunk]
        klass = destination_of(attempt.dialled, way.source, way.trunk, self._risks, now).klass
        return self._longest(way.source, way.bounds, klass)

    def _counted_s(self, case: Case) -> int:
        """How long it may last; of a call that the carrier places itself no end is seen, so it always has one."""
        limit = self._longest(case.source, case.bounds, case.destination.klass)
        return limit or (UNSEEN_S if case.attempt.transfer == "carrier" else 0)

    def _unseen_s(self, case: Case) -> int:
        """How long it may go on without being seen, so that all of it is reserved with the verdict; 0 of others."""
        return self._counted_s(case) if case.attempt.transfer == "carrier" else redirected_s(case.source)

    def _longest(self, source: Source, bounds: Places, klass: DestinationClass) -> int:
        cuts = self._cuts and source.mode == "enforce" and klass != "emergency"
        return longest(bounds, klass)[0] if cuts else 0

    def dues(self, attempt: Attempt, klass: DestinationClass, money: int | None) -> Dues:
        """The charges of such a call under this policy; none where source or trunk are gone."""
        if UNVERIFIED.find_unknown(self._policy, attempt) is not None or attempt.source is None:
            return Dues()
        caller = self._memory.meters.caller(attempt.source, attempt.extension)
        return self._charges.of(attempt.source, attempt.trunk, klass, caller, money)

    def money(self, attempt: Attempt, klass: DestinationClass, money: int) -> tuple[Charge, ...]:
        """Those of these charges that are money."""
        if UNVERIFIED.find_unknown(self._policy, attempt) is not None or attempt.source is None:
            return ()
        caller = self._memory.meters.caller(attempt.source, attempt.extension)
        return self._charges.money(attempt.source, attempt.trunk, klass, caller, money)

    def _case(self, attempt: Attempt, now: Instant) -> Case:
        way = self._ways[attempt.source, attempt.trunk]
        destination = destination_of(attempt.dialled, way.source, way.trunk, self._risks, now)
        contained = self._memory.containments.covering(attempt, way.source, destination, now)
        traits = None
        if self._weighed["new"] and destination.klass != "emergency":
            traits = self._memory.behaviour.traits(attempt, destination, now)
            if contained and traits.new_number != "source":
                contained = tuple(held for held in contained if held.klass != NEW)
        return Case(
            policy=self._policy,
            attempt=attempt,
            source=way.source,
            trunk=way.trunk,
            tenant=way.tenant,
            destination=destination,
            contained=contained,
            bounds=way.bounds,
            traits=traits,
            now=now,
        )

    def _hits(self, case: Case) -> tuple[Hit, ...]:
        enforcing = case.source.mode == "enforce"
        hits = [
            finding.hit(rule.slug, enforced and enforcing)
            for rule, enforced in self._rules
            for finding in rule.find(case)
        ]
        return (*hits, *self._evidence(case, enforcing))

    def weigh(self, attempt: Attempt, now: Instant) -> tuple[Hit, ...]:
        """What speaks against a call that is up, by what is known now."""
        if UNVERIFIED.find_unknown(self._policy, attempt) is not None:
            return ()
        case = self._case(attempt, now)
        return tuple(self._evidence(case, case.source.mode == "enforce"))

    def _evidence(self, case: Case, enforcing: bool) -> list[Hit]:
        """What speaks against it, and for it where it costs little; nothing against what is accepted as business."""
        traits = case.traits
        if traits is None:
            return []
        found = [
            (finding, rule.slug, enforced and enforcing)
            for rule, enforced in self._weighed[traits.calls]
            for finding in rule.find(case)
        ]
        if not found or named_exception(case) is not None or self._accepted(case):
            return []
        if self._cheap != "off" and any(finding.weight > 0 for finding, _, _ in found):
            found += [(finding, CHEAP.slug, self._cheap == "enforce" and enforcing) for finding in CHEAP.find(case)]
        return [finding.hit(slug, enforced) for finding, slug, enforced in found]

    def _accepted(self, case: Case) -> bool:
        return self._memory.acceptances.covers(case.attempt, digits_of(case.destination.number), case.now)

    def _limited(self, case: Case) -> Dues:
        money = first_money(case.destination.price, self._unseen_s(case))
        dues = self.dues(case.attempt, case.destination.klass, money)
        if not case.contained or self._slowing == "off":
            return dues
        enforced = case.source.mode == self._slowing == "enforce"
        slowed = (
            (SLOWED.charge(SCOPES[held.entity], held.name, enforced), SLOWED.slug, "")
            for held in case.contained
            if held.action == "slow" and held.entity in SCOPES
        )
        return dues.and_(Dues.of(slowed))

    def _counted(self, case: Case) -> Dues:
        """Charges of an emergency call: never a reason to refuse or to wait."""
        dues = self.dues(case.attempt, "emergency", None)
        return dues._replace(charges=tuple(msgspec.structs.replace(c, enforced=False) for c in dues.charges))

    def _judged(self, case: Case, hits: tuple[Hit, ...], dues: Dues) -> Judgement:
        redirect_s = redirected_s(case.source)
        expires = case.now + (redirect_s * SECOND or case.trunk.ring_limit_s * SECOND + ANSWER_GRACE_US)
        emergency = case.destination.klass == "emergency"
        return Judgement(
            attempt=case.attempt,
            destination=case.destination,
            hits=hits,
            hold=Hold(case.attempt.id, self._node, dues.charges, expires),
            charge_rules=dues.rules,
            charge_where=dues.where,
            charge_levels=dues.levels,
            emergency=emergency,
            send_user=_send_user(case.destination, case.source, case.trunk),
            send_caller=_send_caller(case),
            max_call_s=self._counted_s(case),
            ring_limit_s=case.trunk.ring_limit_s,
            redirect_s=redirect_s,
            block_score=self._policy.behaviour.block,
            alert_score=self._policy.behaviour.alert or 0,
            fast_while_busy=self._busy,
        )

    def _without_charges(
        self, attempt: Attempt, destination: Destination, hits: tuple[Hit, ...], now: Instant
    ) -> Judgement:
        return Judgement(
            attempt=attempt,
            destination=destination,
            hits=hits,
            hold=Hold(attempt.id, self._node, (), now),
            charge_rules=(),
            charge_where=(),
            charge_levels=(),
            emergency=False,
            send_user="",
            send_caller=None,
            max_call_s=0,
            ring_limit_s=0,
            block_score=self._policy.behaviour.block,
            alert_score=self._policy.behaviour.alert or 0,
        )


def first_money(price: Rate | None, seconds: int = 0) -> int | None:
    """What a call reserves with its verdict, micro-units: its beginning, or so many seconds; None where it is free."""
    if price is None or not (price.price_micros_per_min or price.connect_fee_micros):
        return None
    return price.cost_micros(seconds)


def redirected_s(source: Source) -> int:
    """How long a call of this source is held without being seen; 0 where it goes through us."""
    return source.redirect.hold_s if source.redirect is not None else 0


def _nothing_to_send(case: Case) -> Hit:
    """Refuses in every mode: without a number there is nothing that the carrier could be sent (C1)."""
    reason = case.destination.number.reason
    return Hit(rule="unusable-number", severity="block", text=f"there is no number to send: {reason}", observed=reason)


def _emergency(case: Case) -> Hit:
    number = case.destination.number.e164 or case.attempt.dialled
    return Hit(
        rule=EMERGENCY, severity="alert", text=f"emergency call to {number} from {case.source.name}", enforced=False
    )


def _send_user(destination: Destination, source: Source, trunk: Trunk) -> str:
    """The judged number in the trunk's own format; empty where there is none to send."""
    number = destination.number
    if not usable(number):
        return ""
    if number.rejected:
        number = number._replace(status="ok", e164=digits_of(number))
    return outgoing(trunk.dial_format, source.plan.home, trunk.tech_prefix).number(number)


def _send_caller(case: Case) -> str | None:
    digits = send_caller(case)
    return outgoing(case.trunk.from_format, case.source.plan.home).digits(digits) if digits else None
