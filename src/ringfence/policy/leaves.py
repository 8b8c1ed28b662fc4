"""The single values of the policy file that aren't about telephony: text, choices, whole numbers, rates, money, names.

Those of numbers, networks and times are in the modules beside this one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from ringfence.policy.kinds import Leaf, Wrong

MICRO = 1_000_000
_MAX_MONEY_DIGITS = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def text(says: str, *, longest: int = 1000) -> Leaf:
    """Any text that isn't empty."""

    def parse(value: Any) -> str:
        string = as_text(value, says)
        if not string.strip() or any(ord(c) < 32 for c in string):
            raise Wrong(f"must be {says}, not {shown(value)}")
        if len(string) > longest:
            raise Wrong(f"must be {says} of at most {longest} characters, not {len(string)}")
        return string

    return Leaf(says, parse, {"type": "string", "minLength": 1, "maxLength": longest})


def pattern(says: str, regex: str, hint: str = "") -> Leaf:
    """Text that fits an expression as a whole."""

    def parse(value: Any) -> str:
        string = as_text(value, says)
        if not re.fullmatch(regex, string, re.ASCII):
            raise Wrong(f"must be {says}, not {shown(value)}", hint)
        return string

    return Leaf(says, parse, {"type": "string", "pattern": f"^{regex}$"})


def choice(*words: str, otherwise: str = "", write: str = "") -> Leaf:
    """One of some words; what else than a word there may be in its place, and how it is written."""
    quoted = [f'"{word}"' for word in words]
    says = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)

    def parse(value: Any) -> str:
        if value not in words:
            near = get_close_matches(value, words, n=1) if isinstance(value, str) else []
            hint = f'did you mean "{near[0]}"?' if near else f"write {write.format(shown(value))}" if write else ""
            raise Wrong(f"must be {says}{f' or {otherwise}' if otherwise else ''}, not {shown(value)}", hint)
        return str(value)

    return Leaf(says, parse, {"enum": list(words)})


def integer(least: int, most: int, unit: str = "") -> Leaf:
    """A whole number between two bounds, both allowed."""
    says = f"a whole number from {least:,} to {most:,}" + (f" ({unit})" if unit else "")

    def parse(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            hint = "without quotes" if isinstance(value, str) and value.isdecimal() else ""
            raise Wrong(f"must be {says}, not {shown(value)}", hint)
        return value

    return Leaf(says, parse, {"type": "integer", "minimum": least, "maximum": most})


def or_off(leaf: Leaf) -> Leaf:
    """A value, or the word `off`, which reads as None."""
    says = f'{leaf.says}, or "off"'

    def parse(value: Any) -> Any:
        if value == "off":
            return None
        try:
            return leaf.parse(value)
        except Wrong:
            raise Wrong(f"must be {says}, not {shown(value)}") from None

    return Leaf(says, parse, {"anyOf": [leaf.json, {"const": "off"}]})


def flag() -> Leaf:
    """true or false."""

    def parse(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Wrong(f"must be true or false, not {shown(value)}", "without quotes" if value in _BOOLEANS else "")
        return value

    return Leaf("true or false", parse, {"type": "boolean"})


_BOOLEANS = ("true", "false")


def _rate(value: Any) -> float:
    says = "a number of calls per second from 0.001 to 100,000"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Wrong(f"must be {says}, not {shown(value)}")
    if not Decimal("0.001") <= value <= 100_000:
        raise Wrong(f"must be {says}, not {shown(value)}", "to stop all calls, leave the trunk out of the source")
    return float(value)


RATE = Leaf(
    "a number of calls per second from 0.001 to 100,000",
    _rate,
    {"type": "number", "minimum": 0.001, "maximum": 100_000},
)


def micros(value: Any) -> int:
    """An amount of money to micro-units, exactly. Raises Wrong for what isn't one or is finer than that."""
    amount = _amount(value)
    if amount is None or not amount.is_finite() or amount < 0:
        raise Wrong(f"must be an amount of money such as 400 or 0.015, not {shown(value)}")
    if amount and amount.adjusted() >= _MAX_MONEY_DIGITS:
        raise Wrong(f"is too large for money: {shown(value)}")
    scaled = Fraction(amount) * MICRO if amount.adjusted() > -30 or not amount else Fraction(1, 2)
    if scaled.denominator != 1:
        raise Wrong(f"has more than six decimals: {shown(value)}")
    return int(scaled)


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,40}(\.[0-9]{1,40})?", value, re.ASCII):
        return Decimal(value)
    return None


MONEY = Leaf(
    "an amount of money such as 400 or 0.015",
    micros,
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}]},
)


def name(value: Any) -> str:
    """A name of a table, which dotted keys and logs can show."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Wrong(f"must be a name of letters, digits, - and _ (at most 64), not {shown(value)}")
    return value


NAME = Leaf("a name", name, {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"})


def as_text(value: Any, says: str) -> str:
    """The value if it is text; raises Wrong with what it must be."""
    if not isinstance(value, str):
        raise Wrong(f"must be {says}, not {shown(value)}", "in quotes" if isinstance(value, int | Decimal) else "")
    return value


def shown(value: Any) -> str:
    """A value as the file has it, cut."""
    if isinstance(value, bool):
        return str(value).lower()
    plain = str(value) if len(str(value)) <= 60 else f"{str(value)[:57]}..."
    return f'"{plain}"' if isinstance(value, str) else plain
