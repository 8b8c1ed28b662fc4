"""One simulated call, before it has an id: what a CDR tells of it, and what only the labels tell."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

ANSWERED, NO_ANSWER, BUSY, FAILED = "ANSWERED", "NO ANSWER", "BUSY", "FAILED"


class Mark(NamedTuple):
    """What a call really is."""

    label: str = "honest"
    """`honest` or `fraud`."""
    campaign: str = ""
    """Which attack or hard negative it belongs to, unique in a run; empty for everyday traffic."""
    kind: str = ""
    """The slug of the attack or hard negative; empty for everyday traffic."""


EVERYDAY = Mark()


class Call(msgspec.Struct, gc=False):
    """A leg on a trunk. Instants are milliseconds since 1970."""

    start_ms: int
    ring_ms: int
    """From the start to the answer, or to the end where there is none."""
    talk_ms: int
    """From the answer to the end; 0 where there is no answer."""
    disposition: str
    caller: str
    """Caller ID, `+` and E.164 digits."""
    extension: str
    source_ip: str
    user_agent: str
    dialled: str
    e164: str
    """The digits the dialled string means; for numbers that don't exist, the digits that are meant."""
    trunk: str
    direction: str = "out"
    diverted_from: str = ""
    mark: Mark = EVERYDAY

    @property
    def answer_ms(self) -> int:
        return self.start_ms + self.ring_ms

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.ring_ms + self.talk_ms
