"""How a number is dialled at a customer's: the strings that a CDR shows."""

from __future__ import annotations

from typing import NamedTuple

_IDD = {"US": "011", "GB": "00", "DE": "00"}
_CODE = {"US": "1", "GB": "44", "DE": "49"}
EMERGENCY = {"US": "911", "GB": "999", "DE": "112"}


class Dialling(NamedTuple):
    """The habits of one place."""

    home: str
    outside: str = ""
    """Digit for an outside line."""
    plus: bool = False
    """Whether phones send numbers as `+` and E.164, as softphones and address books do."""

    def dial(self, e164: str) -> str:
        """The string for E.164 digits; within the NANP as if at home, as people do with Caribbean numbers."""
        if self.plus:
            return "+" + e164
        code = _CODE[self.home]
        if not e164.startswith(code):
            return f"{self.outside}{_IDD[self.home]}{e164}"
        return self.outside + (e164 if self.home == "US" else "0" + e164[len(code) :])

    def access(self, prefix: str, e164: str) -> str:
        """The string with a prefix that somebody tries, whatever it means here."""
        return prefix + e164
