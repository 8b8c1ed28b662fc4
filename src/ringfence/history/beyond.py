"""Rules that need more than a call record holds: what they need, and what a replay does without it.

Some of it is in no record, some in those of better PBXs only. `docs/replay.md` has the same table; a test compares
them. A report names those of which its own records held nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ringfence.history.held import Held

Field = Literal["", "source_ip", "user_agent", "diverted_from", "inbound", "missed", "unanswered", "fractions"]


class Need(NamedTuple):
    """What one rule needs."""

    rule: str
    """Its slug."""
    fields: tuple[Field, ...]
    """What of `Held` any of which gives it something to judge by; empty: no record holds it."""
    needs: str
    without: str
    """What a replay does without it."""


NEEDS: tuple[Need, ...] = (
    Need(
        "unverified-source", (),
        "How the caller was verified: address, password, certificate",
        "Every call is taken for verified. A stranger's is refused live",
    ),
    Need(
        "caller-id-not-owned", (),
        "The number that was shown to the carrier",
        "Never hits for a record with an extension (101) or nothing instead: the source's own number is taken",
    ),
    Need(
        "guessed-password", (),
        "Wrong passwords and registrations",
        "Never hits; a break-in shows by its calls only",
    ),
    Need(
        "contained", (),
        "What people contained, released and accepted by hand in those days",
        "Only what the replay itself contains holds",
    ),
    Need(
        "new-network", ("source_ip", "user_agent"),
        "Address and user agent of the phone",
        "Never hits. A carrier's bill and Asterisk's records have neither",
    ),
    Need(
        "forwarded-abroad", ("diverted_from",),
        "Who forwarded the call",
        "Never hits, and owned_or_forwarded takes a forwarded caller's number for a strange one",
    ),
    Need(
        "dialled-through", ("inbound",),
        "Inbound calls with the extension they reached",
        "Never hits",
    ),
    Need(
        "wangiri", ("missed",),
        "Inbound calls that nobody answered",
        "Never hits",
    ),
    Need(
        "failing-calls", ("unanswered",),
        "Calls that failed or that nobody answered",
        "Never hits. Bills leave them out, and Asterisk those that met congestion, unless cdr.conf says otherwise",
    ),
    Need(
        "prefix-probing", ("unanswered",),
        "Calls that failed, with what was dialled at the phone",
        "Hits less: most probes fail, and a PBX that rewrites numbers records one form of them",
    ),
    Need(
        "unusable-number", ("unanswered",),
        "Calls that failed, with what was dialled at the phone",
        "Hits less, for the same reason",
    ),
    Need(
        "calls-per-second", ("fractions",),
        "When a call began, to the millisecond",
        "All calls of one second come at its beginning, so more than the burst may be refused than would be live",
    ),
)  # fmt: skip
"""In the order of the rules."""


def missing(held: Held) -> list[Need]:
    """What these records give nothing to judge by."""
    return [need for need in NEEDS if not any(getattr(held, field) for field in need.fields)]
