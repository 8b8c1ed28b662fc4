"""Which column of a carrier's file holds what: told by its name, or said with `--map`.

Two columns are joined with `+`, such as `start=Date+Time`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ringfence.history.cdr import CdrError

NAMES: dict[str, tuple[str, ...]] = {
    "answer": ("answertime", "answer", "answered", "connecttime", "connect", "connected", "connectdate", "dateconnect"),
    "start": (
        "calldate", "datetime", "starttime", "start", "callstart", "calltime", "timestamp", "setuptime", "begintime",
        "startdate", "calldatetime", "startdatetime", "datetimeutc", "date", "time",
    ),
    "dialled": (
        "dialled", "dialed", "dialednumber", "dialedno", "diallednumber", "dst", "destinationnumber", "callednumber",
        "calledno", "calledpartynumber", "calledparty", "called", "callee", "tonumber", "bnumber", "bparty", "cld",
        "dnis", "numbercalled", "number", "to", "destination",
    ),
    "seconds": (
        "billsec", "billedseconds", "billedsec", "billedduration", "billedtime", "billableseconds", "billabletime",
        "chargeddurationsec", "chargedduration", "chargeableduration", "chargedseconds", "durations", "durationsec",
        "durationsecs", "durationseconds", "durationins", "seconds", "callduration", "duration", "length",
    ),
    "minutes": ("minutes", "billedminutes", "durationmin", "durationmins", "durationminutes", "durationinmin"),
    "cost": (
        "cost", "totalcost", "callcost", "charge", "charges", "totalcharge", "callcharge", "chargedamount", "amount",
        "netamount", "price", "total", "debit",
    ),
    "caller": (
        "caller", "callerid", "callingnumber", "callingparty", "callingpartynumber", "src", "ani", "cli", "anumber",
        "aparty", "fromnumber", "source", "from",
    ),
    "call_id": ("callid", "sipcallid", "uniqueid", "uuid", "calluuid", "cdrid", "sid", "callsid", "reference", "id"),
    "direction": ("direction", "calldirection"),
}  # fmt: skip
"""What carriers call each field, without case, spaces and signs; the likelier first."""
FIELDS = tuple(NAMES)

_ASIDE = re.compile(r"\((?!min)[^()]{0,40}\)\s*$", re.IGNORECASE)
"""`(UTC)`, `(USD)`: what may stand behind a name; minutes are another field."""
Columns = Mapping[str, tuple[int, ...]]
"""By field the places whose text makes it up."""


def guessed(header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """What can be told by the names; a date and a time beside it are one."""
    plain, bare = [_plain(name) for name in header], [_plain(_ASIDE.sub("", name)) for name in header]
    found: dict[str, tuple[int, ...]] = {}
    for field, names in NAMES.items():
        at = next((spelt.index(name) for spelt in (plain, bare) for name in names if name in spelt), None)
        if at is not None:
            found[field] = (at,)
    if "date" in plain and "time" in plain and found.get("start") == (plain.index("date"),):
        found["start"] = (plain.index("date"), plain.index("time"))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:80].lower())


def is_header(header: Sequence[str]) -> bool:
    """Whether a row names columns: a time and a number, and more than those."""
    found = guessed(header)
    return ("start" in found or "answer" in found) and "dialled" in found and len(found) > 2


def parsed(text: str) -> dict[str, tuple[str, ...]]:
    """What `--map` says: by field the names of its columns; raises CdrError."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    found = {field.strip(): _names(columns) for field, equals, columns in pairs if equals and columns.strip()}
    if len(found) != len(pairs):
        raise CdrError(f"--map {text}: write field=column, with commas between, each field once")
    for field in found:
        if field not in FIELDS:
            raise CdrError(f"--map {field}: no such field; there are {', '.join(FIELDS)}")
    return found


def _names(columns: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in columns.split("+"))


def places(said: Mapping[str, tuple[str, ...]], header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Where these columns are; KeyError with the first that isn't there."""
    found = {}
    for field, names in said.items():
        missing = next((name for name in names if name not in header), None)
        if missing is not None:
            raise KeyError(missing)
        found[field] = tuple(header.index(name) for name in names)
    return found


def in_words(columns: Columns, header: Sequence[str]) -> str:
    """As `--map` takes it: `answer=Connect Time,dialled=Called Number`."""
    return ",".join(f"{field}={'+'.join(header[at] for at in found)}" for field, found in columns.items())
