"""The first hour of an incident, by its data (F4): where it comes from and goes, what got through, what to do.

Every step is one that this incident asks for, with the command that does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ringfence.engine.marks import block_of
from ringfence.evidence.case import Case, ranked
from ringfence.evidence.written import columns, is_up, listed, number_of, talked_s, utc
from ringfence.ledger.reading import Call
from ringfence.model import Attempt, AuthFailed, Registered
from ringfence.model.time import Instant
from ringfence.rules import words
from ringfence.rules.base import money

MOST_ROWS = 12
ASIDE = {
    "dialled-through": "switch off dial-in (DISA) and change its PIN: inbound calls were dialled through",
    "wangiri": "tell people not to call back numbers of {regions}: they rang once to be called",
    "new-network": "{accounts} came from an address or with software that they never used: ask whether it is theirs",
    "prefix-probing": "let the PBX refuse what no dial plan of yours needs: the way out was searched with prefixes",
    "toll-free-pumping": "stop the calls to toll-free numbers: their owner pays, and will come to you",
}
"""What else to do where a rule spoke."""


def first_hour(case: Case, now: Instant) -> list[str]:
    """Lines of text."""
    parts = [_what(case), _whence(case), _whither(case), _through(case, now), _done(case, now), _to_do(case, now)]
    return list(chain.from_iterable([*part, ""] for part in parts))[:-1]


def _what(case: Case) -> Iterator[str]:
    refused = sum(call.decided.verdict.outcome != "allow" for call in case.calls)
    rules = ranked([hit.rule for call in case.calls for hit in call.decided.verdict.hits if hit.weight])
    yield f"Incident {case.incident}, node {case.node}"
    calls = f"{len(case.calls)} calls of source {case.source}, {refused} refused"
    yield f"From {utc(case.first)} to {utc(case.last)}: {calls}."
    if rules:
        yield f"What spoke against them most: {listed(rules, 6)}."


def _whence(case: Case) -> Iterator[str]:
    yield "WHERE IT COMES FROM"
    who = ranked(
        [
            f"{a.extension}\t{words.NAMINGS[a.extension_is]}\t{a.peer.rpartition(':')[0]}\t{a.user_agent or '-'}"
            for a in _attempts(case)
        ]
    )
    rows = [(*key.split("\t"), str(count)) for key, count in list(who.items())[:MOST_ROWS]]
    yield from columns([("who", "which is", "address", "user agent", "calls"), *rows])
    wrong = sum(one.entry.count for one in case.knocks if isinstance(one.entry, AuthFailed))
    if wrong:
        yield f"  {wrong} wrong passwords for these accounts within the day."
    for logged in case.knocks:
        if isinstance(logged.entry, Registered):
            entry = logged.entry
            agent = words.quoted(entry.user_agent)
            yield f"  {utc(entry.at)}: {words.plain(entry.account)} registered from {entry.peer}, {agent}"


def _attempts(case: Case) -> list[Attempt]:
    return [call.decided.attempt for call in case.calls]


def _whither(case: Case) -> Iterator[str]:
    yield "WHERE IT GOES"
    numbers = {number_of(call): call.decided.verdict.destination.number.region or "?" for call in case.calls}
    ranges = ranked([f"{block_of(number)}xxx\t{numbers[number]}" for number in map(number_of, case.calls)])
    rows = [(*key.split("\t"), str(count)) for key, count in list(ranges.items())[:MOST_ROWS]]
    yield from columns([("range", "country", "calls"), *rows])
    left = len(ranges) - MOST_ROWS
    yield f"  {len(numbers)} numbers, {len(ranges)} ranges" + (f", {left} of them not shown here." if left > 0 else ".")


def _through(case: Case, now: Instant) -> Iterator[str]:
    out, cost = case.let_out, sum(call.cost_micros for call in case.let_out)
    yield "WHAT GOT THROUGH"
    if not out:
        yield "  Nothing abroad, from a day before on."
        return
    rows = [_row(call, call in case.beside) for call in out[:MOST_ROWS]]
    yield from columns(rows)
    if len(out) > MOST_ROWS:
        yield f"  and {len(out) - MOST_ROWS} more; calls.csv of the bundle has all."
    seconds = sum(map(talked_s, out))
    yield f"  {len(out)} calls, {-(-seconds // 60)} minutes, {money(cost)} by the rate deck."


def _row(call: Call, beside: bool) -> tuple[str, ...]:
    decided = call.decided
    state = "still up" if is_up(call) else f"{talked_s(call)} s"
    remark = "before or beside it: a test, or business?" if beside else ""
    return decided.attempt.id, utc(decided.at), decided.attempt.extension, number_of(call), state, remark


def _done(case: Case, now: Instant) -> Iterator[str]:
    yield "WHAT IS DONE ABOUT IT"
    facts = case.in_force(now)
    if not facts:
        yield "  Nothing is contained now."
    for fact in facts:
        yield f"  {words.plain(words.contained(fact))} until {utc(fact.until)}, by {words.plain(fact.owner)}"


def _to_do(case: Case, now: Instant) -> Iterator[str]:
    yield "WHAT TO DO NOW"
    for number, step in enumerate(_steps(case, now), 1):
        yield f"  {number}. {step}"


def _steps(case: Case, now: Instant) -> Iterator[str]:
    up = [call.decided.attempt.id for call in case.let_out if is_up(call)]
    if up:
        yield f"end what is still up: {'; '.join(f'ringfence calls cut {one}' for one in up[:5])}"
    held = {fact.name for fact in case.in_force(now) if fact.action == "refuse"}
    free = [one for one in case.accounts if f"{case.source}/{one}" not in held and case.source not in held]
    for account in free[:5]:
        who = f"{case.source}/{account}"
        yield f"ringfence contain extension {who} --for 24h --cut --incident {case.incident} --why 'under attack'"
    if case.named("caller-id") and case.source not in held:
        who = f"{case.source} --class abroad"
        yield f"ringfence contain source {who} --for 4h --cut --incident {case.incident} --why 'under attack'"
    yield from _whom_to_stop(case)
    accounts = listed(case.accounts or ("the source",), 5)
    regions = ranked([call.decided.verdict.destination.number.region for call in case.calls])
    said = {hit.rule for call in case.calls for hit in call.decided.verdict.hits}
    for rule, text in ASIDE.items():
        if rule in said:
            yield text.format(accounts=accounts, regions=listed(regions, 5))
    permitted = _permitted(case)
    if permitted:
        yield f"take from permit what nobody needs: {listed(permitted)} were permitted when they were called"
    if case.let_out:
        yield "send carrier.txt of the bundle to the carrier: it can stop the ranges, and withhold its payment for them"
    yield f"keep the bundle and the ledger's head: ringfence evidence {case.incident} --out {case.incident}.zip"
    yield f"afterwards: ringfence release {case.incident}"
    yield f"if it was business after all: ringfence accept {case.incident} --for 90d --why '...'"


def _whom_to_stop(case: Case) -> Iterator[str]:
    """What to do about who called, by what is known of him."""
    own, forwarders = case.named("account", "label", "number"), case.named("forwarder")
    if own:
        who = listed(own, 5)
        yield f"change the passwords of {who}, at the phones and in the PBX; look for accounts nobody knows"
    if forwarders:
        yield f"take back the forwarding of {listed(forwarders, 5)}, and change the PIN of voicemail and portal"
    shown = case.named("caller-id")
    if shown:
        yield (
            f"find out in the PBX, by the Call-ID, whose calls showed {listed(shown, 5)}: "
            "whoever calls chooses a caller ID, and it names no account"
        )


def _permitted(case: Case) -> list[str]:
    """Countries that the policy itself let pass."""
    let = [
        call
        for call in case.calls
        if not any(hit.rule == "destination-not-permitted" for hit in call.decided.verdict.hits)
    ]
    return list(ranked([call.decided.verdict.destination.number.region or "?" for call in let]))
