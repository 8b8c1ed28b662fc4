"""What people and call records tell of single calls: that one shall end, or that one which was redirected has ended."""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.server.control import ControlError
from ringfence.server.guard import Guard

LONGEST_S = 7 * 86_400


class Told(msgspec.Struct, frozen=True):
    """A call that is over."""

    call: str
    """Its id here, or its SIP Call-ID."""
    talked_s: int
    """From its answer to its end; 0 where nobody answered."""


def ended(guard: Guard, arguments: dict[str, Any]) -> dict[str, int]:
    """Take redirected calls for over; how many of those told were in progress, and how many weren't."""
    try:
        told = msgspec.convert(arguments.get("calls"), list[Told])
    except msgspec.ValidationError as error:
        raise ControlError(f"calls are told as a list of call and talked_s: {error}") from None
    if any(not 0 <= one.talked_s <= LONGEST_S for one in told):
        raise ControlError(f"a call lasts from 0 to {LONGEST_S:,} seconds")
    redirected = {live.attempt.id: live.attempt.call_id for live in guard.engine.calls.values() if live.redirect_s}
    by_call_id: dict[str, list[str]] = {}
    for id, call_id in redirected.items():
        by_call_id.setdefault(call_id, []).append(id)
    over = 0
    for one in told:
        found = one.call if one.call in redirected else next(iter(by_call_id.get(one.call, ())), None)
        if found is not None:
            by_call_id[redirected.pop(found)].remove(found)
            guard.ended(found, one.talked_s)
            over += 1
    return {"ended": over, "unknown": len(told) - over}


def cut(guard: Guard, arguments: dict[str, Any]) -> str:
    """End a call by order of somebody; what was done."""
    call, leg = str(arguments.get("id", "")), str(arguments.get("leg", ""))
    live = guard.engine.calls.get(call)
    if live is not None and live.redirect_s:
        raise ControlError(
            f"call {call} was redirected: it doesn't pass through the guard and can't be cut here. End it at the SBC, "
            "then tell so with `ringfence calls ended`"
        )
    if not guard.cut(call, leg, "operator"):
        raise ControlError(f"no call {call!r} is in progress; `ringfence calls` lists them")
    return f"call {call} is being ended"
