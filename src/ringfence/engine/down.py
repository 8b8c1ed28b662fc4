"""What the trunk's `when_down` makes of a verdict while the ledger can't be written (control F6).

The engine and its meters still work then, so every rule and cap holds as ever; but what is allowed now would be lost in
a crash. So nothing is allowed that the administrator didn't accept unrecorded: by default calls at home to ordinary
numbers. Emergency calls pass as always.
"""

from __future__ import annotations

from ringfence.engine.verdicts import not_ready
from ringfence.model.settings import Trunk
from ringfence.model.verdict import Verdict

ORDINARY = frozenset({"fixed", "mobile", "fixed_or_mobile", "toll_free"})
"""Kinds of number that `national_only` lets pass at home."""


def when_down(verdict: Verdict, trunk: Trunk, why: str) -> Verdict:
    """The verdict as it stands, or a 503 that says why."""
    if verdict.outcome != "allow" or verdict.emergency or _accepted(verdict, trunk):
        return verdict
    text = f"{why}; trunk {trunk.name} has when_down = {trunk.when_down!r}"
    return not_ready(verdict, "ledger-down", text)


def _accepted(verdict: Verdict, trunk: Trunk) -> bool:
    if trunk.when_down == "national_only":
        return verdict.destination.klass == "domestic" and verdict.destination.number.type in ORDINARY
    return trunk.when_down == "allow"
