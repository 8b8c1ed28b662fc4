"""What the pipeline did, step by step, for people."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.numbers.number import REASONS, Number

Flags = tuple[str, ...]


class Step(NamedTuple):
    """One step of the pipeline."""

    stage: str
    """Slug of the stage."""
    text: str
    """What it did, in words."""
    left: str
    """What is left to judge after it."""


Trace = list[Step] | None
"""Where steps are written to; None where nobody asked."""


def note(trace: Trace, stage: str, text: str, left: str) -> None:
    """Add a step, if anybody asked."""
    if trace is not None:
        trace.append(Step(stage, text, left))


def listed(flags: Flags) -> str:
    """Flags in brackets, or nothing."""
    return f" ({', '.join(flags)})" if flags else ""


def in_words(number: Number) -> str:
    """A number, or why it is refused."""
    if number.status == "reject":
        judged = f" (+{number.candidate})" if number.candidate else ""
        return f"refused, {number.reason}: {REASONS[number.reason]}{judged}"
    sign = "+" if number.status == "ok" else ""
    return f"{sign}{number.e164}, {number.type} in {number.region}{listed(number.flags)}"


def cut(text: str, flags: Flags, trace: Trace) -> tuple[str, Flags]:
    """The number before a pause or #; what is behind is dialled after the answer."""
    end = next((i for i, char in enumerate(text) if char in ",#"), len(text))
    if end == len(text):
        return text, flags
    note(trace, "post-dial", f"left out {text[end:]!r}, which is dialled after the answer", text[:end])
    return text[:end], flags if "post_dial" in flags else (*flags, "post_dial")
