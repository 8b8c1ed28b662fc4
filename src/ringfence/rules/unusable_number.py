"""Dialled strings that are no number that exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.numbers import REASONS, SUSPECT
from ringfence.rules import words
from ringfence.rules.base import Case, Finding
from ringfence.rules.permits import named_exception, region_of


@dataclass(frozen=True, slots=True)
class UnusableNumber:
    """Dialled strings that no numbering plan has, or that have no one reading.

    *Why it matters*

    What can't be read as one number can't be judged, and a switch behind us may read it in another way. Numbers that
    don't exist on paper exist in rate decks: of the ranges that carriers bill as special services a third hold no
    number of the plan at all. A range abroad that isn't listed is refused unless `unlisted` names its country or an
    exception its prefix. At home it only scores, since plans change faster than tables. Digits that are hardly a new
    range are refused at home too, unless an exception names them: between premium numbers, a short number behind a
    country code, a 0 where the plan has none.

    *Before*

        [trunk.carrier]
        permit = ["US", "LV"]
        unlisted = ["LV"]

        call 01137110000000: allow

    *After*

        [trunk.carrier]
        permit = ["US", "LV"]

        call 01137110000000: unusable-number
        call 0113716700: unusable-number
        call 01137167000000: allow

    *References*

    Controls C1, C4, C5. ITU-T E.164 §6 (at most 15 digits).
    """

    slug: ClassVar[str] = "unusable-number"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Number Not Valid"
    spoofable: ClassVar[bool] = True

    def find(self, case: Case) -> Iterator[Finding]:
        """The reason of a refused number; an unlisted range that may be called is info."""
        number = case.destination.number
        if not number.rejected:
            return
        if number.reason == "unallocated" and number.candidate:
            yield _unlisted(case)
        else:
            dialled = words.quoted(case.attempt.dialled)
            yield Finding("block", f"{dialled} can't be called: {REASONS[number.reason]}", observed=dialled)


def _unlisted(case: Case) -> Finding:
    number, home = case.destination.number, case.source.plan.home
    region = region_of(number, home)
    text = f"+{number.candidate} is in a range that the numbering plan of {region or 'its country'} doesn't list"
    text += "".join(f"; {SUSPECT[flag]}" for flag in number.flags if flag in SUSPECT)
    if region and region == home and not number.suspect:
        return Finding("info", text, observed=number.candidate)
    where = f"trunk.{case.trunk.name}.unlisted"
    if region and region in case.trunk.unlisted and not number.suspect:
        return Finding("info", text, where, number.candidate)
    lifted = named_exception(case)
    if lifted is not None:
        return lifted.finding(case, text)
    return Finding("block", text, where, number.candidate, ", ".join(sorted(case.trunk.unlisted)))
