"""Failing over to a trunk that protects less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.media import STRENGTH
from ringfence.model.settings import Policy, Protecting, TransportException
from ringfence.model.time import Instant
from ringfence.rules import words
from ringfence.rules.base import Case, Finding


@dataclass(frozen=True, slots=True)
class WeakerTrunk:
    """A call goes by a trunk without the TLS, or with less SRTP, than a trunk before it in the source's list.

    *Why it matters*

    Who can disturb the encrypted way can make calls take another one. So the next trunk isn't taken if it protects
    less, unless somebody answers for it in a `[[transport_exception]]`; and then it is told, with his name, for as long
    as it happens. Emergency calls go by any trunk.

    *Before*

        [trunk.carrier]
        srtp = "required"
        [trunk.second]
        listen = "inside"
        carrier_addresses = ["127.0.0.4"]
        send_to = ["sip:127.0.0.4:5060"]
        srtp = "required"
        [source.pbx]
        trunks = ["carrier", "second"]

        call 12125550123 media sdes over second: allow

    *After*

        [trunk.carrier]
        srtp = "required"
        [trunk.second]
        listen = "inside"
        carrier_addresses = ["127.0.0.4"]
        send_to = ["sip:127.0.0.4:5060"]
        [source.pbx]
        trunks = ["carrier", "second"]
        [[transport_exception]]
        source = "pbx"
        trunk = "second"
        gives_up = ["srtp"]
        owner = "noc@example.net"
        why = "the second carrier has no SRTP"
        until = 2026-12-24

        call 12125550123 media sdes: allow
        call 12125550123 media sdes over second: allow, weaker-trunk
        call 12125550123 media sdes over second at 2026-12-25T09:00: weaker-trunk

    *References*

    Control A15.
    """

    slug: ClassVar[str] = "weaker-trunk"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Declined"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """What is given up, and who answers for it."""
        source, name = case.source, case.trunk.name
        if not source.trunks or name == source.trunks[0]:
            return
        before = source.trunks[: source.trunks.index(name)]
        for lost in given_up(case.policy, before, name):
            text = f"trunk {name} hasn't the {lost.upper()} of a trunk before it"
            held = _held(case.policy, source.name, name, lost, case.now)
            if held is None:
                yield Finding("block", text, f"source.{source.name}.trunks", lost)
            else:
                index, exception = held
                until = words.moment(exception.until, case.policy.time_zone)
                text = f"{text}; permitted until {until} by {exception.owner}: {exception.why}"
                yield Finding("alert", text, f"transport_exception[{index}]", lost)


def given_up(policy: Policy, before: tuple[str, ...], trunk: str) -> tuple[Protecting, ...]:
    """What some trunk before this one has, and this one hasn't."""
    tls = not _is_secure(policy, trunk) and any(_is_secure(policy, one) for one in before)
    srtp = _strength(policy, trunk) < max((_strength(policy, one) for one in before), default=0)
    return (*(("tls",) if tls else ()), *(("srtp",) if srtp else ()))


def may_follow(policy: Policy, source: str, before: tuple[str, ...], trunk: str, now: Instant) -> bool:
    """Whether calls of a source may go on by a trunk after these."""
    return all(_held(policy, source, trunk, lost, now) is not None for lost in given_up(policy, before, trunk))


def _held(
    policy: Policy, source: str, trunk: str, lost: Protecting, now: Instant
) -> tuple[int, TransportException] | None:
    """The exception that permits it, with its place in the policy."""
    for index, one in enumerate(policy.transport_exceptions, 1):
        if (one.source, one.trunk) == (source, trunk) and lost in one.gives_up and now < one.until:
            return index, one
    return None


def _is_secure(policy: Policy, trunk: str) -> bool:
    """Whether a trunk is reached over TLS; not one that the policy no longer has."""
    known = policy.trunks.get(trunk)
    return known is not None and policy.listens[known.listen].transport == "tls"


def _strength(policy: Policy, trunk: str) -> int:
    known = policy.trunks.get(trunk)
    return STRENGTH[known.srtp] if known is not None else 0
