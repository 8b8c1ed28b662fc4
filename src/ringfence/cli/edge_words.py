"""What `ringfence status` says of the SIP edge: how full its tables are, and what it has counted since the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TABLES = {
    "dialogs": "answered calls, and answers that ring",
    "waiting": "calls without a final answer",
    "transactions": "requests that are answered, or were in the last half minute",
    "connections": "TCP and TLS connections",
    "guests": "addresses where an account's password was right",
    "registered": "contacts of accounts",
    "orphans": "calls from before a restart that still may be answered, or asked about again",
    "challenged": "calls whose caller was asked by the carrier for a password",
}
COUNTED = {
    "banned": "messages and connections from addresses that are banned",
    "bound": "turned away since a table was full",
    "caller_failed": "inbound calls whose caller's signature is false",
    "caller_none": "inbound calls whose caller nobody that we know signed for",
    "caller_passed": "inbound calls whose caller was verified by a signature",
    "challenges": "asked for a password by us",
    "challenges_answered": "challenges of a carrier to calls that we answered",
    "crowded": "messages of strangers that weren't read, since too much waited",
    "error": "messages that the guard stumbled over; the log has them",
    "foreign": "requests inside a call by somebody who isn't in it",
    "foreign_network": "right passwords from networks that the account may not use",
    "keepalive": "empty keep-alives",
    "malformed": "messages that can't be read",
    "next_trunk": "calls that went on to the source's next trunk",
    "no_target": "calls for which no address was known",
    "overload": "calls turned away in overload",
    "redirected": "calls whose caller was told where to send them",
    "refused": "calls refused",
    "replayed": "answers to our challenges that were used before",
    "secret_refused": "answers of ours that a carrier refused",
    "signed": "calls that were signed for the carrier",
    "srtp_mismatch": "messages inside calls whose media wasn't as the trunk asks",
    "stale_nonce": "right answers to our challenges that came too late",
    "stray": "answers and ACKs that belong to nothing known",
    "too_fast": "requests of known parties over the rates of [requests]",
    "unanswerable": "challenges of a carrier that we have no secret for",
    "unanswered": "calls whose verdict took too long",
    "unsigned": "calls to a trunk with sign that couldn't be signed",
    "unknown_account": "passwords for accounts that aren't there",
}


def edge_rows(edge: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    """Name, number and meaning of each; what is counted is there only once it has happened."""
    for name, meaning in TABLES.items():
        yield name, edge[name], meaning
    for name, meaning in COUNTED.items():
        if name in edge:
            yield name, edge[name], f"{meaning}, since the start"
