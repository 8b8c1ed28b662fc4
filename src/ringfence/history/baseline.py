"""What was learned from history, in a file: habits without the hours of today.

Extensions, sources and trunks go by name. Where the policy has other names and both sides have just one, that one is
meant.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ringfence.engine import habits as habit
from ringfence.engine import takeover
from ringfence.engine.engine import Engine
from ringfence.history.cdr import CdrError
from ringfence.model import SECOND, Instant

FORMAT = 1
DAY_US = 86_400 * SECOND
KINDS = ("source", "trunk", "tenant")


def save(path: Path, engine: Engine) -> None:
    """Write what an engine remembers of everybody's habits; raises CdrError."""
    state = {"format": FORMAT, "habits": engine.behaviour.dump()["habits"]}
    try:
        path.write_bytes(msgspec.msgpack.encode(state))
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


class Baseline(NamedTuple):
    """What a file holds."""

    path: Path
    digest: str
    habits: dict[str, Any]
    """By entity, as plain data."""

    @property
    def day(self) -> int:
        """The last day that it knows, since 1970."""
        return max((int(kept["day"]) for kept in self.habits.values()), default=0)


def read(path: Path) -> Baseline:
    """A file of `ringfence learn --baseline`; raises CdrError."""
    try:
        data = path.read_bytes()
        state = msgspec.msgpack.decode(data)
        if state["format"] != FORMAT:
            raise CdrError(f"{path}: of another version; make it again with `ringfence learn --baseline`")
        habit.load(state["habits"])
        return Baseline(path, hashlib.sha256(data).hexdigest(), state["habits"])
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise CdrError(f"{path}: is no baseline of `ringfence learn --baseline` ({error})") from error


def load(path: Path, engine: Engine) -> int:
    """Bring it to a fresh engine; gives how many entities are known. Raises CdrError."""
    habits = _renamed(read(path).habits, engine)
    engine.behaviour.load({**engine.behaviour.dump(), "habits": habits})
    return len(habits)


def take_over(baseline: Baseline, engine: Engine, now: Instant) -> bool:
    """Bring it to an engine that runs and may know something already; False if it was taken over before.

    Raises CdrError for one of days to come: what fades by the day would grow.
    """
    if engine.behaviour.learned_from == baseline.digest:
        return False
    if baseline.day > now // DAY_US + 1:
        raise CdrError(f"{baseline.path}: knows days to come; are the records' dates right?")
    takeover.take_over(engine.behaviour, habit.load(_renamed(baseline.habits, engine)), baseline.digest, now)
    return True


def _renamed(habits: dict[str, Any], engine: Engine) -> dict[str, Any]:
    policy = engine.policy
    known = {"source": list(policy.sources), "trunk": list(policy.trunks), "tenant": [*policy.tenants, ""]}
    renames = {}
    for kind in KINDS:
        found = [name.partition(":")[2] for name in habits if name.startswith(f"{kind}:")]
        strange = [name for name in found if name not in known[kind]]
        free = [name for name in known[kind] if name not in found]
        if len(strange) == 1 and len(free) == 1:
            renames[f"{kind}:{strange[0]}"] = f"{kind}:{free[0]}"
            if kind == "source":
                renames[f"caller:{strange[0]}/"] = f"caller:{free[0]}/"
    return {_new_name(name, renames): kept for name, kept in habits.items()}


def _new_name(name: str, renames: dict[str, str]) -> str:
    if name in renames:
        return renames[name]
    head, slash, extension = name.partition("/")
    return renames.get(head + slash, head + slash) + extension
