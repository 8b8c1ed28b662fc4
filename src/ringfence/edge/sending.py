"""Forwarding an INVITE that begins a call, to one target after the other (RFC 3261 §16.6, RFC 3263 §4.3, A15).

A target that answers 503 or stays silent for `FAILOVER` gives way to the next address of its trunk. When a trunk has
none left, the source's next trunk is asked about: the same attempt, another question, so that a failover never reaches
what the next trunk doesn't permit. If a silent target wakes up after all it is cancelled, or, if it answers, hung up.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import headers, inbound, media, own, redirect_mode, relay, signing
from ringfence.edge.calls import finish
from ringfence.edge.effects import Ask
from ringfence.edge.records import Call, Client, Contact, Target
from ringfence.edge.rewrite import MismatchError, Outgoing, renumbered, to_carrier
from ringfence.edge.session import offer
from ringfence.edge.shaken.telling import tell
from ringfence.edge.state import Edge
from ringfence.model.time import SECOND
from ringfence.rules.weaker_trunk import may_follow
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request
from ringfence.sip.timers import MS

ANSWER_WITHIN = 4_000 * MS
"""How long a verdict may take before the caller gets 503."""
FAILOVER = 4_000 * MS
"""How long a target may stay silent before the next one is tried, where there is one (RFC 3263 §4.3 says timer B)."""

CUT = (480, "Temporarily Unavailable")
"""What the caller is told when his call is cut before its answer."""


def ask(edge: Edge, call: Call, now: int, *, emergency: bool = False) -> None:
    """Ask for a verdict on the attempt as it stands."""
    if call.attempt is None:
        return
    own.begin(edge, call.prototype, edge.policy.trunks.get(call.trunk))
    call.prototype.srtp = "" if emergency else media.asked_of(edge, (call.trunk,)) or ""
    media.begins(call.prototype, offered=call.attempt.media is not None)
    edge.agenda.arm(call, now + ANSWER_WITHIN, edge.calls, call.id)
    edge.out.append(Ask(call.attempt, msgspec.msgpack.encode(call.prototype), emergency))
    call.state = "asked"


def forward(edge: Edge, call: Call, now: int) -> None:
    """Allowed: send it to the first target of its trunk."""
    call.targets = edge.targets.of(call.trunk, now) if keeps_secure(edge, call.request, call.trunk) else []
    call.state = "sent"
    if call.targets and call.verdict is not None and call.verdict.redirect_s:
        redirect_mode.answer(edge, call, call.verdict, now)
    elif call.targets:
        send_next(edge, call, now)
    else:
        edge.count("no_target")
        fail(edge, call, 503, now)


def keeps_secure(edge: Edge, request: Request | None, trunk: str) -> bool:
    """Whether a call may go out by a trunk: one to a sips: URI goes over TLS or not at all (RFC 5630 §4)."""
    return request is None or request.uri.scheme != "sips" or _is_secure(edge, trunk)


def _is_secure(edge: Edge, trunk: str) -> bool:
    """Whether a trunk is reached over TLS; not one that the policy no longer has."""
    known = edge.policy.trunks.get(trunk)
    return known is not None and edge.is_secure(known.listen)


def send_next(edge: Edge, call: Call, now: int) -> None:
    """Send the INVITE to the next target, which must be there."""
    target = call.targets.pop(0)
    call.tries += 1
    call.state = "sent"
    call.prototype.trunk = "" if call.inbound else call.trunk
    call.prototype.shift, call.prototype.invites = call.prototype.base, (0, 0)
    limit = now + call.verdict.ring_limit_s * SECOND if call.verdict is not None else 0
    branch = branch_of(edge, call, call.prototype.invite_cseq)
    client = Client(branch, now, "INVITE", _hop(edge, call, target), limit)
    client.server, client.call, client.dialog = call.server, call.id, call.prototype
    call.client = client
    try:
        data = _outgoing(edge, call, client, target, now)
    except (MismatchError, SipParseError):
        edge.count("error")
        finish(edge, call, 500, "Server Internal Error", "error", now)
        return
    edge.send(client, data)
    edge.store_out(call.id, call.prototype.call_id, data, client.hop.host, client.hop.port)
    if call.targets or next_trunk(edge, call, now):
        edge.agenda.arm(call, now + FAILOVER, edge.calls, call.id)


def _hop(edge: Edge, call: Call, target: Target | Contact) -> NextHop:
    if isinstance(target, Contact):
        return target.hop
    return edge.hop_to(listener_of(edge, call), target.host, target.port)


def _host(target: Target | Contact, hop: NextHop) -> bytes:
    """What the Request-URI of a call to a trunk names."""
    domain = target.domain if isinstance(target, Target) else ""
    return wire(domain) if domain else host_port_bytes(hop.host, hop.port)


def branch_of(edge: Edge, call: Call, cseq: int) -> str:
    """The branch of this try of this INVITE; the same after a restart, so that the far side sees a retransmission."""
    asked = f"-{call.prototype.shift}" if call.prototype.shift else ""
    return edge.tokens.branch(call.id, f"{_line(edge, call).index(call.trunk)}-{cseq}-{call.tries}{asked}")


def _line(edge: Edge, call: Call) -> tuple[str, ...]:
    """The trunks of a call's source in order; an inbound call, or one whose source is gone, has what it has."""
    source = edge.policy.sources.get(call.attempt.source or "") if call.attempt is not None else None
    return source.trunks if source is not None and call.trunk in source.trunks else (call.trunk,)


def listener_of(edge: Edge, call: Call) -> str:
    """The listener that a call goes out by."""
    if call.inbound:
        return edge.policy.sources[call.trunk].listen
    return edge.policy.trunks[call.trunk].listen


def _outgoing(edge: Edge, call: Call, client: Client, target: Target | Contact, now: int) -> bytes:
    """The INVITE as it is sent; sets what the client has to remember of it."""
    request, prototype = call.request, call.prototype
    if request is None:
        raise MismatchError("the INVITE is gone")
    caller = prototype.caller
    if call.verdict is None or call.attempt is None:
        out = Outgoing(request, inbound.request_uri(edge, request.uri, target))
        headers.inward(out, edge.policy.sources[call.trunk].zone)
        if call.check is not None and call.check.found is not None:
            caller.name = tell(out, caller.seen, call.check.found, edge.policy.shaken)
    else:
        out = to_carrier(request, call.verdict, _host(target, client.hop))
        client.session = offer(out, edge.policy.trunks[call.trunk].session_timer_s)
        source = edge.policy.sources.get(call.attempt.source or "")
        if source is not None:
            headers.outward(out, source, call.verdict.send_user)
        own.name(edge, prototype, call.attempt, call.verdict)
        if edge.signing is not None:
            signing.sign(edge, edge.signing, call, out, now)
    if caller.name != caller.seen:
        client.restore = (("from", caller.seen),)
        out.put("from", caller.name)
    for route in target.routes if isinstance(target, Contact) else ():
        out.lead("route", route)
    if prototype.own:
        numbers = renumbered(out, prototype) if prototype.shift else ()
        client.restore = (*numbers, *own.across(edge, out, prototype, caller, client.hop.listener))
    if not own.hides(prototype, prototype.callee):
        client.ours = edge.record_routes(call.id, caller.listener, client.hop.listener)
    for route in client.ours:
        out.lead("record-route", route)
    return out.write(own.via(edge, client))


# --- failing over ---------------------------------------------------------------------------------------------------


def next_trunk(edge: Edge, call: Call, now: int) -> str | None:
    """The source's trunk after this one; None for inbound calls, and at the end of the line.

    One that protects less than those before it is left out, unless the policy has an exception that holds (A15), or it
    is an emergency call (C8).
    """
    if call.inbound or call.request is None:
        return None
    line = _line(edge, call)
    at = line.index(call.trunk) + 1
    emergency = call.verdict is not None and call.verdict.emergency
    source = call.attempt.source or "" if call.attempt is not None else ""
    policy, before = edge.policy, line[:at]
    return next((one for one in line[at:] if emergency or may_follow(policy, source, before, one, now)), None)


def fail(edge: Edge, call: Call, status: int, now: int, after_s: int = 0) -> None:
    """A target gave no answer that counts: the next address, the next trunk, or the end (§16.7 step 6, 503 → 500).

    `after_s` is for how long it wants to be left alone.
    """
    call.worst = status
    client = call.client
    if client is not None and not call.inbound:
        edge.targets.mark_down(client.hop.host, client.hop.port, now, after_s)
    if call.cancelled:
        _give_up(edge, call, now)
        return
    if call.targets:
        send_next(edge, call, now)
        return
    trunk = next_trunk(edge, call, now)
    if trunk is not None and call.attempt is not None:
        call.attempt = msgspec.structs.replace(call.attempt, trunk=trunk)
        call.trunk, call.tries, call.client = trunk, 0, None
        call.prototype = _apart(call.prototype)
        edge.count("next_trunk")
        ask(edge, call, now, emergency=edge.is_emergency(call.attempt.source or "", call.attempt.dialled))
    elif status == 408:
        finish(edge, call, 408, "Request Timeout", "unreachable", now)
    else:
        finish(edge, call, 500, "Server Internal Error", "unreachable", now)


def _apart(prototype: Dialog) -> Dialog:
    """The same for another trunk; what the one before has out goes on as it is."""
    replace = msgspec.structs.replace
    return replace(prototype, caller=replace(prototype.caller), callee=replace(prototype.callee))


def waited(edge: Edge, call: Call, now: int) -> None:
    """The time that a call set itself is over: for its verdict, its delay, or its target."""
    if call.state == "delayed":
        forward(edge, call, now)
    elif call.state == "asked":
        edge.count("unanswered")
        finish(edge, call, 503, "Service Unavailable", "lost", now)
    elif call.client is not None and call.client.state == "ict.calling":
        edge.step(call.client, "next", now)
        call.client.server = None  # Whatever it says from now on is nothing to the caller, who may be talking by then.
        fail(edge, call, 408, now)
    elif call.cancelled:
        _give_up(edge, call, now)


def _give_up(edge: Edge, call: Call, now: int) -> None:
    finish(edge, call, *(call.final or (487, "Request Terminated")), call.cancelled, now)


# --- giving up ----------------------------------------------------------------------------------------------------


def stop(edge: Edge, call: Call, cause: str, final: tuple[int, str] | None, now: int) -> None:
    """End a call before its answer: the caller hung up (no `final`), it rang too long, or it is cut.

    Where an INVITE is out the far side's final response is waited for, since its 2xx may be on its way; where it never
    said anything, for so long as another target would be waited for.
    """
    call.cancelled = call.cancelled or cause
    call.final = call.final or final
    if call.client is None or call.state != "sent":
        finish(edge, call, *(call.final or (487, "Request Terminated")), cause, now)
        return
    call.wake = 0
    call.targets = []
    if call.client.state == "ict.calling":
        edge.agenda.arm(call, now + FAILOVER, edge.calls, call.id)
    relay.cancel(edge, call.client, now)
