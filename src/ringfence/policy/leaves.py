"""The single values of the policy file: money, caps, regions, addresses, numbers, hours, days."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ringfence.model.settings import Window
from ringfence.numbers.table import numbering
from ringfence.policy.kinds import Leaf, Wrong, listing
from ringfence.sip.errors import SipParseError
from ringfence.sip.uri import Uri, parse_uri

Address = tuple[str, int | None]
"""Host without brackets, and port."""

MICRO = 1_000_000
_MAX_MONEY_DIGITS = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_E164 = re.compile(r"\+([1-9][0-9]{6,14})", re.ASCII)
_PREFIX = re.compile(r"\+([1-9][0-9]{0,14})", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def text(says: str, *, longest: int = 1000) -> Leaf:
    """Any text that isn't empty."""

    def parse(value: Any) -> str:
        string = _string(value, says)
        if not string.strip() or len(string) > longest or any(ord(c) < 32 for c in string):
            raise Wrong(f"must be {says}, not {_shown(value)}")
        return string

    return Leaf(says, parse, {"type": "string", "minLength": 1, "maxLength": longest})


def pattern(says: str, regex: str, hint: str = "") -> Leaf:
    """Text that fits an expression as a whole."""

    def parse(value: Any) -> str:
        string = _string(value, says)
        if not re.fullmatch(regex, string, re.ASCII):
            raise Wrong(f"must be {says}, not {_shown(value)}", hint)
        return string

    return Leaf(says, parse, {"type": "string", "pattern": f"^{regex}$"})


def choice(*words: str) -> Leaf:
    """One of some words."""
    quoted = [f'"{word}"' for word in words]
    says = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)

    def parse(value: Any) -> str:
        if value not in words:
            near = get_close_matches(value, words, n=1) if isinstance(value, str) else []
            raise Wrong(f"must be {says}, not {_shown(value)}", f'did you mean "{near[0]}"?' if near else "")
        return str(value)

    return Leaf(says, parse, {"enum": list(words)})


def integer(least: int, most: int, unit: str = "") -> Leaf:
    """A whole number between two bounds, both allowed."""
    says = f"a whole number from {least:,} to {most:,}" + (f" ({unit})" if unit else "")

    def parse(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            hint = "without quotes" if isinstance(value, str) and value.isdecimal() else ""
            raise Wrong(f"must be {says}, not {_shown(value)}", hint)
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
            raise Wrong(f"must be {says}, not {_shown(value)}") from None

    return Leaf(says, parse, {"anyOf": [leaf.json, {"const": "off"}]})


def flag() -> Leaf:
    """true or false."""

    def parse(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Wrong(f"must be true or false, not {_shown(value)}", "without quotes" if value in _BOOLEANS else "")
        return value

    return Leaf("true or false", parse, {"type": "boolean"})


_BOOLEANS = ("true", "false")


def _rate(value: Any) -> float:
    says = "a number of calls per second from 0.001 to 100,000"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Wrong(f"must be {says}, not {_shown(value)}")
    if not Decimal("0.001") <= value <= 100_000:
        raise Wrong(f"must be {says}, not {_shown(value)}", "to stop all calls, leave the trunk out of the source")
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
        raise Wrong(f"must be an amount of money such as 400 or 0.015, not {_shown(value)}")
    if amount and amount.adjusted() >= _MAX_MONEY_DIGITS:
        raise Wrong(f"is too large for money: {_shown(value)}")
    scaled = Fraction(amount) * MICRO if amount.adjusted() > -30 or not amount else Fraction(1, 2)
    if scaled.denominator != 1:
        raise Wrong(f"has more than six decimals: {_shown(value)}")
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
    raise Wrong(f"must be a country code of two capital letters, not {_shown(value)}", hint)


REGION = Leaf("a country code of two capital letters", region, {"type": "string", "pattern": "^[A-Z]{2}$"})

_DESTINATION = "a country code such as GB or a prefix such as +4420"


def _destination(value: Any) -> str:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        if not numbering().code_of(value[1:]) and not _begins_code(value[1:]):
            raise Wrong(f"no country has the calling code that {_shown(value)} begins with")
        return value
    if isinstance(value, str) and value[:1] in "+0123456789" and value:
        raise Wrong(
            f"must be {_DESTINATION}, not {_shown(value)}", "a prefix is + and the digits from the country code on"
        )
    try:
        return region(value)
    except Wrong as wrong:
        raise Wrong(f"must be {_DESTINATION}, not {_shown(value)}", wrong.hint) from None


def _begins_code(digits: str) -> bool:
    return len(digits) < 3 and any(code.startswith(digits) for code in numbering().codes)


DESTINATION = Leaf(_DESTINATION, _destination, {"type": "string", "pattern": r"^([A-Z]{2}|\+[1-9][0-9]{0,14})$"})


def _home(value: Any) -> str:
    if value == "home":
        return "home"
    hint = f"write [{_shown(value)}]" if isinstance(value, str) else ""
    raise Wrong(f'must be "home" or a list of country codes and prefixes, not {_shown(value)}', hint)


HOME = Leaf('"home"', _home, {"const": "home"})


def name(value: Any) -> str:
    """A name of a table, which dotted keys and logs can show."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Wrong(f"must be a name of letters, digits, - and _ (at most 64), not {_shown(value)}")
    return value


NAME = Leaf("a name", name, {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"})


def _e164(value: Any) -> str:
    match = _E164.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong(
            f"must be a number such as +12125550100, not {_shown(value)}", "+, country code, 7 to 15 digits, no spaces"
        )
    return match[1]


E164 = Leaf("a number such as +12125550100", _e164, {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"})

_RANGE = "a number or a range such as +12125550100-+12125550199"


def _number_range(value: Any) -> tuple[str, str]:
    ends = _string(value, _RANGE).split("-")
    matches = [_E164.fullmatch(end.strip()) for end in ends]
    if len(matches) > 2 or None in matches:
        raise Wrong(f"must be {_RANGE}, not {_shown(value)}", "+, country code, 7 to 15 digits, no spaces")
    low, high = (match[1] for match in (matches[0], matches[-1]) if match)
    if len(low) != len(high):
        raise Wrong(f"both ends of a range need the same number of digits: {_shown(value)}")
    if low > high:
        raise Wrong(f"the range ends before it begins: {_shown(value)}", f"write +{high}-+{low}")
    return low, high


NUMBER_RANGE = Leaf(
    _RANGE, _number_range, {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}(\s*-\s*\+[1-9][0-9]{6,14})?$"}
)

_CIDR = "an address or network such as 192.0.2.10, 198.51.100.0/28 or 2001:db8::/48"


def network(value: Any) -> str:
    """An address or network in canonical CIDR form."""
    string = _string(value, _CIDR)
    try:
        return str(ip_network(string))
    except ValueError:
        raise Wrong(f"must be {_CIDR}, not {_shown(value)}", _network_hint(string)) from None


def _network_hint(string: str) -> str:
    try:
        return f'bits are set after the prefix: write "{ip_network(string, strict=False)}"'
    except ValueError:
        name = _HOST.fullmatch(string) and not _numeric(string)
        return "names aren't resolved here: write addresses" if name else ""


NETWORK = Leaf(_CIDR, network, {"type": "string"})


def address(*, names: bool) -> Leaf:
    """`host`, `host:port` or `[v6]:port`; host names only if `names`. Reads as an Address."""
    says = "an address such as 192.0.2.1:5060 or [2001:db8::1]:5060" + (" or a host name" if names else "")

    def parse(value: Any) -> Address:
        host, port = _split(_string(value, says))
        bad_port = port is not None and not (port.isascii() and port.isdecimal() and int(port[:6]) < 65536)
        if bad_port or not (_is_ip(host) or (names and _HOST.fullmatch(host) and not _numeric(host))):
            raise Wrong(f"must be {says}, not {_shown(value)}")
        return (str(ip_address(host)) if _is_ip(host) else host.lower()), None if port is None else int(port)

    return Leaf(says, parse, {"type": "string"})


def _split(string: str) -> tuple[str, str | None]:
    """Host and port; an IPv6 address without brackets has no port."""
    if string.startswith("["):
        host, bracket, rest = string[1:].partition("]")
        if bracket and ":" in host and (not rest or rest.startswith(":")):
            return host, rest[1:] if rest else None
        return "", None
    if string.count(":") > 1:
        return string, None
    host, colon, port = string.partition(":")
    return host, port if colon else None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _numeric(host: str) -> bool:
    return host.replace(".", "").isdecimal()


_SEND_TO = "a SIP URI such as sip:sbc.carrier.example:5060"


def _send_to(value: Any) -> str:
    uri = _uri(_string(value, _SEND_TO))
    if uri is None or uri.scheme not in ("sip", "sips") or uri.user is not None or uri.headers:
        raise Wrong(f"must be {_SEND_TO}, not {_shown(value)}", "scheme, host and port, without a user")
    if uri.scheme == "sips" or (uri.params.get("transport") or "udp").lower() != "udp":
        raise Wrong(
            f"only UDP is spoken toward carriers so far, not {_shown(value)}", "leave out transport, write sip:"
        )
    return str(uri)


def _uri(string: str) -> Uri | None:
    try:
        return parse_uri(string.encode("utf-8"))
    except SipParseError:
        return None


SEND_TO = Leaf(_SEND_TO, _send_to, {"type": "string", "pattern": "^sip:"})


def _time_zone(value: Any) -> str:
    string = _string(value, _ZONE)
    try:
        ZoneInfo(string)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise Wrong("this machine has no time zone data", "apt install tzdata") from None
        near = get_close_matches(string, known, n=1, cutoff=0.5)
        raise Wrong(f"must be {_ZONE}, not {_shown(value)}", f'did you mean "{near[0]}"?' if near else "") from None
    return string


_ZONE = "a time zone such as America/New_York"
TIME_ZONE = Leaf(_ZONE, _time_zone, {"type": "string"})

_HOURS = 'opening hours such as "Mon-Fri 08:00-18:00, Sat 09:00-13:00"'


def _hours(value: Any) -> tuple[Window, ...]:
    return tuple(_window(part.strip(), value) for part in _string(value, _HOURS).split(","))


def _window(part: str, value: Any) -> Window:
    """`Mon-Fri 08:00-18:00`, `Mon Wed 22:00-06:00`, `daily 00:00-24:00`."""
    *days, clock = part.split() or [""]
    match = _CLOCK.fullmatch(clock)
    if match is None or not days:
        raise Wrong(f"must be {_HOURS}, not {_shown(value)}", "days, then the time from and until, each HH:MM")
    since, until = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if since >= 1440 or until > 1440:
        raise Wrong(f"has a time after 24:00: {_shown(value)}")
    return Window(days=frozenset().union(*(_day_span(day, value) for day in days)), since=since, until=until)


def _day_span(days: str, value: Any) -> frozenset[int]:
    """Days from `Mon`, `Fri-Mon` (over the week's end) or `daily`."""
    if days == "daily":
        return frozenset(range(7))
    ends = days.split("-")
    if len(ends) > 2 or any(end not in _DAYS for end in ends):
        raise Wrong(f"{days!r} is no day in {_shown(value)}", f"days are {listing(_DAYS)}, Mon-Fri, daily")
    first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
    return frozenset((first + i) % 7 for i in range((last - first) % 7 + 1))


HOURS = Leaf(_HOURS, _hours, {"type": "string"})


def _day(value: Any) -> date:
    if type(value) is date:
        return value
    hint = "without quotes" if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else ""
    raise Wrong(f"must be a day such as 2027-01-31, not {_shown(value)}", hint)


DAY = Leaf("a day such as 2027-01-31", _day, {"type": "string", "format": "date"})


def _moment(value: Any) -> date | datetime:
    if isinstance(value, date):  # a datetime is one too
        if 2000 <= value.year < 2200:
            return value
        raise Wrong(f"must be between 2000 and 2199, not {_shown(value)}", "an exception is for a while")
    hint = "without quotes" if isinstance(value, str) else ""
    raise Wrong(
        f"must be a day such as 2027-01-31 or a day and time such as 2027-01-31T18:00:00, not {_shown(value)}", hint
    )


MOMENT = Leaf(
    "a day such as 2027-01-31 or a day and time such as 2027-01-31T18:00:00",
    _moment,
    {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]},
)


def networks_of(cidrs: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    """Canonical CIDR strings as networks."""
    return [ip_network(cidr) for cidr in cidrs]


def _string(value: Any, says: str) -> str:
    if not isinstance(value, str):
        raise Wrong(f"must be {says}, not {_shown(value)}", "in quotes" if isinstance(value, int | Decimal) else "")
    return value


def _shown(value: Any) -> str:
    """A value as the file has it, cut."""
    if isinstance(value, bool):
        return str(value).lower()
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + '..."'
