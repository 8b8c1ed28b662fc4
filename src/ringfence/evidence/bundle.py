"""An incident as one ZIP file, to keep or to hand over (F3).

    first-hour.txt  what happened and what to do          carrier.txt     a draft for the carrier
    calls.csv       every call of it and beside it        facts.jsonl     every ledger entry of it, with its number
    messages/       the SIP messages of each call         policy.toml     the policy, if it is the one that decided
    chain.txt       whether the ledger is what was written, up to where, and its newest signed head
    SHA256SUMS      of all the others

What lies in the ledger stays there. The same case at the same moment gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ringfence.evidence.carrier import to_carrier
from ringfence.evidence.case import Case, CaseError
from ringfence.evidence.first_hour import first_hour
from ringfence.evidence.written import is_up, number_of, talked_s, utc
from ringfence.ledger.files import Paths
from ringfence.ledger.reading import Call, Logged, Reader
from ringfence.ledger.verify import verify
from ringfence.model.time import Instant
from ringfence.rules import words
from ringfence.rules.base import money

OPAQUE = ("edge", "dialog")
"""Fields of facts that only the edge reads."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the archive: when a bundle was made is no evidence."""
HEAD = (
    "belongs", "call", "decided", "source", "extension", "which_is", "address", "user_agent", "caller", "dialled",
    "number", "country", "trunk", "verdict", "reason", "evidence", "answered", "seconds", "cost", "ended",
    "sip_call_id", "policy",
)  # fmt: skip


def write(case: Case, reader: Reader, policy: tuple[str, str] | None, now: Instant, out: Path) -> list[str]:
    """Write it, and give the names of its files; `policy` is version and text. Raises CaseError, LedgerError."""
    files = dict(_files(case, reader, policy, now))
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    files["SHA256SUMS"] = sums.encode()
    draft = out.with_name(f"{out.name}.draft")
    try:
        _archive(draft, files)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CaseError(f"{out}: {error.strerror}") from error
    return list(files)


def _archive(path: Path, files: dict[str, bytes]) -> None:
    """For its owner only, as the ledger is."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(opened, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED)


def _files(case: Case, reader: Reader, policy: tuple[str, str] | None, now: Instant) -> Iterator[tuple[str, bytes]]:
    yield "first-hour.txt", _text(first_hour(case, now))
    yield "carrier.txt", _text(to_carrier(case))
    yield "calls.csv", _table(case)
    yield "facts.jsonl", b"".join(map(_line, _entries(case, reader)))
    for call in (*case.calls, *case.beside):
        found = [b"-- %d %s\r\n%s\r\n" % (one.at, one.direction.encode(), one.data) for one in _messages(reader, call)]
        if found:
            yield f"messages/{call.decided.attempt.id}.txt", b"".join(found)
    versions = {call.decided.policy for call in case.calls}
    if policy is not None and policy[0] in versions:
        yield "policy.toml", policy[1].encode()
    yield "chain.txt", _text(_chain(reader, versions))


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _messages(reader: Reader, call: Call) -> Iterator[Any]:
    return reader.messages(call.decided.attempt.id)


def _table(case: Case) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(HEAD)
    marked = [("incident", call) for call in case.calls] + [("beside", call) for call in case.beside]
    rows.writerows(_row(belongs, call) for belongs, call in sorted(marked, key=lambda one: one[1].decided.at))
    return text.getvalue().encode()


def _row(belongs: str, call: Call) -> tuple[object, ...]:
    decided = call.decided
    attempt, verdict = decided.attempt, decided.verdict
    return (
        belongs, attempt.id, utc(decided.at), attempt.source, attempt.extension,
        words.NAMINGS[attempt.extension_is], attempt.peer, attempt.user_agent,
        attempt.caller, attempt.dialled, number_of(call), verdict.destination.number.region, attempt.trunk,
        verdict.outcome, verdict.reason, sum(hit.weight for hit in verdict.hits),
        utc(call.answered[0].at) if call.answered else "", "up" if is_up(call) else talked_s(call),
        money(call.cost_micros), call.ended[-1].cause if call.ended else "", attempt.call_id, decided.policy,
    )  # fmt: skip


def _entries(case: Case, reader: Reader) -> list[Logged]:
    of_calls = [one for call in (*case.calls, *case.beside) for one in reader.story(call.decided.attempt.id)]
    return sorted({one.seq: one for one in (*of_calls, *case.orders, *case.knocks)}.values(), key=lambda one: one.seq)


def _line(logged: Logged) -> bytes:
    entry = msgspec.to_builtins(logged.entry)
    kept = {name: value for name, value in entry.items() if name not in OPAQUE} if entry is not None else None
    return (json.dumps({"seq": logged.seq, "at": logged.at, "kind": logged.kind, "entry": kept}) + "\n").encode()


def _chain(reader: Reader, versions: set[str]) -> list[str]:
    found, last = verify(reader.path), reader.last()
    head = Paths.of(reader.path).head
    value = reader.chain_at(last)
    state = f"broken at entry {found.broken.seq}: {found.broken.why}" if found.broken else "intact"
    return [
        f"ledger of node {found.node}: {state}; entries {found.first} to {found.last}, {found.heads} signed heads",
        f"signed up to entry {found.signed}",
        *(f"not provable: {doubt}" for doubt in found.doubts),
        f"chain after entry {last}: {value.hex() if value else 'unknown'}",
        f"newest signed head: {head.read_text(encoding='ascii').strip() if head.exists() else 'none yet'}",
        f"policies that decided: {', '.join(sorted(versions))}",
        'An entry\'s number is its seq in facts.jsonl. `ringfence ledger verify --head "..."` proves that the ledger',
        "still goes on from that head.",
    ]
