"""What the carrier is told of an incident: a draft to read, sign and send, with what it needs to find the calls."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.engine.marks import block_of
from ringfence.evidence.case import Case, ranked
from ringfence.evidence.written import columns, is_up, listed, number_of, talked_s, utc
from ringfence.ledger.reading import Call
from ringfence.rules.base import money


def to_carrier(case: Case) -> list[str]:
    """Lines of text. Times are UTC; only what reached the carrier is listed one by one."""
    return list(_letter(case))


def _letter(case: Case) -> Iterator[str]:
    out = case.let_out
    trunks = listed(ranked([call.decided.attempt.trunk for call in case.calls]))
    yield "[DRAFT: read it, put in your account and how to reach you, and send it to the carrier's fraud desk.]"
    yield f"Subject: Toll fraud on our trunk {trunks}, {utc(case.first)}"
    yield ""
    yield f"Between {utc(case.first)} and {utc(case.last)} fraudulent calls were placed over our trunk {trunks}."
    refused = sum(call.decided.verdict.outcome != "allow" for call in case.calls)
    cost = money(sum(call.cost_micros for call in out))
    yield f"We refused {refused}. {len(out)} reached you ({cost} by our rate deck, still up ones not counted)."
    yield ""
    yield "Please"
    yield "- stop calls from our trunk to the ranges below, and end those that are still up;"
    yield "- withhold payment for these calls to the networks behind you, and don't bill them to us;"
    yield "- keep the signalling and call records of the calls below;"
    yield "- tell us of other calls from our account to these ranges, and by which address they came to you."
    yield ""
    yield "Ranges that were called:"
    ranges = ranked([block_of(number_of(call)) for call in case.calls])
    yield from columns(
        [(f"{name}xxx", "called once" if count == 1 else f"called {count} times") for name, count in ranges.items()]
    )
    yield ""
    yield "Calls that reached you:"
    if not out:
        yield "  none"
    else:
        head = ("began", "answered", "number", "caller ID shown", "seconds", "SIP Call-ID")
        yield from columns([head, *map(_row, out)])


def _row(call: Call) -> tuple[str, ...]:
    decided = call.decided
    answered = utc(call.answered[0].at) if call.answered else "-"
    shown = decided.verdict.send_caller or decided.attempt.caller
    seconds = "still up" if is_up(call) else str(talked_s(call))
    return utc(decided.at), answered, number_of(call), shown, seconds, decided.attempt.call_id
