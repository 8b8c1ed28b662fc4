"""What the ledger keeps beside facts, and what of an entry is put into columns that can be searched.

An entry is a fact of the engine or one of the ledger's own records: that it was opened, that it could not be written
for a while, that bodies were purged or erased, that a segment of messages was closed. All are in one chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, get_args

import msgspec

from ringfence.model import (
    Accepted,
    Allowed,
    Arrived,
    Attempted,
    AuthFailed,
    Banned,
    Bound,
    Contained,
    Decided,
    Disallowed,
    Enrolled,
    Extended,
    Fact,
    Hold,
    Offended,
    PolicyChanged,
    Registered,
    Released,
    Strangers,
    Tick,
    Unbanned,
    Unbound,
)
from ringfence.model.time import Instant


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    at: Instant


class Opened(_Record, frozen=True, kw_only=True, tag="opened"):
    """A writer opened the ledger."""

    node: str
    key: bytes
    """Public key that signs heads from here on."""


class Outage(_Record, frozen=True, kw_only=True, tag="outage"):
    """The ledger could not be written; what came meanwhile follows late, or is lost and counted here."""

    since: Instant
    why: str
    late: int
    """Facts that were kept in memory and are written right before this record."""
    lost: dict[str, int]
    """Facts by kind that are not in the ledger: they came while the bounded backlog was full."""
    vanished: int = 0
    """Committed entries that are no longer there, because the file was removed or replaced."""


class Purged(_Record, frozen=True, kw_only=True, tag="purged"):
    """What is older than `before` is removed from here on."""

    before: Instant
    kinds: tuple[str, ...]
    """Empty: all kinds with their headers, up to the anchor, and SIP messages too; else only bodies."""


class Erased(_Record, frozen=True, kw_only=True, tag="erased"):
    """One person's data was removed. The person isn't named here."""

    ranges: tuple[tuple[int, int], ...]
    """First and last seq of each run of erased entries."""


class Segment(_Record, frozen=True, kw_only=True, tag="segment"):
    """A file of SIP messages was closed, or rewritten by an erasure; the last record of a name holds."""

    name: str
    size: int
    sha256: bytes
    last: Instant
    """Of its last message: a purge of what is older removes the file."""


Record: TypeAlias = Opened | Outage | Purged | Erased | Segment
Entry: TypeAlias = Fact | Record

NOT_KEPT = frozenset({Attempted, Offended, Tick})
"""Facts that are not journaled: `Decided` embeds the attempt, `Banned` says what came of offences."""

KINDS = tuple(str(kind.__struct_config__.tag) for kind in get_args(Entry) if kind not in NOT_KEPT)
"""The tags of all that is kept."""

encode = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes], Entry] = msgspec.msgpack.Decoder(Entry).decode


class Columns(NamedTuple):
    """The searchable part of an entry; all of it can be worked out again from the body."""

    call: str | None = None
    source: str | None = None
    """Name of the source; of a stranger or a ban its address; of a containment what is contained."""
    caller: str | None = None
    callee: str | None = None
    outcome: str | None = None


def kind_of(entry: Entry) -> str:
    """The tag under which an entry is kept."""
    return str(entry.__struct_config__.tag)


def number_key(text: str) -> str:
    """How a number is written in the searchable columns: its digits, or the text where it has none."""
    number = text.removeprefix("+")
    if number.isascii() and number.isdigit():
        return number
    return "".join(character for character in text if "0" <= character <= "9") or text.lower()


def columns(entry: Entry) -> Columns:
    """What can be searched of an entry."""
    if isinstance(entry, Decided):
        attempt, number = entry.attempt, entry.verdict.destination.number
        callee = number.e164 or number.candidate or number_key(attempt.dialled)
        return Columns(attempt.id, attempt.source, number_key(attempt.caller), callee, entry.verdict.outcome)
    if isinstance(entry, Arrived):
        return Columns(entry.id, entry.source, number_key(entry.caller), number_key(entry.dialled))
    if isinstance(entry, AuthFailed | Registered | Bound | Unbound):
        return Columns(source=entry.source, caller=number_key(entry.account))
    if isinstance(entry, Strangers):
        return Columns(source=entry.address)
    if isinstance(entry, Contained | Banned | Unbanned | Allowed | Disallowed):
        return Columns(source=entry.name)
    if isinstance(entry, Extended):
        return Columns(call=call_of(entry.hold))
    if isinstance(entry, Enrolled):
        return Columns(source=entry.trunk)
    if isinstance(entry, Accepted):
        return Columns(source=entry.source)
    if isinstance(entry, Released | PolicyChanged | _Record):
        return Columns()
    return Columns(call=getattr(entry, "id", None))


def columns_of(body: bytes) -> Columns:
    """What can be searched of an encoded entry; nothing where it can't be read."""
    try:
        return columns(decode(body))
    except msgspec.MsgspecError:
        return Columns()


def call_of(hold: Hold) -> str:
    """The attempt a hold belongs to: the hold of an extension is named `attempt#leg`."""
    return hold.id.partition("#")[0]
