"""How people dial in one country: international, national, carrier and emergency prefixes, compiled once.

The rules for stripping a national prefix are libphonenumber's (`_maybe_strip_national_prefix_carrier_code` and the
length check in `parse`), so that what users know from it holds here: a prefix is kept where the number would stop
being viable without it (Italy's 0), and islands of the NANP get their area code by the transform rule.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import NamedTuple

from ringfence.numbers import overlay
from ringfence.numbers.table import Breakpoints, RegionData, numbering, unpack

SHORT_WIDTH = 10
"""Short numbers have at most nine digits."""

FALLBACK_EMERGENCY = frozenset({"112", "911"})
"""For the few regions without emergency data; 3GPP TS 22.101 §10.1 has phones treat these two as emergency."""


class Idd(NamedTuple):
    """An international prefix found at the beginning of a dialled number."""

    prefix: str
    rest: str
    carrier: bool
    """The prefix selects a carrier."""


class National:
    """The dialling rules of one region."""

    def __init__(self, region: str) -> None:
        data = numbering().region(region)
        self.region = region
        self.code = data.code
        self.data = data
        self._idd = re.compile(data.idd or "(?!)", re.ASCII)
        self._carriers = not data.idd.isdigit()
        self._ndd = re.compile(data.ndd_pattern or "(?!)", re.ASCII)
        self._general = re.compile(data.general, re.ASCII)
        self.accesses = overlay.accesses(region, data.code)
        self.reroutes = overlay.reroutes(region)
        self._shorts = unpack(data.shorts, SHORT_WIDTH)
        self._short_rows = overlay.short_rows(region)

    @cached_property
    def emergency(self) -> frozenset[str]:
        """Every emergency number, exactly as dialled."""
        added = {pattern.pattern for pattern, kind in self._short_rows if kind == "emergency"}
        return frozenset({*_exact(self._shorts, "emergency"), *added}) or FALLBACK_EMERGENCY

    @property
    def main_emergency(self) -> str:
        """The number `urn:service:sos` stands for: the shared one if there is one."""
        first = ("911", "112") if self.code == "1" else ("112", "911")
        known = [number for number in first if number in self.emergency]
        return known[0] if known else min(self.emergency)

    def short(self, digits: str) -> str:
        """The type of a short number, or empty."""
        if len(digits) >= SHORT_WIDTH:
            return ""
        if digits in self.emergency:
            return "emergency"
        for pattern, kind in self._short_rows:
            if pattern.fullmatch(digits):
                return kind
        return self._shorts.label(digits).type

    def idd(self, digits: str) -> Idd | None:
        """The international prefix, if there is one and a calling code can follow it (those never begin with 0)."""
        match = self._idd.match(digits)
        if match is None or digits[match.end() : match.end() + 1] in ("0", ""):
            return None
        prefix = match[0]
        carrier = self._carriers and prefix not in ("00", self.data.preferred_idd)
        return Idd(prefix, digits[match.end() :], carrier)

    def repeats_idd(self, digits: str) -> bool:
        """Whether an international prefix is followed by another one."""
        match = self._idd.match(digits)
        return match is not None and self.begins_with_idd(digits[match.end() :])

    def begins_with_idd(self, digits: str) -> bool:
        """Whether these digits begin with this region's international prefix, or with 00 or 011."""
        return digits.startswith(("00", "011")) or self._idd.match(digits) is not None

    def strip(self, digits: str) -> tuple[str, bool]:
        """(national significant number, whether a carrier was selected) of a nationally dialled number."""
        match = self._ndd.match(digits)
        if match is None:
            return digits, False
        nsn, carrier = self._stripped(match, digits)
        viable = self._general.fullmatch
        if (viable(digits) and not viable(nsn)) or self._impossible(nsn):
            return digits, False
        return nsn, carrier

    def _stripped(self, match: re.Match[str], digits: str) -> tuple[str, bool]:
        groups = match.groups()
        rule = self.data.ndd_transform
        if rule and groups[-1] is not None:
            return self._ndd.sub(rule, digits, count=1), len(groups) > 1 and groups[0] is not None
        return digits[match.end() :], bool(groups) and groups[0] is not None

    def _impossible(self, nsn: str) -> bool:
        """Too short, local only, or between two possible lengths; too long is left for the table to say.

        The lengths are those of the whole calling code, since JE dials GB numbers as its own.
        """
        lengths = numbering().lengths[self.code]
        size = len(nsn)
        return size in self.data.local_lengths or size < lengths[0] or (size < lengths[-1] and size not in lengths)

    def has_trunk_prefix(self, digits: str) -> bool:
        """Whether the number is dialled with a 0 or the national prefix, and so can't be a local one."""
        return digits.startswith("0") or bool(self.data.ndd and digits.startswith(self.data.ndd))


def _exact(table: Breakpoints, kind: str) -> list[str]:
    """All strings of one type in a small table."""
    found = []
    for start, past, row in zip(table.starts, [*table.starts[1:], None], table.rows, strict=True):
        for size, label in enumerate(row):
            if label.type == kind:
                end = 10**size if past is None else _ceiling(past, size)
                found += [str(n).zfill(size) for n in range(_ceiling(start, size), end)]
    return found


def _ceiling(prefix: str, size: int) -> int:
    """The first number of `size` digits that isn't before `prefix`."""
    return int(prefix[:size].ljust(size, "0")) + (len(prefix) > size)


@cache
def national(region: str) -> National:
    """The rules of one region, compiled on first use; raises KeyError for an unknown one."""
    return National(region)


def main_region(code: str) -> str:
    """The main region of a calling code."""
    return numbering().codes[code][0]


def region_data(region: str) -> RegionData:
    """The metadata behind the rules of one region."""
    return national(region).data
