"""What is owed while the ledger can't be written: facts kept in bounded memory, and a count of what is lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ringfence.ledger.records import Outage
from ringfence.ledger.store import Written
from ringfence.model.time import Instant


class Backlog:
    """Belongs to the writer's thread; `lose` may be called from any."""

    def __init__(self, room: int) -> None:
        self.rows: list[Written] = []
        self.since: Instant = 0
        """When the outage began; 0 where there is none."""
        self.vanished = 0
        """Committed entries that are no longer in the file."""
        self._room = room
        self._late = 0
        self._lost: dict[str, int] = {}
        self._lock = threading.Lock()

    def keep(self, rows: Sequence[Written]) -> None:
        """Keep what fits, count the rest."""
        room = max(0, self._room - len(self.rows))
        self.rows.extend(rows[:room])
        for row in rows[room:]:
            self.lose(row.kind)

    def lose(self, kind: str) -> None:
        """Count a fact that will never be in the ledger."""
        with self._lock:
            self._lost[kind] = self._lost.get(kind, 0) + 1

    @property
    def lossy(self) -> bool:
        """Whether there are losses that no record tells of yet."""
        return bool(self._lost or self.vanished)

    def written(self, count: int) -> None:
        """The first rows are in the ledger now."""
        del self.rows[:count]
        self._late += count

    def found(self, tail: Sequence[tuple[Instant, str, bytes | None]]) -> None:
        """Entries after the last commit that was confirmed: a commit that failed may have been made all the same."""
        same = 0
        for (at, kind, body), row in zip(tail, self.rows, strict=False):
            if (at, kind, body) != (row.at, row.kind, row.body):
                break
            same += 1
        self.written(same)

    def outage(self, now: Instant, why: str) -> Outage:
        """The record of it all."""
        with self._lock:
            lost = dict(self._lost)
        return Outage(at=now, since=self.since or now, why=why, late=self._late, lost=lost, vanished=self.vanished)

    def told(self, record: Outage) -> None:
        """The record is in the ledger."""
        with self._lock:
            self._lost = {kind: left for kind, n in self._lost.items() if (left := n - record.lost.get(kind, 0))}
        self._late = self.vanished = 0
        self.since = 0
