"""`ringfence learn`: a commented policy, and what is usual, from call records."""

from __future__ import annotations

import importlib.resources
import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ringfence.cli.options import Flag, Several, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, progressing, zone_of
from ringfence.cli.tables import counted, note
from ringfence.errors import RingfenceError
from ringfence.history import baseline as habits
from ringfence.history.cdr import Tally
from ringfence.history.database import is_database
from ringfence.history.draft import draft
from ringfence.history.learned import Learning, guessed_outside, zone_for
from ringfence.history.placing import Placing
from ringfence.history.read import Read, files, read
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Summary
from ringfence.history.sums import worst
from ringfence.history.tables import opened
from ringfence.model import Instant
from ringfence.numbers import PlanSettings, RateDeck
from ringfence.policy import Loader
from ringfence.rules import SUSPICIOUS

SAMPLE = 5000
TRUSTED = 0.4
"""Share of a history that teaches whatever speaks against it: nothing is usual at its beginning."""
_OFFSET = re.compile(r"T\d\d:\d\d(?::\d\d(?:\.\d+)?)?([+-])(\d\d):?(\d\d)", re.ASCII)


def learn(
    *,
    cdr: Files,
    home: Annotated[str, Parameter(show_default=False)],
    out: Path | None = None,
    baseline: Path | None = None,
    format: Text = "",
    columns: Columns = "",
    date_format: Text = "",
    time_zone: Text = "",
    rates: Path | None = None,
    outside: Several = (),
    enforce: Flag = False,
) -> int:
    """Write a commented policy from call records: countries, caps, alerts, caller IDs, spend, hours.

    It warns where the history itself looks like fraud. Exit code 0: done; 1: done, and history looks like fraud
    somewhere; 2: it couldn't be done.

    Parameters
    ----------
    cdr
        Files or directories with call records, or mysql://user@host/asteriskcdrdb; may be given several times.
    home
        Country in which the calls begin, such as US.
    out
        File for the policy; the terminal unless given.
    baseline
        File for what is usual: habits of every extension, source and trunk, for `replay` and `serve`.
    format
        What wrote the records: generic, asterisk, freepbx, freeswitch or kamailio; recognised unless given.
    columns
        For any other CSV, and Parquet: which column holds what, such as call_id=uniqueid,start=calldate,dialled=dst;
        two are joined by +, as in start=Date+Time.
    date_format
        How dates are written, as strptime takes it, such as '%d/%m/%Y %H:%M:%S'; told by the dates unless given.
    time_zone
        Time zone of the site; told from the records and the country unless given.
    rates
        The carrier's rate deck, a CSV file, to learn spend by.
    outside
        Prefix for an outside line, such as 9; told from what was dialled unless given.
    enforce
        Let the behaviour rules refuse from the start; they observe unless given.
    """
    form, tally = form_of(format, columns, date_format), Tally()
    home = home.upper()
    zone = time_zone or _zone(cdr, home, form)
    local = zone_of(zone)
    sample = [call.dialled for call in itertools.islice(read(cdr, local, form, Tally()), SAMPLE)]
    prefixes = tuple(outside) or guessed_outside(sample, home)
    deck = _deck(rates) if rates is not None else None
    learning = Learning(PlanSettings(home=home, outside=prefixes), zone, deck)
    learning.take(progressing(read(cdr, local, form, tally), tally))
    left_out(tally, 0)
    if not any(way.calls for way in learning.ways.values()):
        raise RingfenceError("there is no outbound call in these files that could be read")
    where = os.path.relpath(rates, out.parent if out is not None else Path()) if rates is not None else ""
    _write(out, draft(learning, home, zone, prefixes, where, enforce=enforce))
    where = str(rates.resolve()) if rates is not None else ""
    observing = draft(learning, home, zone, prefixes, where, enforce=False)
    return _replayed(observing, cdr, zone, form, baseline, (learning.first, learning.last))


def _deck(path: Path) -> RateDeck:
    try:
        return RateDeck.from_csv(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise RingfenceError(f"{path}: {error.strerror}") from error


def _write(out: Path | None, text: str) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RingfenceError(f"{out}: {error.strerror}") from error


def _replayed(
    text: str, cdr: tuple[Path, ...], zone: str, form: str | Read, baseline: Path | None, span: tuple[Instant, Instant]
) -> int:
    """History under the policy that was made of it: keeps what is usual, and warns; the exit code."""
    with tempfile.TemporaryDirectory(prefix="ringfence-learn-") as folder:
        path = Path(folder) / "policy.toml"
        path.write_text(text, encoding="utf-8")
        policy = Loader(str(path)).load().policy
    player, summary = Replay(policy, Placing(policy)), Summary()
    trusted = player.engine.behaviour.trust_until = span[0] + int((span[1] - span[0]) * TRUSTED)
    suspect: dict[str, int] = {}
    calls = read(cdr, zone_of(zone), form, again := Tally())
    for judged in player.run(progressing(calls, again)):
        summary.add(judged)
        if judged.call.start > trusted and _is_suspect(judged):
            name = f"{judged.place.source}/{judged.call.extension}"
            suspect[name] = suspect.get(name, 0) + 1
    if baseline is not None:
        habits.save(baseline, player.engine)
        note(f"{baseline}: habits of {len(player.engine.behaviour.habits)} extensions, sources and trunks")
    for name, found in worst(summary.by_rule):
        note(f"of this history the policy would have refused {found.refused} calls by {name}")
    for name, count in sorted(suspect.items(), key=lambda item: -item[1])[:10]:
        note(f"WARNING: fraud-like: {counted(count, 'call')} of {name}; look at them with `ringfence replay` first")
    return int(bool(suspect))


def _is_suspect(judged: Judged) -> bool:
    return any(hit.rule == SUSPICIOUS.slug and hit.severity == "block" for hit in judged.verdict.hits)


def _zone(cdr: tuple[Path, ...], home: str, form: str | Read) -> str:
    offset, at = _first_offset(cdr, form)
    return zone_for(home, offset, at, _zones())


def _first_offset(cdr: tuple[Path, ...], form: str | Read) -> tuple[int | None, int]:
    """The offset that the first time bears, and when that is."""
    first = next(iter(read(cdr[:1], UTC, form, Tally())), None)
    path = next(files(cdr[:1]))
    if is_database(path):  # A DATETIME has none.
        return None, first.start if first is not None else 0
    with opened(path) as file:
        found = next((m for line in itertools.islice(file, 100) if (m := _OFFSET.search(line))), None)
    if found is None or first is None:
        return None, first.start if first is not None else 0
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return (-seconds if found[1] == "-" else seconds), first.start


def _zones() -> Iterator[tuple[str, str]]:
    """(country, zone) as the time zone database pairs them."""
    table = importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            yield country, zone
