"""More new calls in a minute, an hour or a day than there should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.verdict import Severity
from ringfence.rules import words
from ringfence.rules.base import Finding, Limit, Scoped, who
from ringfence.rules.caps import counted, counts_of, meter_of

KEYS = {60: "calls_per_minute", 3600: "calls_per_hour", 86_400: "calls_per_day"}
"""Length of a window in seconds -> its key in the policy."""


@dataclass(frozen=True, slots=True)
class CallsPerWindow:
    """More new calls in a minute, an hour or a day than a trunk, source, tenant, extension or class may have.

    *Why it matters*

    A fraud that stays under the cap on calls at once still has to place calls: short ones in bursts, or a few every
    night. Several windows at once catch both. They roll and are never reset, so that nobody gets two days' calls around
    midnight. The windows are always kept, so a cap written now starts filled with what was called before.

    *Before*

        call 12125550123 4 times: allow

    *After*

        [source.pbx]
        calls_per_minute = { alert = 2, block = 3 }

        call 12125550123 3 times: allow
        call 12125550123: calls-per-window

    *References*

    Controls D2, D7.
    """

    slug: ClassVar[str] = "calls-per-window"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Too Many Calls"
    spoofable: ClassVar[bool] = False

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """One charge of one call for each window, limited or only counted."""
        calls = scoped.caps.calls
        for (window_s, key), levels in zip(
            KEYS.items(), (calls.per_minute, calls.per_hour, calls.per_day), strict=True
        ):
            yield counted(meter_of(scoped, "attempts", window_s), levels, f"{scoped.where}.{key}")

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """`61 calls in a minute on source pbx; at most 60`."""
        charge, window_s = limit.charge, limit.charge.meter.window_s
        level = charge.limit if severity == "block" else charge.alert
        bound = f"at most {level}" if severity == "block" else f"alert from {level}"
        text = f"{observed} calls in {words.span(window_s)} on {who(charge)}; {bound}"
        where = f"{counts_of(charge.meter)}.{KEYS[window_s]}.{severity}"
        return Finding(severity, text, where, str(observed), str(level), window_s)
