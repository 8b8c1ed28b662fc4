"""What runs beside the guard: it follows the policy, has chores, says how it is, and is closed at the end."""

from __future__ import annotations

from typing import Any, Protocol

from ringfence.model.settings import Policy
from ringfence.model.time import Instant


class Beside(Protocol):
    """One of them. Made once the guard has recovered, before the first datagram is read."""

    def follow(self, policy: Policy) -> None:
        """This policy is in force now; whatever of it can be wrong was checked before."""

    def chore(self, now: Instant) -> None:
        """A few times a second: do what is due."""

    def status(self) -> Any:
        """What `ringfence status` gets of it, as JSON."""

    async def close(self) -> None:
        """Stop; nothing of it runs afterwards."""
