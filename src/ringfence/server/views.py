"""What `status` and `calls` show, as plain data for the control socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

import ringfence
from ringfence.edge.revocation import RevocationList
from ringfence.edge.tls import Certificate
from ringfence.engine.engine import Engine
from ringfence.engine.levels import levels
from ringfence.engine.live import Leg, Live, told_micros
from ringfence.model.time import SECOND, Instant


def status(engine: Engine, now: Instant, *, callers: bool = False) -> dict[str, Any]:
    """The state of the engine: policy, calls in progress, every meter with its levels, bans, containments."""
    return {
        "version": ringfence.__version__,
        "node": engine.node,
        "at": now,
        "policy": engine.policy.version,
        "calls": len(engine.calls),
        "meters": msgspec.to_builtins(list(levels(engine.policy, engine.meters, now, callers=callers))),
        "bans": {"in_force": len(engine.banning.bans), "forgone": engine.banning.forgone},
        "contained": msgspec.to_builtins(list(engine.containments)),
    }


def certificates(ours: Mapping[str, Certificate | RevocationList], now: Instant) -> list[dict[str, Any]]:
    """What we prove ourselves by, by the table of the policy that names it, and what is to be said of it."""
    return [
        {
            "of": name,
            "path": certificate.path,
            "subject": certificate.subject,
            "until": certificate.until_s * SECOND,
            "says": certificate.says(now // SECOND),
        }
        for name, certificate in ours.items()
    ]


def calls(engine: Engine, now: Instant) -> list[dict[str, Any]]:
    """Calls in progress, oldest first; one row for each answered leg, or one while it rings."""
    rows = [row for live in engine.calls.values() for row in _rows(live, now)]
    return sorted(rows, key=lambda row: (row["since"], row["id"]))


def _rows(live: Live, now: Instant) -> Iterator[dict[str, Any]]:
    legs: list[Leg | None] = [*live.legs] or [None]
    for leg in legs:
        since = leg.answered_at if leg is not None else live.since
        yield {
            "id": live.attempt.id,
            "leg": leg.tag if leg is not None else "",
            "state": "up" if leg is not None else "redirected" if live.redirect_s else "ringing",
            "since": since,
            "for_s": max(0, now - since) // SECOND,
            "source": live.attempt.source,
            "extension": live.attempt.extension,
            "caller": live.attempt.caller,
            "dialled": live.attempt.dialled,
            "e164": live.e164,
            "class": live.klass,
            "trunk": live.attempt.trunk,
            "cost_micros": live.cost_micros(leg, now) if leg is not None else told_micros(live, live.redirect_s),
            "max_call_s": live.max_call_s,
        }
