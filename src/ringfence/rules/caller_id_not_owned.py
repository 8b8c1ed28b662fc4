"""Calls that show a number which isn't the source's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ringfence.numbers import OutgoingFormat
from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.callers import ANONYMOUS, own_number, owns, shown_number

_outgoing = cache(OutgoingFormat)


@dataclass(frozen=True, slots=True)
class CallerIdNotOwned:
    """Calls that show a caller ID outside the numbers of their source.

    *Why it matters*

    Whoever gets into a PBX shows any number he likes: a bank's for vishing, a premium one so that people call back, a
    stranger's so that complaints go elsewhere. The PBX is verified, what it claims about its caller isn't. A number is
    let through if it is owned, or if the call is forwarded and its inbound leg is still up. With `"substitute"` the
    source's own number is put in instead, also for anonymous callers. An extension such as 101 is a label, not a number
    that is owned.

    *Before*

        [source.pbx]
        caller_id_policy = "any"

        call 12125550123 from +18005551212: allow

    *After*

        [source.pbx]
        caller_id_policy = "owned"

        call 12125550123 from +18005551212: caller-id-not-owned
        call 12125550123 from 101: caller-id-not-owned
        call 12125550123 from 2125550107: allow

    *References*

    Controls A9, C10. RFC 3325 §9.1 (asserted identity), RFC 3323 §4.1.1 (anonymous), RFC 5806 (Diversion).
    """

    slug: ClassVar[str] = "caller-id-not-owned"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Caller ID Not Allowed"
    spoofable: ClassVar[bool] = True

    def find(self, case: Case) -> Iterator[Finding]:
        """Nothing where the number is owned, forwarded or not looked at; info where it is substituted."""
        source, attempt = case.source, case.attempt
        policy = source.caller_id_policy
        if policy == "any" or own_number(source, attempt.caller):
            return
        if policy == "owned_or_forwarded" and attempt.forwarded_by is not None:
            return
        shown = words.quoted(attempt.caller)
        text = f"caller ID {shown} isn't a number of source {source.name}"
        if policy == "substitute" and source.caller_id is not None:
            text += f"; +{source.caller_id} is shown instead"
            yield Finding("info", text, f"source.{source.name}.caller_id", shown)
        else:
            yield Finding("block", text, f"source.{source.name}.caller_ids", shown)


def send_caller(case: Case) -> str | None:
    """E.164 digits to show instead of what the caller claims; None leaves it as it is.

    An owned number is put in too where it isn't written as the trunk wants it, so that the carrier reads the
    number that was judged.
    """
    source, attempt = case.source, case.attempt
    own = own_number(source, attempt.caller)
    if case.destination.klass == "emergency":
        return None if own else source.caller_id
    if source.caller_id_policy == "any":
        return None
    if own:
        return None if _shown_as_owned(case, own) else own
    return source.caller_id if source.caller_id_policy == "substitute" else None


def _shown_as_owned(case: Case, own: str) -> bool:
    """Whether both the asserted identity and From may go as they are; a name in From, or privacy, stays."""
    attempt = case.attempt
    if attempt.shown == ANONYMOUS:
        return True
    wanted = _outgoing(case.trunk.from_format, case.source.plan.home).digits(own)
    if attempt.caller != wanted:
        return False
    shown = shown_number(case.source, attempt.shown)
    return not shown or owns(case.source, shown)
