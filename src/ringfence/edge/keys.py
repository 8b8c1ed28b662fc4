"""The key of a server transaction (RFC 3261 §17.2.3): who sent it, and what stays the same when it is sent again.

The sender's address is part of it, so that nobody cancels or repeats the requests of another. Of the top Via the
sent-by and the branch are taken as spelled: whoever repeats, acknowledges or cancels a request copies them.
"""

from __future__ import annotations

from ringfence.edge.tokens import MAGIC
from ringfence.sip.grammar import text
from ringfence.sip.message import Request
from ringfence.sip.via import parse_via


def branch_of(via: bytes) -> str:
    """The branch of a Via value; empty without one. Raises SipParseError for a Via that can't be read."""
    _, found, rest = via.partition(b";branch=")
    return text(rest.partition(b";")[0]) if found else parse_via(via).branch or ""


def key_of(via: bytes, host: str, method: str, call_id: str, cseq: int, from_tag: str | None) -> str:
    """The key of a request with this top Via from this address; without a branch of RFC 3261 its dialog fields tell."""
    branch = branch_of(via)
    sent_by = text(via.partition(b";")[0])
    if branch.startswith(MAGIC):
        return f"{method} {branch} {sent_by} {host}"
    return f"{method} {branch} {call_id} {cseq} {from_tag} {sent_by} {host}"


def key_of_request(request: Request, via: bytes, host: str) -> str:
    """The key of this request; an ACK has that of its INVITE."""
    method = "INVITE" if request.method == "ACK" else request.method
    return key_of(via, host, method, request.call_id, request.cseq[0], request.from_tag)


def key_of_cancelled(key: str) -> str:
    """The key of the INVITE that a CANCEL with this key is for (§9.2)."""
    return "INVITE" + key.removeprefix("CANCEL")
