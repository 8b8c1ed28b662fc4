"""A call record, whatever product wrote it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model.time import Instant


class CdrError(RingfenceError):
    """A file can't be read as call records; the text says which, where and what to do."""


class Cdr(msgspec.Struct, gc=False, array_like=True):
    """One leg of a call."""

    call_id: str
    start: Instant
    answer: Instant
    """0: nobody answered."""
    end: Instant
    caller: str
    extension: str
    dialled: str
    trunk: str = ""
    """Name of the trunk it went over, as the record has it."""
    source_ip: str = ""
    user_agent: str = ""
    diverted_from: str = ""
    direction: Literal["out", "in"] = "out"

    @property
    def duration_s(self) -> int:
        """Seconds between answer and end, begun ones too; 0 where nobody answered."""
        return -(-max(0, self.end - self.answer) // 1_000_000) if self.answer else 0


class Broken(NamedTuple):
    """A row that can't be used."""

    where: str
    """`file:line`."""
    why: str


class Tally:
    """What was read: rows, and those that can't be used, by reason and with the first of each."""

    MAX_SHOWN = 1000

    def __init__(self) -> None:
        self.rows = 0
        self.broken: dict[str, int] = {}
        self.first: dict[str, str] = {}

    def add_broken(self, broken: Broken) -> None:
        """One more that is left out."""
        why = broken.why if broken.why in self.broken or len(self.broken) < self.MAX_SHOWN else "other reasons"
        self.broken[why] = self.broken.get(why, 0) + 1
        self.first.setdefault(why, broken.where)

    @property
    def left_out(self) -> int:
        """Rows that can't be used."""
        return sum(self.broken.values())
