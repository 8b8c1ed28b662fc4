"""Forgetting a person on request (data protection): what behaviour remembers of a number goes.

This isn't a fact, though it changes state: a fact would keep the number that is to be forgotten. Whoever calls it keeps
a snapshot right after. Calls in progress stay as they are, and so do the meters of an extension named by the number:
they are counts, and a cap must not begin at zero because somebody asked to be forgotten.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ringfence.engine.behaviour import Behaviour
from ringfence.engine.inbound import Rings
from ringfence.engine.lately import Lately


def forget(behaviour: Behaviour, numbers: AbstractSet[str]) -> None:
    """Forget numbers, given as digits: as called, as calling, and as the name of an extension."""
    for table in (behaviour.habits, behaviour.lately, behaviour.toll_free):
        for name in [name for name in table if _extension(name) in numbers]:
            del table[name]
    behaviour.registrations.forget({n for n in behaviour.registrations.names() if _extension(n) in numbers})
    for habits in behaviour.habits.values():
        for number in numbers:
            habits.seen.pop(f"n:{number}", None)
    for name, recent in behaviour.lately.items():
        tries, ends = recent.dump()
        behaviour.lately[name] = Lately([entry for entry in tries if entry.digits not in numbers], ends)
    rings = behaviour.rings.dump()
    behaviour.rings = Rings(ring for ring in rings if not {_digits(ring.caller), _digits(ring.dialled)} & numbers)
    behaviour.use(behaviour.policy)  # What was looked at last looks different now.


def _extension(name: str) -> str:
    """The digits of an extension, of the name it is remembered under; empty for other entities."""
    kind, _, party = name.partition(":")
    return _digits(party.rpartition("/")[2]) if kind == "caller" else ""


def _digits(text: str) -> str:
    return "".join(character for character in text if "0" <= character <= "9")
