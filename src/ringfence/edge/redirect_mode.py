"""Telling who called where to send it: 302, for those who keep their SBC (RFC 3261 §8.3, §20.10).

    SBC                    we                                       carrier
     │ INVITE ─────────────► │ judged, held, in the ledger            │
     │ ◄───── 302 Contact ── │                                        │
     │ ACK ────────────────► │                                        │
     │ INVITE, as the Contact says ─────────────────────────────────► │

Each Contact is the judged number, written anew for the trunk, at one of the trunk's addresses, the first to try with
the highest q. What can't be said in a Contact stands in headers of our own. From then on nothing of the call passes
here: it is held until somebody tells its end, or for as long as the policy takes it to last.
"""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.edge.calls import finish, leave
from ringfence.edge.records import Call, Target
from ringfence.edge.rewrite import MismatchError, prove
from ringfence.edge.state import Edge
from ringfence.model.verdict import Verdict
from ringfence.sip.grammar import host_port_bytes, wire

CALL, CALLER, SECONDS = "X-Ringfence-Call", "X-Ringfence-Caller", "X-Ringfence-Seconds"
"""The call's id here, the caller ID to show where it is another, the longest duration where there is one."""
LEAST_Q = 1
"""Tenths; RFC 3261 doesn't bound the list, so later ones share it."""


def answer(edge: Edge, call: Call, verdict: Verdict, now: int) -> None:
    """302 with the targets of the call's trunk, which must be there."""
    try:
        contacts = tuple(_contacts(edge, call, verdict))
    except MismatchError:
        edge.count("error")
        finish(edge, call, 500, "Server Internal Error", "error", now)
        return
    edge.count("redirected")
    edge.respond(call.server, 302, "Moved Temporarily", now, (*contacts, *_said(call.id, verdict)))
    leave(edge, call)


def _contacts(edge: Edge, call: Call, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
    number = wire(verdict.send_user)
    secure = call.request is not None and call.request.uri.scheme == "sips"
    transport = edge.policy.listens[edge.policy.trunks[call.trunk].listen].transport
    parameter = b"" if secure or transport == "udp" else b";transport=" + transport.encode("ascii")
    places = dict.fromkeys(_place(target) for target in call.targets if isinstance(target, Target))
    for index, place in enumerate(places):
        prove(b"sip:" + number + b"@" + place, verdict.send_user)
        uri = (b"sips:" if secure else b"sip:") + number + b"@" + place + parameter
        tenths = max(LEAST_Q, 10 - index)
        yield "Contact", b"<%b>;q=%d.%d" % (uri, tenths // 10, tenths % 10)


def _place(target: Target) -> bytes:
    """Host and port; a name as the policy has it, so that its certificate can be told by it."""
    return wire(target.domain) if target.domain else host_port_bytes(target.host, target.port)


def _said(id: str, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
    yield CALL, wire(id)
    if verdict.send_caller is not None:
        yield CALLER, wire(verdict.send_caller)
    if verdict.max_call_s:
        yield SECONDS, b"%d" % verdict.max_call_s
