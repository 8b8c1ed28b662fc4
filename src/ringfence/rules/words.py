"""Destinations, spans and moments in the operator's words."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ringfence.model.attempt import Attempt, Naming, Transferring
from ringfence.model.fact import NEW, Contained, Enrolled, MediaMismatch
from ringfence.model.time import SECOND, Instant
from ringfence.numbers import Number

SPANS = {60: "a minute", 3600: "an hour", 86_400: "24 hours", 2_592_000: "30 days"}

SHOWN = 40
"""Characters of a foreign text."""


def span(window_s: int) -> str:
    """A length of time: `an hour`, `10 s`."""
    return SPANS.get(window_s, f"{window_s} s")


def moment(now: Instant, zone: str) -> str:
    """An instant on the wall clock of a zone: `Sat 2027-01-30 03:12 America/New_York`."""
    return f"{local(zone, now // (60 * SECOND)):%a %Y-%m-%d %H:%M} {zone}"


@lru_cache(maxsize=64)
def local(zone: str, minute: int) -> datetime:
    """Wall clock at a minute since 1970; every zone of today is whole minutes off UTC."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone))


ENTITIES = {"caller": "extension", "prefix": "range", "region": "country"}
"""What is contained, where the model's word isn't the operator's."""


KLASSES = {"": "", "abroad": " for calls abroad", NEW: " for calls abroad to new numbers"}


def contained(fact: Contained) -> str:
    """`extension pbx/101 is contained for calls abroad`, `range +37120 is contained for source pbx`."""
    does = "contained" if fact.action == "refuse" else "slowed down"
    klass = KLASSES.get(fact.klass, f" for {fact.klass} calls")
    within = f" for source {fact.within}" if fact.within else ""
    return f"{ENTITIES.get(fact.entity, fact.entity)} {fact.name} is {does}{klass}{within}"


def caller(source: str, attempt: Attempt) -> str:
    """`pbx/101`, or of a caller that only his own word names `pbx, which showed '+4915112345678'`."""
    return f"{source}/{attempt.part}" if attempt.part else f"{source}, which showed {quoted(attempt.extension)}"


NAMINGS: dict[Naming, str] = {
    "account": "account",
    "forwarder": "forwarded by",
    "label": "extension",
    "number": "number of the source",
    "caller-id": "caller ID",
}
"""What the name of who calls is."""


def called_by(attempt: Attempt) -> str:
    """`extension '101'`, `forwarded by '101'`, `caller ID '+4915112345678'`."""
    return f"{NAMINGS[attempt.extension_is]} {quoted(attempt.extension)}"


PLACERS: dict[Transferring, str] = {
    "": "",
    "carrier": "the carrier would place it, and tell nobody of its end",
    "source": "the source would place it",
    "both": "the carrier would place it beside the call that is transferred",
}
"""Who places the call that a transfer leads to."""


def transferred(attempt: Attempt) -> str:
    """What a transfer has to do with it; empty where none has."""
    if attempt.transfer:
        return f"of call {attempt.transfer_of}; {PLACERS[attempt.transfer]}"
    return f"placed for the transfer {attempt.transfer_of}" if attempt.transfer_of else ""


def enrolled(fact: Enrolled) -> str:
    """`trunk carrier is registered`, `trunk carrier isn't registered: 403 Forbidden`."""
    state = {"registered": "is registered", "failing": "can't be registered again", "lost": "isn't registered"}
    why = f": {plain(fact.why)}" if fact.why else ""
    others = f", and so is somebody else under our name: {plain(', '.join(fact.foreign))}" if fact.foreign else ""
    return f"trunk {fact.trunk} {state[fact.state]}{why}{others}"


def media_mismatch(fact: MediaMismatch) -> str:
    """`call X is ended, srtp-mismatch: trunk carrier says in 200 to INVITE: the trunk has ...`."""
    does = "is ended" if fact.ended else "isn't as it should be"
    who = fact.by.replace(":", " ", 1)
    return f"call {fact.id} {does}, srtp-mismatch: {who} says in {plain(fact.what)}: {plain(fact.why)}"


def quoted(text: str) -> str:
    """What somebody else wrote, in quotes, shortened, with nothing in it that a terminal obeys."""
    return ascii(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def plain(text: str) -> str:
    """What somebody else wrote, readable, with what no terminal or page may obey written out: `\\x1b`, `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def destination(number: Number, dialled: str) -> str:
    """Where a call goes: `+2250712345678 (mobile, CI)`, or what was dialled where that is no number."""
    if number.rejected:
        return f"+{number.candidate}" if number.candidate else quoted(dialled)
    sign = "" if number.status == "short" else "+"
    return f"{sign}{number.e164} ({number.type.replace('_', ' ')}, {number.region})"
