"""What an operator says about dialling on one source or trunk."""

from __future__ import annotations

import difflib
import re

import msgspec

from ringfence.errors import RingfenceError
from ringfence.numbers.table import numbering


class PlanError(RingfenceError, ValueError):
    """The settings of a dial plan don't make sense; the text names each field and what is allowed."""


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one dial plan; only `home` is needed."""

    home: str
    """ISO 3166 code of the country whose dialling habits hold."""
    outside: tuple[str, ...] = ()
    """Digits dialled for an outside line, such as 9 or 0."""
    outside_required: bool = True
    """Whether a number without the outside prefix is refused."""
    ext_len: tuple[int, int] | None = None
    """Shortest and longest internal extension; numbers of that length without an outside prefix are refused."""
    area: str = ""
    """Area code for numbers dialled locally, without the national prefix."""
    extra_idd: tuple[str, ...] = ()
    """International prefixes the trunk accepts besides those of the country."""
    e164_noplus: bool = False
    """Whether a full international number is accepted without + and without prefix."""
    vanity: bool = False
    """Whether letters are read as on a keypad."""
    emergency: tuple[str, ...] = ()
    """Emergency numbers besides those of the country, dialled exactly so."""


def check(settings: PlanSettings) -> None:
    """Raise PlanError with all that is wrong."""
    problems = [*_home_problems(settings.home), *_digit_problems(settings), *_extension_problems(settings.ext_len)]
    if problems:
        raise PlanError("; ".join(problems))


def _home_problems(home: str) -> list[str]:
    regions = numbering().region_names
    if home in regions:
        return []
    near = difflib.get_close_matches(home.upper(), regions, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]}" if near else ""
    return [f"home {home!r} isn't a country code of ISO 3166 in capitals, such as US or GB{hint}"]


def _digit_problems(settings: PlanSettings) -> list[str]:
    fields = {
        "outside": settings.outside,
        "area": (settings.area,) if settings.area else (),
        "extra_idd": settings.extra_idd,
        "emergency": settings.emergency,
    }
    return [
        f"{name} {value!r} must be 1 to 15 digits"
        for name, values in fields.items()
        for value in values
        if not re.fullmatch("[0-9]{1,15}", value)
    ]


def _extension_problems(ext_len: tuple[int, int] | None) -> list[str]:
    if ext_len is None or 1 <= ext_len[0] <= ext_len[1] <= 15:
        return []
    return [f"ext_len {list(ext_len)} must be the shortest and the longest length, between 1 and 15"]
