"""The whole state of an engine as bytes, and back: what recovery begins with instead of ninety days of facts."""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.engine.engine import Engine
from ringfence.engine.live import Live


def dump(engine: Engine) -> bytes:
    """Meters, holds, containments and calls in progress (msgpack)."""
    return msgspec.msgpack.encode(
        {
            "meters": engine.meters.dump(),
            "contained": engine.containments.dump(),
            "calls": list(engine.calls.values()),
        }
    )


def load(engine: Engine, state: bytes) -> None:
    """Bring a fresh engine to a dumped state; raises msgspec.MsgspecError for bytes that are none."""
    found: dict[str, Any] = msgspec.msgpack.decode(state)
    engine.meters.load(found["meters"])
    engine.containments.load(found["contained"])
    engine.calls = {live.attempt.id: live for live in msgspec.convert(found["calls"], list[Live])}
