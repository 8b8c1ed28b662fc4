"""Which destinations somebody may call, and the exceptions to that.

A permit list holds regions (`GB`) and prefixes (`+4420`). A number is admitted if its region is listed or a listed
prefix begins it. An exception admits a destination for somebody until a day; one that names a number or a prefix is
written by somebody who means just that number, so that it also lifts the rules on kinds, risk and unlisted ranges.
One that names a country lifts the permit lists alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ringfence.model.settings import PermitException
from ringfence.numbers import Number, counts_as, overlay
from ringfence.rules import words
from ringfence.rules.base import Case, Finding


class Lifted(NamedTuple):
    """An exception that holds for an attempt."""

    exception: PermitException
    where: str
    """Dotted key, `exception[2]`."""

    @property
    def named(self) -> bool:
        """Whether it names a number or prefix, not a whole country."""
        return self.exception.what.startswith("+")

    def finding(self, case: Case, what: str) -> Finding:
        """That it was needed: `what` would have been refused."""
        until = words.moment(self.exception.until, case.policy.time_zone)
        text = f"{what}; permitted until {until} by {self.exception.owner}: {self.exception.why}"
        return Finding("info", text, self.where)


def digits_of(number: Number) -> str:
    """The E.164 digits that lists go by; empty for a short number and for what is no number."""
    if number.status == "ok":
        return number.e164
    return number.candidate if number.reason == "unallocated" else ""


def region_of(number: Number, home: str) -> str:
    """The country that a number counts as for a party at home; empty where it is in none.

    An unlisted range of the NANP is in the country of its area code, if that has one (control C4).
    """
    if number.rejected and not number.region and number.candidate.startswith("1"):
        return _area_region(number.candidate[:4])
    return counts_as(number, home)


@lru_cache(maxsize=1024)
def _area_region(prefix: str) -> str:
    regions = {label.region for row in overlay.table().rows_under(prefix) for label in row if label.region}
    return regions.pop() if len(regions) == 1 else ""


def admits(permit: frozenset[str], region: str, digits: str) -> bool:
    """Whether a permit list holds this destination; `digits` are empty for a short number."""
    return region in permit or digits.startswith(_prefixes(permit))


@lru_cache(maxsize=1024)
def _prefixes(permit: frozenset[str]) -> tuple[str, ...]:
    return tuple(entry[1:] for entry in permit if entry.startswith("+"))


def exception_for(case: Case) -> Lifted | None:
    """The exception that holds for this attempt, one that names its number or prefix first."""
    if not case.policy.exceptions:
        return None
    number = case.destination.number
    region, digits = region_of(number, case.source.plan.home), digits_of(number)
    found = [
        Lifted(exception, f"exception[{index}]")
        for index, exception in enumerate(case.policy.exceptions, 1)
        if _covers(exception, case) and admits(frozenset((exception.what,)), region, digits)
    ]
    return next((lifted for lifted in found if lifted.named), found[0] if found else None)


def named_exception(case: Case) -> Lifted | None:
    """The same, if it names the number or a prefix of it."""
    lifted = exception_for(case)
    return lifted if lifted is not None and lifted.named else None


def _covers(exception: PermitException, case: Case) -> bool:
    return (
        case.now < exception.until
        and exception.source in (None, case.source.name)
        and exception.trunk in (None, case.trunk.name)
    )
