"""Forgetting a person on request (data protection): what behaviour remembers of a number goes.

This isn't a fact, though it changes state: a fact would keep the number that is to be forgotten. Whoever calls it keeps
a snapshot right after. Calls in progress stay as they are, and so do the meters of an extension named by the number:
they are counts, and a cap must not begin at zero because somebody asked to be forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet

from ringfence.engine.behaviour import Behaviour
from ringfence.engine.lately import MAX_TRIES


def forget(behaviour: Behaviour, numbers: AbstractSet[str]) -> None:
    """Forget numbers, given as digits: as called, as calling, and as the name of an extension."""
    for table in (behaviour.habits, behaviour.lately, behaviour.toll_free):
        for name in [name for name in table if _extension(name) in numbers]:
            del table[name]
    for habits in behaviour.habits.values():
        for number in numbers:
            habits.seen.pop(f"n:{number}", None)
    for recent in behaviour.lately.values():
        recent.tries = deque((entry for entry in recent.tries if entry.digits not in numbers), MAX_TRIES)
    behaviour.rings = [ring for ring in behaviour.rings if not {_digits(ring.caller), _digits(ring.dialled)} & numbers]


def _extension(name: str) -> str:
    """The digits of an extension, of the name it is remembered under; empty for other entities."""
    kind, _, party = name.partition(":")
    return _digits(party.rpartition("/")[2]) if kind == "caller" else ""


def _digits(text: str) -> str:
    return "".join(character for character in text if "0" <= character <= "9")
