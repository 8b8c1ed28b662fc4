"""The answer to an attempt, with every rule that hit."""

from typing import Literal

import msgspec

from ringfence.model.attempt import Attempt, Destination
from ringfence.model.meter import Hold
from ringfence.model.settings import Mode

Outcome = Literal["allow", "deny", "not_ready", "error"]
Severity = Literal["info", "alert", "block"]


class Hit(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A rule's finding."""

    rule: str
    """Slug of the rule."""
    severity: Severity
    """block refuses if `enforced`; alert and info never do."""
    text: str
    """What was found, in words with its numbers, fit for the operator."""
    observed: str = ""
    limit: str = ""
    window_s: int = 0
    where: str = ""
    """Dotted key of the policy that decides, `trunk.unlimcall.permit`; the policy knows its file and line."""
    enforced: bool = True
    """False in observe mode: recorded, the call goes on."""
    weight: int = 0
    """Evidence of misuse: enforced weights of a call are summed, and refuse at the policy's `behaviour.block`."""


class Judgement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All rules' hits before the meters were asked, and the hold to ask them for."""

    attempt: Attempt
    destination: Destination
    hits: tuple[Hit, ...]
    hold: Hold
    """No charges where an enforced block hit already refuses."""
    charge_rules: tuple[str, ...]
    """Per charge of the hold: the slug of the rule it belongs to."""
    charge_where: tuple[str, ...]
    """Per charge of the hold: the dotted policy key of its limit, empty where only counted."""
    charge_levels: tuple[int, ...]
    """Per charge of the hold: what is observed from here on is a hit."""
    emergency: bool
    send_user: str
    """The number in the trunk's own format: the user part that goes to the carrier."""
    send_caller: str | None
    """The caller ID to send in the trunk's `from_format`; None leaves the caller's headers as they are."""
    max_call_s: int
    """Longest duration of the call, seconds; 0 = none."""
    ring_limit_s: int
    block_score: int = 0
    """Sum of enforced weights that refuses; 0 = none does."""
    alert_score: int = 0
    """Sum of weights, enforced or not, that is told; 0 = none is."""
    fast_while_busy: Mode = "off"
    """Mode of the rule that looks at two answers of the meters together."""
    redirect_s: int = 0
    """How long the call is taken to last, since its caller is only told where to send it; 0: it goes through us."""
    incident: str = ""
    """The incident that the call is part of if it is suspect; empty where it can't be."""
    incident_open: bool = False
    """Whether there is that incident already, so that every refused call belongs to it."""


class Verdict(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The answer to an attempt."""

    outcome: Outcome
    reason: str
    """Slug of the rule that decided (first in the order emergency, identity, number, containment, destination,
    hours, price, media, caps, money, behaviour); empty for a plain allow."""
    text: str
    """One sentence for the operator."""
    sip_status: int
    """What the edge answers: 0 (forward), 603 (policy), 488 (media), 480 (caps), 503 (overload, not ready)."""
    public_text: str
    """Reason phrase for the caller: no more than a caller should know."""
    hits: tuple[Hit, ...]
    destination: Destination
    emergency: bool
    send_user: str
    send_caller: str | None
    delay_us: int = 0
    max_call_s: int = 0
    ring_limit_s: int = 180
    redirect_s: int = 0
    """How long the call is taken to last, since its caller is only told where to send it; 0: it goes through us."""
    incident: str = ""
    """The incident that the call is part of; empty for most."""
