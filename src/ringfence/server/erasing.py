"""People who are forgotten on request, and what is older than they may keep it."""

from __future__ import annotations

import asyncio
from typing import Any

from ringfence.engine.forget import forget
from ringfence.engine.snapshot import dump
from ringfence.ledger.records import number_key
from ringfence.server.control import ControlError
from ringfence.server.guard import Guard
from ringfence.server.recovery import ENGINE


async def erase(guard: Guard, arguments: dict[str, Any]) -> dict[str, int]:
    """Erase a person's calls (`numbers`), or what is older than `before`, from the ledger that the asker means."""
    ledger = guard.ledger
    asked, ours = str(arguments.get("ledger", "")), ledger.path.resolve()
    if asked != str(ours):
        raise ControlError(f"this guard writes {ours}, not {asked}; name its --ledger, or the --control of another")
    if ledger.down is not None:
        raise ControlError(ledger.down)
    if "before" in arguments:
        entries = await asyncio.wrap_future(ledger.purge(int(arguments["before"])))
        return {"entries": entries}
    numbers = [number_key(str(number)) for number in arguments.get("numbers", ())]
    forget(guard.engine.behaviour, set(numbers))
    erasure = ledger.erase(numbers, {ENGINE: dump(guard.engine)})
    return (await asyncio.wrap_future(erasure))._asdict()
