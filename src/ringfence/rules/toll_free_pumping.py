"""Calls to toll-free numbers by the hundred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding
from ringfence.rules.evidence import PUBLIC, step, weighs
from ringfence.rules.traits import Calls

LEAST = 15
"""Calls within an hour from which on they are noticed; with half as many more they are refused."""
LEAST_OF_SOURCE, KNOWN = 20, 300
"""The same for all extensions of a source together, once so many of its calls are known."""


@dataclass(frozen=True, slots=True)
class TollFreePumping:
    """Many more calls of one extension, or of all together, to toll-free numbers within an hour than ever before.

    *Why it matters*

    Toll-free calls are paid by who is called, and shared with who carries them: machines call such numbers by the
    thousand and stay in the menus. It costs the caller nothing, but carriers trace it and cut trunks off.

    *Before*

        call 18005550123 10 times: allow

    *After*

        call 18005550123 14 times: allow
        call 18005550123: allow, toll-free-pumping

    *References*

    Control E3. FCC 8YY access charge reform, 2020.
    """

    slug: ClassVar[str] = "toll-free-pumping"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "all"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count that is further over what is usual."""
        traits = case.traits
        if traits is None or not traits.toll_free_hour:
            return
        calls, usual = traits.toll_free_hour, traits.usual_toll_free_hour
        weight, whose = _over(calls, usual, LEAST), "this extension"
        if traits.history >= KNOWN:
            all_calls, all_usual = traits.toll_free_source, traits.usual_toll_free_source
            by_source = _over(all_calls, all_usual, LEAST_OF_SOURCE)
            if by_source > weight:
                weight, whose, calls, usual = by_source, f"source {case.source.name}", all_calls, all_usual
        if weight:
            text = f"{calls} calls of {whose} to toll-free numbers within an hour, at most {usual} before"
            yield weighs(weight, text, calls, usual, 3600)


def _over(calls: int, usual: int, least: int) -> int:
    return step(calls / max(usual, least), (1, 60), (1.5, 100)) if calls > 2 * usual else 0
