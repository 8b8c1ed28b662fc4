"""What is taken back when a containment is undone: its refusals speak against nobody any more.

While it is in force they count like others: who goes on dialling is suspect. When somebody undoes it, it held those it
should not have held, and nothing that they tried meanwhile may keep their next call from going out.
"""

from __future__ import annotations

from ringfence.engine.behaviour import Behaviour
from ringfence.model.fact import Contained


def pardon(behaviour: Behaviour, undone: Contained) -> None:
    """Forget what it refused."""
    concerned = (recent for name, recent in behaviour.lately.items() if _concerns(undone, name))
    held = {attempt for recent in concerned for attempt in recent.held()}
    if held:
        behaviour.lately = {name: recent.without(held) for name, recent in behaviour.lately.items()}
        behaviour.use(behaviour.policy)  # What was looked at last looks different now.


def _concerns(undone: Contained, name: str) -> bool:
    """Whether it may have refused somebody, by the name under which he is remembered."""
    kind, _, party = name.partition(":")
    if undone.entity == "caller":
        return kind == "caller" and party == undone.name
    source = undone.name if undone.entity == "source" else undone.within
    return kind == "caller" and (not source or party.startswith(f"{source}/"))
