"""`ringfence replay --versus`: what another policy would do otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from ringfence.cli.tables import counted, money, note, show
from ringfence.errors import RingfenceError
from ringfence.history.cdr import Cdr
from ringfence.history.decisions import fields
from ringfence.history.summary import Summary
from ringfence.history.versus import KINDS, Change, Compared, Duel, Kind, Lone, Pair, Way


def compare(duel: Duel, compared: Compared, calls: Iterator[Cdr], out: Path | None) -> None:
    """Both policies over the calls; `out` gets a line for each that is treated differently. Raises RingfenceError."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(out.open("w", encoding="utf-8")) if out is not None else None
            for pair in duel.run(calls):
                kind = compared.add(pair)
                if kind is not None and file is not None:
                    file.write(line(pair, kind))
        except OSError as error:
            raise RingfenceError(f"{out}: {error.strerror}") from error


def lone_told(lone: Lone, one: str, two: str) -> None:
    """Say which calls aren't compared."""
    for path, count in ((one, lone.one), (two, lone.two)):
        if count:
            note(f"{counted(count, 'call')} belong to a source of {path} only and are not compared")


def line(pair: Pair, kind: Kind) -> str:
    """A call that is treated differently, as JSON."""
    one, two = fields(pair.one), fields(pair.two)
    call_id = one.pop("call_id")
    del two["call_id"]
    row = {"call_id": call_id, "change": kind, "policy": one, "versus": two, "more_micros": pair.more_micros}
    return json.dumps(row) + "\n"


def report(compared: Compared, one: str, two: str) -> None:
    """What differs, in tables."""
    print(f"{compared.calls} calls, {compared.different} treated differently")
    rows = [_side(path, summary) for path, summary in ((one, compared.one), (two, compared.two))]
    show(("policy", "refused", "cut", "saved"), rows, right=("refused", "cut", "saved"))
    if compared.different:
        print()
        cells = [_way(way, found) for way, found in compared.ordered()]
        show(("change", "before", "after", "calls", "saves more"), cells, right=("calls", "saves more"))


def _way(way: Way, found: Change) -> tuple[object, ...]:
    return KINDS[way.kind], way.before, way.after, found.calls, signed(found.more_micros)


def _side(name: str, found: Summary) -> tuple[object, ...]:
    return name, found.total.refused, found.total.cut, money(found.total.saved_micros)


def signed(micros: int) -> str:
    """`+5.05`, `-0.30`, `0.00`."""
    return f"{'+' if micros > 0 else '-' if micros < 0 else ''}{money(abs(micros))}"


def as_object(compared: Compared, lone: Lone) -> dict[str, Any]:
    """The same for programs."""
    return {
        "calls": compared.calls,
        "different": compared.different,
        "policy": msgspec.to_builtins(compared.one.total),
        "versus": msgspec.to_builtins(compared.two.total),
        "changes": {kind: msgspec.to_builtins(change) for kind, change in compared.kinds.items()},
        "ways": [{**way._asdict(), **msgspec.to_builtins(change)} for way, change in compared.ordered()],
        "only_policy": lone.one,
        "only_versus": lone.two,
        "unplaced": lone.neither,
    }
