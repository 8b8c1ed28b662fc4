"""What an Asterisk's events lead to, in order: a call to decide, a fact to note, a channel to hang up."""

from __future__ import annotations

import msgspec

from ringfence.model.attempt import Attempt
from ringfence.model.fact import Answered, Arrived, AuthFailed, Ended, Offended, Registered, Strangers
from ringfence.model.verdict import Verdict

Told = Answered | Arrived | AuthFailed | Ended | Offended | Registered | Strangers


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Decide this attempt and say so with `decided`."""

    attempt: Attempt
    emergency: bool = False


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something happened that the engine and the ledger have to know."""

    fact: Told


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """End a channel, and with it what it talks to."""

    channel: str
    cause: int
    """Q.850: 21 for a call that was refused, 16 for one that was up."""


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Answer a question of the hook."""

    token: int
    """Which one."""
    verdict: Verdict | None
    """None: the channel is gone."""


Effect = Ask | Note | HangUp | Tell
