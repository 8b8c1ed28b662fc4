"""INVITEs that begin a call, from either side (RFC 3261 §16.3, §8.2.2).

Theory. A `Call` lives from the INVITE to its final answer:

    asked ── allow ──► (delayed) ──► sent ──► 2xx: a Dialog, and the Call is gone
      │                               ├────► 401, 407, 422: back to the caller, who asks again as the same attempt
      └─ refuse: final answer         ├────► 503, silence: next address, then next trunk (asked again)
                                      └────► other finals, CANCEL, ring limit, cut

One invariant carries the meters: an attempt that was allowed ends in exactly one `Ended` without leg, or in one
`Answered` and one `Ended` for each leg. A verdict that comes when nobody waits for it any more (the caller hung up)
ends at once.
"""

from __future__ import annotations

from ringfence.edge import inbound, media, own, sending, verifying
from ringfence.edge.calls import enter, leave, of_account, refuse
from ringfence.edge.identity import dialled, make_attempt
from ringfence.edge.preconditions import Problem
from ringfence.edge.records import Call, Origin, Server
from ringfence.edge.session import MIN_SE, too_small
from ringfence.edge.state import Edge
from ringfence.edge.tokens import OURS
from ringfence.model.fact import Ended
from ringfence.model.verdict import Verdict
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.message import Request

_OURS = OURS.encode("ascii")


def begin(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    """An INVITE without To tag from somebody we know."""
    problem = _problem(edge, request)
    if problem is not None:
        edge.respond(server, problem[0], problem[1], now, problem[2])
        return
    server.merge = (request.call_id, request.from_tag or "", request.cseq[0])
    edge.merges[server.merge] = server.key
    if origin.party.kind == "trunk":
        _from_carrier(edge, request, server, origin, now)
    else:
        _from_source(edge, request, server, origin, now)


def _problem(edge: Edge, request: Request) -> Problem | None:
    """Why this INVITE can't begin a call, in the order of §16.3."""
    tag = request.from_tag
    if not tag or not contact_uri(request):
        return 400, "No Contact" if tag else "From Without Tag", ()
    if request.max_forwards == 0:
        return 483, "Too Many Hops", ()
    if any(_OURS in via and edge.tokens.read_branch(_branch(via)) for via in request.all("via")):
        return 482, "Loop Detected", ()
    if edge.tokens.read_call_id(request.call_id) is not None:
        return 482, "Loop Detected", ()  # Our own call, and no Via of ours, which hides the inside.
    if request.uri.user is None and request.has("route") and _names_us(edge, request.uri.host):
        return 404, "Outbound Proxy Lacks ;lr", ()  # It routes strictly (§16.4): the number is in its Route.
    if (request.call_id, tag, request.cseq[0]) in edge.merges:
        return 482, "Merged Request", ()
    if too_small(request):
        return 422, "Session Interval Too Small", (("Min-SE", b"%d" % MIN_SE),)
    return None


def _names_us(edge: Edge, host: str) -> bool:
    return any(host == listen.advertise_host for listen in edge.policy.listens.values())


def _branch(via: bytes) -> str:
    """Our branch in a Via of ours that somebody sends us again."""
    return via[via.index(_OURS) :].partition(b";")[0].decode("ascii", "replace").strip()


def _full(edge: Edge, origin: Origin) -> bool:
    """Whether there is no room for another call (B5)."""
    requests, party = edge.policy.requests, origin.party.label
    if (
        edge.early.get(party, 0) < requests.half_open
        and (not origin.account or edge.early.get(of_account(party, origin.account), 0) < requests.half_open_account)
        and len(edge.calls) < requests.half_open_in_all
        and len(edge.dialogs) < edge.policy.max_calls
    ):
        return False
    edge.count("bound")
    return True


def _from_source(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    source, number = edge.policy.sources[origin.party.names[0]], dialled(request)
    emergency = edge.is_emergency(source.name, number)
    if not emergency and _full(edge, origin):
        refuse(edge, server, 503, "Service Unavailable", now)
        return
    edge.respond(server, 100, "Trying", now)
    attempt = make_attempt(edge, request, source, origin, number, now)
    prototype = _prototype(edge, request, server, origin, attempt.id)
    prototype.dialled = number
    call = Call(attempt.id, server, request, prototype, origin.party.label)
    call.attempt, call.trunk = attempt, attempt.trunk
    edge.adopt_orphan(attempt.id)
    enter(edge, call)
    edge.store_in(call.id, attempt.call_id, origin.host, origin.port)
    sending.ask(edge, call, now, emergency=emergency)


def _from_carrier(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    inbound.name_called(edge, request, origin)
    found = inbound.find(edge, request, origin, now)
    if found is None:
        edge.respond(server, 404, "Not Found", now)
        return
    source, targets = found
    if not targets or (request.uri.scheme == "sips" and not edge.is_secure(source.listen)):
        edge.count("no_target")
        edge.respond(server, 480, "Temporarily Unavailable", now)
        return
    if _full(edge, origin):
        edge.respond(server, 503, "Service Unavailable", now)
        return
    edge.respond(server, 100, "Trying", now)
    prototype = _prototype(edge, request, server, origin, edge.tokens.inbound_id(now))
    prototype.callee.party = f"source:{source.name}"
    prototype.srtp = media.asked_of(edge, origin.party.names) or ""
    prototype.own = prototype.call_id if own.is_own(edge, origin.party.names) else ""
    call = Call(prototype.id, server, request, prototype, origin.party.label)
    call.trunk, call.targets = source.name, targets
    enter(edge, call)
    edge.store_in(call.id, request.call_id, origin.host, origin.port)
    verifying.begin(edge, call, source, origin.party.names[0], now)


def _prototype(edge: Edge, request: Request, server: Server, origin: Origin, id: str) -> Dialog:
    """The dialog as far as the INVITE tells it: the caller's leg."""
    value, number = request.first("from") or b"", request.cseq[0]
    leg = Leg(
        party=origin.party.label,
        tag=request.from_tag or "",
        name=value,
        seen=value,
        target=contact_uri(request),
        routes=route_set(request.all("record-route")) if request.has("record-route") else (),
        cseq=number,
        host=origin.host,
        port=server.hop.port,
        listener=origin.listener,
        flow=origin.flow,
    )
    edge.locate(leg)
    called = request.first("to") or b""
    callee = Leg("", "", called, called, b"", (), -1, "", 0, "")
    return Dialog(id, request.call_id, leg, callee, invite_cseq=number)


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
        edge.agenda.arm(call, now + verdict.delay_us, edge.calls, call.id)
    else:
        sending.forward(edge, call, now)
