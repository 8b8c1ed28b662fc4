"""Why the numbering plan has no such number, and whether somebody may call it all the same (control C5).

Plans change faster than tables: a range that isn't listed may be permitted by name, and at home it only scores. That
is a door, so digits that are hardly a new range get a flag of SUSPECT; only an exception by name opens it for them:

- `special_range`: every listed number beside it is premium, satellite or of another kind that earns with calls.
- `short_number`: a short number behind a country code or a national prefix; many carriers would connect it.
- `trunk_digit`: it still begins with a 0, where no number of this plan does: behind it stands another reading, such as
  an international prefix.

Digits that go on behind a number that is complete are `too_long`, whatever their count: switches leave the surplus out.
"""

from __future__ import annotations

from ringfence.numbers.national import SHORT_WIDTH, main_region, national
from ringfence.numbers.number import SPECIAL_TYPES, Number, reject
from ringfence.numbers.overlay import special_prefixes
from ringfence.numbers.table import MAX_DIGITS, Breakpoints, numbering

Flags = tuple[str, ...]


def unknown(digits: str, table: Breakpoints, flags: Flags) -> Number:
    """The refusal of E.164 digits that begin with an assigned calling code and aren't in the table."""
    code = numbering().code_of(digits)
    if len(digits) > MAX_DIGITS:
        return reject("too_long", region=_hinted("", code), flags=flags, candidate=digits)
    region = _hinted(table.label(digits).region, code)
    reason = _reason(digits, code, table)
    suspect = _suspect(digits, code, table) if reason == "unallocated" else ""
    return reject(reason, region=region, flags=(*flags, suspect) if suspect else flags, candidate=digits)


def _hinted(region: str, code: str) -> str:
    """The country a refused number points to; +1 points to none by itself (control C4)."""
    return region if region or code == "1" else main_region(code)


def _reason(digits: str, code: str, table: Breakpoints) -> str:
    lengths = numbering().lengths[code]
    size = len(digits) - len(code)
    if size > lengths[-1] or any(table.label(digits[:n]).type for n in range(len(code) + 1, len(digits))):
        return "too_long"
    if size in lengths:
        return "unallocated"
    row = table.rows_under(digits)[0]
    longest = max((n for n, label in enumerate(row) if label.type), default=len(digits))
    return "too_long" if len(digits) > longest else "too_short"


def _suspect(digits: str, code: str, table: Breakpoints) -> str:
    """The flag of SUSPECT that says why this is hardly a new range, or empty."""
    nsn = digits[len(code) :]
    if nsn.startswith("0") and not _any_listed(code + "0", table):
        return "trunk_digit"
    if len(nsn) < SHORT_WIDTH and _is_short(nsn, code):
        return "short_number"
    if digits.startswith(special_prefixes()) or _among_special(digits, code, table):
        return "special_range"
    return ""


def _any_listed(prefix: str, table: Breakpoints) -> bool:
    return any(label.type for row in table.rows_under(prefix) for label in row[len(prefix) :])


def _is_short(nsn: str, code: str) -> bool:
    return any(region != "001" and national(region).short(nsn) for region in numbering().codes[code])


def _among_special(digits: str, code: str, table: Breakpoints) -> bool:
    """Whether the nearest listed numbers, those that share most digits, are all of special kinds."""
    for size in range(len(digits) - 1, len(code), -1):
        found = False
        for row in table.rows_under(digits[:size]):
            for label in row[size:]:
                if label.type and label.type not in SPECIAL_TYPES:
                    return False  # Also a bound: among ordinary numbers the first row answers.
                found = found or bool(label.type)
        if found:
            return True
    return False
