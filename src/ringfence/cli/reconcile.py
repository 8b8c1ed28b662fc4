"""`ringfence reconcile`: the carrier's bill against what the guard saw."""

from __future__ import annotations

import json
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from ringfence.cli.options import LEDGER, Json, Several, Text, Where
from ringfence.cli.reconcile_report import as_object, remarks, report
from ringfence.cli.records import Columns, Files, left_out, zone_of
from ringfence.errors import RingfenceError
from ringfence.history.cdr import Tally
from ringfence.history.read import FORMATS
from ringfence.history.reconcile import columns as names
from ringfence.history.reconcile.bill import Bill, Way
from ringfence.history.reconcile.match import Finding, Matcher, Tolerance
from ringfence.history.reconcile.result import Result, keys_at
from ringfence.history.reconcile.result import reconcile as compare
from ringfence.ledger.reading import Reader
from ringfence.policy import Loader

Number = Annotated[int, Parameter(validator=validators.Number(gte=0))]


def reconcile(
    *,
    cdr: Files,
    policy: Path = Path("policy.toml"),
    ledger: Where = LEDGER,
    trunk: Several = (),
    columns: Columns = "",
    format: Text = "",
    time_zone: Text = "",
    date_format: Text = "",
    within_s: Number = 60,
    tolerance_s: Number = 2,
    tolerance_money: str = "0.005",
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Compare the carrier's bill with the ledger: what the guard never saw, what differs, what isn't billed.

    A call on the bill that was never seen went around the guard. Exit code 0: bill and ledger agree; 1: they don't;
    2: it couldn't be done. See docs/replay.md.

    Parameters
    ----------
    cdr
        The carrier's files, CSV or Parquet, or directories of them; may be given several times.
    policy
        The policy file: home country and time zone.
    ledger
        The ledger's file.
    trunk
        Whose bill it is: only calls over this trunk are compared; may be given several times. All unless given.
    columns
        Which column holds what, such as answer=Connect Time,dialled=Called Number,seconds=Duration,cost=Charge; two
        are joined by +, as in start=Date+Time. Told by their names unless given.
    format
        For call records of the PBX instead of a bill: generic, asterisk, freepbx, freeswitch or kamailio.
    time_zone
        Zone of times without an offset; the policy's unless given.
    date_format
        How dates are written, as strptime takes it, such as '%d/%m/%Y %H:%M:%S'; told by the dates unless given.
    within_s
        Seconds by which the carrier's clock and ours may differ.
    tolerance_s
        Seconds by which durations may differ; rounding up to the deck's increments is no difference.
    tolerance_money
        Money by which the price of a call may differ from the deck's.
    out
        File for everything that differs: one JSON object a line.
    as_json
        Write the sums as JSON.
    """
    loaded = Loader(str(policy)).load().policy
    unknown = next((name for name in trunk if name not in loaded.trunks), None)
    if unknown is not None:
        raise RingfenceError(f"--trunk {unknown}: the policy has {', '.join(loaded.trunks)}")
    way = Way(zone_of(time_zone or loaded.time_zone), _said(columns, format), date_format, format)
    tolerance = Tolerance(within_s, tolerance_s, _micros(tolerance_money))
    bill = Bill(way, tally := Tally())
    result = _compared(bill, cdr, ledger, Matcher(tolerance, keys_at(loaded.home_country)), trunk, out)
    left_out(tally, 0)
    remarks(result, bill)
    if as_json:
        print(json.dumps({**as_object(result), "left_out": tally.broken, "inbound": bill.inbound}))
    else:
        report(result)
    return int(bool(result.differences))


def _compared(
    bill: Bill, cdr: tuple[Path, ...], ledger: Path, matcher: Matcher, trunks: tuple[str, ...], out: Path | None
) -> Result:
    with ExitStack() as stack:
        reader = stack.enter_context(Reader(ledger))
        try:
            file = stack.enter_context(out.open("w", encoding="utf-8")) if out is not None else None

            def keep(found: Finding) -> None:
                if file is not None:
                    file.write(json.dumps(msgspec.to_builtins(found)) + "\n")

            return compare(bill.rows(cdr), reader, matcher, trunks, keep)
        except OSError as error:
            raise RingfenceError(f"{out}: {error.strerror}") from error


def _said(columns: str, form: str) -> dict[str, tuple[str, ...]]:
    if form and columns:
        raise RingfenceError("--format and --map exclude each other: a map says where the fields are")
    if form and form not in FORMATS:
        raise RingfenceError(f"--format {form}: write one of {', '.join(FORMATS)}")
    return names.parsed(columns) if columns else {}


def _micros(text: str) -> int:
    try:
        found = int(Decimal(text) * 1_000_000)
    except (InvalidOperation, ValueError, OverflowError):
        found = -1
    if found < 0:
        raise RingfenceError(f"--tolerance-money {text}: write an amount such as 0.005")
    return found
