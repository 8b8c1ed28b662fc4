"""Countries, prefixes, telephone numbers and ranges of them."""

from __future__ import annotations

import re
from typing import Any

from ringfence.numbers.table import numbering
from ringfence.policy.kinds import Leaf, Wrong
from ringfence.policy.leaves import as_text, shown

_E164 = re.compile(r"\+([1-9][0-9]{6,14})", re.ASCII)
_PREFIX = re.compile(r"\+([1-9][0-9]{0,14})", re.ASCII)


def region(value: Any) -> str:
    """A country as the numbering table knows it."""
    known = numbering().region_names
    if isinstance(value, str) and value in known:
        return value
    hint = ""
    if isinstance(value, str) and value.strip().upper() in known:
        hint = f'write "{value.strip().upper()}"'
    elif value == "UK":
        hint = 'the United Kingdom is "GB"'
    raise Wrong(f"must be a country code of two capital letters, not {shown(value)}", hint)


REGION = Leaf("a country code of two capital letters", region, {"type": "string", "pattern": "^[A-Z]{2}$"})

_DESTINATION = "a country code such as GB or a prefix such as +4420"


def _destination(value: Any) -> str:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        if not numbering().code_of(value[1:]) and not _begins_code(value[1:]):
            raise Wrong(f"no country has the calling code that {shown(value)} begins with")
        return value
    if isinstance(value, str) and value[:1] in "+0123456789" and value:
        raise Wrong(
            f"must be {_DESTINATION}, not {shown(value)}", "a prefix is + and the digits from the country code on"
        )
    try:
        return region(value)
    except Wrong as wrong:
        raise Wrong(f"must be {_DESTINATION}, not {shown(value)}", wrong.hint) from None


def _begins_code(digits: str) -> bool:
    return len(digits) < 3 and any(code.startswith(digits) for code in numbering().codes)


DESTINATION = Leaf(_DESTINATION, _destination, {"type": "string", "pattern": r"^([A-Z]{2}|\+[1-9][0-9]{0,14})$"})


def _home(value: Any) -> str:
    if value == "home":
        return "home"
    hint = f"write [{shown(value)}]" if isinstance(value, str) else ""
    raise Wrong(f'must be "home" or a list of country codes and prefixes, not {shown(value)}', hint)


HOME = Leaf('"home"', _home, {"const": "home"})


def _e164(value: Any) -> str:
    match = _E164.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong(
            f"must be a number such as +12125550100, not {shown(value)}", "+, country code, 7 to 15 digits, no spaces"
        )
    return match[1]


E164 = Leaf("a number such as +12125550100", _e164, {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"})

_RANGE = "a number or a range such as +12125550100-+12125550199"


def _number_range(value: Any) -> tuple[str, str]:
    ends = as_text(value, _RANGE).split("-")
    matches = [_E164.fullmatch(end.strip()) for end in ends]
    if len(matches) > 2 or None in matches:
        raise Wrong(f"must be {_RANGE}, not {shown(value)}", "+, country code, 7 to 15 digits, no spaces")
    low, high = (match[1] for match in (matches[0], matches[-1]) if match)
    if len(low) != len(high):
        raise Wrong(f"both ends of a range need the same number of digits: {shown(value)}")
    if low > high:
        raise Wrong(f"the range ends before it begins: {shown(value)}", f"write +{high}-+{low}")
    return low, high


NUMBER_RANGE = Leaf(
    _RANGE, _number_range, {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}(\s*-\s*\+[1-9][0-9]{6,14})?$"}
)
