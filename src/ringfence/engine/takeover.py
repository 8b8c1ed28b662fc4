"""Taking over what is usual from a history, beside what is known already.

This isn't a fact, though it changes state: a history is no happening of this guard's. Whoever calls it keeps a snapshot
right after; a guard that is killed before it is written takes over the same once more.
"""

from __future__ import annotations

from ringfence.engine.behaviour import Behaviour
from ringfence.engine.habits import Habits
from ringfence.engine.lately import DAY_US
from ringfence.model.time import Instant


def take_over(behaviour: Behaviour, habits: dict[str, Habits], digest: str, now: Instant) -> None:
    """Know what a history says of each entity; `digest` is remembered, so that it is done once."""
    for name, known in habits.items():
        behaviour.habits_of(name, now).join(known, now // DAY_US)
    behaviour.learned_from = digest
    behaviour.use(behaviour.policy)  # What was looked at last looks different now.
