"""The whole state of an engine as bytes, and back: what recovery begins with instead of ninety days of facts."""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.engine.engine import Engine
from ringfence.engine.live import Live


def dump(engine: Engine) -> bytes:
    """Meters, holds, containments, incidents, calls in progress and what is remembered of behaviour (msgpack)."""
    return msgspec.msgpack.encode(
        {
            "meters": engine.meters.dump(),
            "contained": engine.containments.dump(),
            "calls": list(engine.calls.values()),
            "behaviour": engine.behaviour.dump(),
            "incidents": engine.incidents.dump(),
            "accepted": engine.acceptances.dump(),
            "contacts": engine.contacts.dump(),
            "banning": engine.banning.dump(),
        }
    )


def load(engine: Engine, state: bytes) -> None:
    """Bring a fresh engine to a dumped state; raises msgspec.MsgspecError for bytes that are none."""
    found: dict[str, Any] = msgspec.msgpack.decode(state)
    engine.meters.load(found["meters"])
    engine.containments.load(found["contained"])
    engine.behaviour.load(found["behaviour"])
    engine.incidents.load(found["incidents"])
    engine.acceptances.load(found["accepted"])
    engine.contacts.load(found.get("contacts", []))
    engine.banning.load(found.get("banning", {}))
    engine.calls = {live.attempt.id: live for live in msgspec.convert(found["calls"], list[Live])}
