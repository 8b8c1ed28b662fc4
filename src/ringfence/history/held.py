"""Which fields the records of a replay hold: what is in none of them couldn't be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ringfence.history.cdr import Cdr


class Held(msgspec.Struct):
    """Counts of records, by what they say."""

    outbound: int = 0
    inbound: int = 0
    missed: int = 0
    """Inbound ones that nobody answered."""
    unanswered: int = 0
    """Outbound ones that nobody answered."""
    source_ip: int = 0
    user_agent: int = 0
    diverted_from: int = 0
    fractions: int = 0
    """Those that begin within a second, not at its beginning."""

    def counted(self, calls: Iterable[Cdr]) -> Iterator[Cdr]:
        """The same calls."""
        for call in calls:
            self._count(call)
            yield call

    def _count(self, call: Cdr) -> None:
        if call.direction == "in":
            self.inbound += 1
            self.missed += not call.answer
            return
        self.outbound += 1
        self.unanswered += not call.answer
        self.source_ip += bool(call.source_ip)
        self.user_agent += bool(call.user_agent)
        self.diverted_from += bool(call.diverted_from)
        self.fractions += bool(call.start % 1_000_000)
