"""What was learned from history, in a file: habits without the hours of today.

Extensions, sources and trunks go by name. Where the policy has other names and both sides have just one, that one is
meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ringfence.engine.engine import Engine
from ringfence.history.cdr import CdrError

FORMAT = 1
KINDS = ("source", "trunk", "tenant")


def save(path: Path, engine: Engine) -> None:
    """Write what an engine remembers of everybody's habits; raises CdrError."""
    state = {"format": FORMAT, "habits": engine.behaviour.dump()["habits"]}
    try:
        path.write_bytes(msgspec.msgpack.encode(state))
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


def load(path: Path, engine: Engine) -> int:
    """Bring it to a fresh engine; gives how many entities are known. Raises CdrError."""
    try:
        state = msgspec.msgpack.decode(path.read_bytes())
        if state["format"] != FORMAT:
            raise CdrError(f"{path}: of another version; make it again with `ringfence learn --baseline`")
        habits = _renamed(state["habits"], engine)
        engine.behaviour.load({**engine.behaviour.dump(), "habits": habits})
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise CdrError(f"{path}: is no baseline of `ringfence learn --baseline` ({error})") from error
    return len(habits)


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
