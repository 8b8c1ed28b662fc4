"""Calls that are shown one by one: of each rule those with most money in them, with what spoke against them.

What records say of a call is cut to a length; so the whole is bounded, whatever strangers write.
"""

from __future__ import annotations

from bisect import insort

import msgspec

from ringfence.history.replay import Judged, cost
from ringfence.model import Hit, Instant
from ringfence.rules import SUSPICIOUS, words

LONGEST = 80
"""Characters of a text from a record."""


class Example(msgspec.Struct):
    """One call."""

    at: Instant
    call_id: str
    source: str
    trunk: str
    extension: str
    caller: str
    destination: str
    """As the number was read: `+37167000000 (fixed, LV)`."""
    dialled: str
    talk_s: int
    money_micros: int
    """What it cost more than it would have."""
    cut_after_s: float | None
    """Seconds after the answer at which it would have been cut; None: it would have been refused."""
    why: str
    hits: list[str]
    """What else was found."""
    incident: str = ""


Examples = dict[str, list[Example]]
"""By rule, most money first."""


def show(table: Examples, rule: str, judged: Judged, money_micros: int, why: str, most: int) -> None:
    """Keep a call if it is among the first of its rule."""
    shown = table.setdefault(rule, [])
    key = (-money_micros, judged.call.start, judged.call.call_id[:LONGEST])
    if len(shown) < most or key < _key(shown[-1]):
        insort(shown, _example(judged, money_micros, why), key=_key)
        del shown[most:]


def show_observed(table: Examples, judged: Judged, hit: Hit, most: int) -> None:
    """Keep a call that a rule in observe mode would have refused."""
    show(table, hit.rule, judged, cost(judged.verdict, judged.call.duration_s), hit.text, most)


def merge(table: Examples, other: Examples, most: int) -> None:
    """Those of another process too."""
    for rule, shown in other.items():
        table[rule] = sorted([*table.get(rule, []), *shown], key=_key)[:most]


def _key(shown: Example) -> tuple[int, Instant, str]:
    return -shown.money_micros, shown.at, shown.call_id


def _example(judged: Judged, money_micros: int, why: str) -> Example:
    call, verdict = judged.call, judged.verdict
    return Example(
        at=call.start,
        call_id=call.call_id[:LONGEST],
        source=judged.place.source,
        trunk=judged.place.trunk,
        extension=(call.extension or call.caller)[:LONGEST],
        caller=call.caller[:LONGEST],
        destination=words.destination(verdict.destination.number, call.dialled),
        dialled=call.dialled[:LONGEST],
        talk_s=call.duration_s,
        money_micros=money_micros,
        cut_after_s=judged.cut_after_s,
        why=why,
        hits=[hit_in_words(hit) for hit in verdict.hits if (hit.severity != "info" or hit.weight) and hit.text != why],
        incident=judged.incident,
    )


def hit_in_words(hit: Hit) -> str:
    """`first-ever-destination (30): nobody at this source called Latvia before`; of a sum without its parts."""
    weight = f" ({hit.weight})" if hit.weight else ""
    observed = "" if hit.enforced else ", observed"
    text = hit.text.partition(": ")[0] if hit.rule == SUSPICIOUS.slug else hit.text
    return f"{hit.rule}{weight}{observed}: {text}"
