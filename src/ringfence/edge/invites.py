"""INVITEs that begin a call, from either side (RFC 3261 §16.3, §8.2.2).

Theory. A `Call` lives from the INVITE to its final answer:

    asked ── allow ──► (delayed) ──► sent ──► 2xx: a Dialog, and the Call is gone
      │                               ├────► 401, 407, 422: back to the caller, who asks again as the same attempt
      └─ refuse: final answer         ├────► 408, 503, silence: next address, then next trunk (asked again)
                                      └────► other finals, CANCEL, ring limit, cut

One invariant carries the meters: an attempt that was allowed ends in exactly one `Ended` without leg, or in one
`Answered` and one `Ended` for each leg. A verdict that comes when nobody waits for it any more (the caller hung up)
ends at once.
"""

from __future__ import annotations

from ringfence.edge import inbound, sending
from ringfence.edge.calls import enter, leave, refuse
from ringfence.edge.identity import make_attempt
from ringfence.edge.session import MIN_SE, too_small
from ringfence.edge.state import MAX_EARLY_PER_PEER, Call, Edge, Origin, Server
from ringfence.model.fact import Ended
from ringfence.model.verdict import Verdict
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Request

Problem = tuple[int, str, tuple[tuple[str, bytes], ...]]
"""Status, reason phrase, further headers."""


def begin(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    """An INVITE without To tag from somebody we know."""
    problem = _problem(edge, request, origin)
    if problem is not None:
        edge.respond(server, problem[0], problem[1], now, problem[2])
        return
    server.merge = (request.call_id, request.from_tag or "", request.cseq[0])
    edge.merges[server.merge] = server.key
    edge.respond(server, 100, "Trying", now)
    if origin.party.kind == "trunk":
        _from_carrier(edge, request, server, origin, now)
    else:
        _from_source(edge, request, server, origin, now)


def _problem(edge: Edge, request: Request, origin: Origin) -> Problem | None:
    """Why this INVITE can't begin a call, in the order of §16.3."""
    tag = request.from_tag
    if not tag or not contact_uri(request):
        return 400, "No Contact" if tag else "From Without Tag", ()
    if any(edge.tokens.read_branch(via.branch or "") for via in request.vias):
        return 482, "Loop Detected", ()
    if (request.call_id, tag, request.cseq[0]) in edge.merges:
        return 482, "Merged Request", ()
    if too_small(request):
        return 422, "Session Interval Too Small", (("Min-SE", b"%d" % MIN_SE),)
    if edge.early.get(origin.party.label, 0) >= MAX_EARLY_PER_PEER or len(edge.dialogs) >= edge.policy.max_calls:
        edge.count("bound")
        return 503, "Service Unavailable", ()
    return None


def _from_source(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    source = edge.policy.sources[origin.party.names[0]]
    if "out" not in source.directions or not source.trunks:
        refuse(edge, server, 603, "Declined", now)
        return
    try:
        attempt = make_attempt(edge, request, source, origin, now)
    except SipParseError as error:
        edge.respond(server, error.status, error.reason, now)
        return
    prototype = _prototype(edge, request, server, origin, attempt.id)
    call = Call(attempt.id, "out", server, request, prototype, origin.party.label)
    call.attempt, call.trunk = attempt, attempt.trunk
    edge.adopt_orphan(attempt.id)
    enter(edge, call)
    edge.store(call.id, attempt.call_id, f"in {attempt.peer}", request.to_bytes())
    sending.ask(edge, call, now)


def _from_carrier(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    found = inbound.find(edge, request, origin)
    if found is None:
        edge.respond(server, 404, "Not Found", now)
        return
    source, target = found
    id = edge.tokens.new_id(now)
    prototype = _prototype(edge, request, server, origin, id)
    prototype.callee.party = f"source:{source.name}"
    call = Call(id, "in", server, request, prototype, origin.party.label)
    call.trunk, call.targets = source.name, [target]
    enter(edge, call)
    edge.store(call.id, request.call_id, f"in {origin.host}:{origin.port}", request.to_bytes())
    inbound.remember(edge, call, source)
    sending.send_next(edge, call, now)


def _prototype(edge: Edge, request: Request, server: Server, origin: Origin, id: str) -> Dialog:
    """The dialog as far as the INVITE tells it: the caller's leg."""
    value = request.first("from") or b""
    leg = Leg(
        party=origin.party.label,
        tag=request.from_tag or "",
        name=value,
        seen=value,
        target=contact_uri(request),
        routes=route_set(request.all("record-route")),
        cseq=request.cseq[0],
        host=origin.host,
        port=server.port,
        listener=origin.listener,
    )
    edge.locate(leg)
    callee = Leg("", "", request.first("to") or b"", b"", b"", (), -1, "", 0, "")
    return Dialog(id, request.call_id, leg, callee, invite_cseq=request.cseq[0])


def decided(edge: Edge, id: str, verdict: Verdict, now: int) -> None:
    """The answer to an Ask."""
    call = edge.calls.get(id)
    if call is None or call.state not in ("asked", "over"):
        if call is None and verdict.outcome == "allow":
            edge.note(Ended(at=now, id=id, cause="lost"))
        return
    call.wake = 0
    call.verdict = verdict
    if call.state == "over":
        if verdict.outcome == "allow":
            edge.note(Ended(at=now, id=id, cause=call.cancelled or "lost", status=call.worst))
        leave(edge, call)
    elif verdict.outcome != "allow":
        edge.count("refused")
        refuse(edge, call.server, verdict.sip_status or 503, verdict.public_text or "Declined", now)
        leave(edge, call)
    elif verdict.delay_us:
        call.state = "delayed"
        edge.arm(call, now + verdict.delay_us, edge.calls, call.id, now)
    else:
        sending.forward(edge, call, now)
