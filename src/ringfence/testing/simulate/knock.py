"""One request that is no call of the customer's: a scan, a guess at a password, a stranger's INVITE."""

from __future__ import annotations

from typing import Literal

import msgspec

from ringfence.testing.simulate.call import EVERYDAY, Mark

Method = Literal["OPTIONS", "REGISTER", "INVITE"]
THROUGH_PBX = 0
"""The `stranger` of a request that comes from the PBX's address."""


class Knock(msgspec.Struct, gc=False, kw_only=True):
    """Instants are milliseconds since 1970."""

    start_ms: int
    method: Method
    account: str
    """The user of From and To."""
    user_agent: str
    password: Literal["", "wrong", "right"] = ""
    """What answers a challenge; empty: nothing does, it isn't known."""
    dialled: str = ""
    """What an INVITE calls."""
    stranger: int = 1
    """Which of the addresses that nobody knows it comes from."""
    mark: Mark = EVERYDAY
