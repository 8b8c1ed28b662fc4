"""The number that goes to the carrier: rebuilt from the one that was judged, in the form the trunk wants.

What was dialled is never sent on, so a switch can't read another number than the firewall judged. Forms:

- `+E164`, `E164`
- `<digits>E164`, such as `011E164` or `00E164`: those digits, then the E.164 number
- `national`: numbers with the home calling code as they are dialled at home, with the national prefix where the
  country's plan writes one (GB `02079460000`, AR mobile `0111523456789`); the NANP without the 1, ten digits. All
  others with the preferred international prefix of home. A national form that a switch at home would read as another
  number (a range that the plan doesn't list has no form, and `0053...` without its trunk 0 is Cuba) is not sent: the
  international form is, which can't be misread.

A technical prefix comes before all of it. Emergency and other short numbers are sent as they are, without any prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ringfence.numbers.national import National, main_region, national
from ringfence.numbers.number import Number
from ringfence.numbers.plan import DialPlan
from ringfence.numbers.settings import PlanError, PlanSettings

_FORMAT = re.compile(r"(\+|[0-9]{0,8})E164|national", re.ASCII)

_CARRIER_IDD = {
    "BO": "0010", "BR": "0021", "CO": "009", "HK": "001", "ID": "008", "KH": "001", "KR": "002", "PW": "011",
    "SG": "001", "TH": "001", "TW": "002", "TZ": "000", "UG": "000",
}  # fmt: skip
"""Where an international prefix selects a carrier and the metadata prefers none that is always read as one: the
incumbent's or a common one. A trunk that wants another one says so as `<digits>E164`."""


class OutgoingFormat:
    """A trunk's `dial_format` or `from_format`, compiled; raises PlanError for one that doesn't exist."""

    def __init__(self, dial_format: str, home: str, tech_prefix: str = "") -> None:
        match = _FORMAT.fullmatch(dial_format)
        if match is None:
            allowed = "must be +E164, E164, national, or digits followed by E164 such as 011E164"
            raise PlanError(f"format {dial_format!r} {allowed}")
        if not re.fullmatch("[0-9*#+]{0,15}", tech_prefix):
            raise PlanError(f"tech_prefix {tech_prefix!r} must be at most 15 of the characters 0-9 * # +")
        self._before = match[1]
        self._home = national(home)
        self._reader = DialPlan(PlanSettings(home=home))
        self._tech = tech_prefix

    def number(self, number: Number) -> str:
        """The user part for the carrier; raises ValueError for a rejected number, which must not be sent."""
        if number.status == "short":
            return number.e164
        if number.status != "ok":
            raise ValueError(f"a rejected number ({number.reason}) has no outgoing form")
        return self._tech + self.digits(number.e164)

    def digits(self, e164: str) -> str:
        """E.164 digits in this form, without the technical prefix; for caller IDs."""
        if self._before is not None:
            return f"{self._before}{e164}"
        return next((form for form in self._forms(e164) if self._reads_as(form, e164)), f"+{e164}")

    def _forms(self, e164: str) -> Iterator[str]:
        if e164.startswith(self._home.code):
            yield national_form(e164, self._home)
        yield _idd_of(self._home) + e164

    def _reads_as(self, form: str, e164: str) -> bool:
        read = self._reader.normalise(form)
        return e164 in (read.e164, read.candidate) and read.status != "short"


def national_form(e164: str, home: National) -> str:
    """An E.164 number of the home calling code as it is dialled at home (libphonenumber's national format)."""
    nsn = e164[len(home.code) :]
    for rule in national(main_region(home.code)).data.formats:
        if re.match(rule.leading, nsn) and re.fullmatch(rule.pattern, nsn):
            return re.sub("[^0-9]", "", re.sub(rule.pattern, rule.template, nsn, count=1))
    return nsn


def _idd_of(home: National) -> str:
    """The prefix to dial abroad with: a carrier's where it takes one, the preferred one, the only one, else 00."""
    data = home.data
    plain = data.preferred_idd or (data.idd if data.idd.isdigit() else "")
    return _CARRIER_IDD.get(home.region) or plain or ("00" if re.fullmatch(data.idd, "00") else "+")
