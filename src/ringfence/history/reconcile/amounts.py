"""Lengths and money as carriers write them: `65`, `1:05`, `0:01:05`, `1,5`; `0.0500`, `$0.05`, `0,05 EUR`, `(0.05)`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

LONGEST_S = 366 * 86_400
MOST_MICROS = 10**15
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:\.\d{1,6})?", re.ASCII)
_NUMBER = re.compile(
    r"[-+(]?\s*(?:[^\d\s.,()+-]{1,4}\s*)?[-+]?(\d[\d.,' ]{0,24})\s*(?:[^\d\s.,()+-]{1,4})?\)?", re.ASCII
)


def seconds(text: str, unit_s: int = 1) -> float:
    """A length of time in seconds; a bare number counts `unit_s` each. Raises ValueError."""
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        found = int(clock[1] or 0) * 3600.0 + int(clock[2]) * 60 + int(clock[3])
    else:
        found = float(_decimal(text)) * unit_s
    if found > LONGEST_S:
        raise ValueError(f"{text[:40]!r} is no length of a call")
    return found


def micros(text: str) -> int:
    """Money in millionths, what is taken and what is given alike; raises ValueError."""
    found = int(_decimal(text.strip()) * 1_000_000)
    if found > MOST_MICROS:
        raise ValueError(f"{text[:40]!r} is no price of a call")
    return found


def _decimal(text: str) -> Decimal:
    """A number without its sign and currency. One comma and no point is a decimal comma."""
    found = _NUMBER.fullmatch(text[:64])
    if found is None:
        raise ValueError(f"{text[:40]!r} is no amount")
    digits = re.sub(r"[' ]", "", found[1])
    point, comma = digits.rfind("."), digits.rfind(",")
    if comma > point and (point >= 0 or digits.count(",") == 1):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        return Decimal(digits.replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no amount") from None
