"""Forwarding an INVITE that begins a call, to one target after the other (RFC 3261 §16.6, RFC 3263 §4.3, A15).

A target that answers 503 or 408, can't be reached, or stays silent for `FAILOVER` gives way to the next address of its
trunk. When a trunk has none left, the source's next trunk is asked about: the same attempt, another question, so that a
failover never reaches what the next trunk doesn't permit. If a silent target wakes up after all it is cancelled, or, if
it answers, hung up.
"""

from __future__ import annotations

import msgspec

from ringfence.edge.calls import finish
from ringfence.edge.effects import Ask
from ringfence.edge.relay import cancel_of
from ringfence.edge.rewrite import MismatchError, hop, prove, to_carrier, to_source
from ringfence.edge.session import offer
from ringfence.edge.state import Call, Client, Edge, Target
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.message import Request, parse
from ringfence.sip.timers import MS
from ringfence.sip.uri import Uri

ANSWER_WITHIN = 4_000 * MS
"""How long a verdict may take before the caller gets 503."""
FAILOVER = 4_000 * MS
"""How long a target may stay silent before the next one is tried, where there is one (RFC 3263 §4.3 says timer B)."""
DOWN_FOR = 30_000 * MS
"""How long a target that failed is tried last."""


def ask(edge: Edge, call: Call, now: int) -> None:
    """Ask for a verdict on the attempt as it stands."""
    if call.attempt is None:
        return
    call.state = "asked"
    edge.arm(call, now + ANSWER_WITHIN, edge.calls, call.id, now)
    edge.out.append(Ask(call.attempt, msgspec.msgpack.encode(call.prototype)))


def forward(edge: Edge, call: Call, now: int) -> None:
    """Allowed: send it to the first target of its trunk."""
    call.targets = edge.targets(call.trunk, now)
    call.state = "sent"
    if call.targets:
        send_next(edge, call, now)
    else:
        edge.count("no_target")
        fail(edge, call, 503, now)


def send_next(edge: Edge, call: Call, now: int) -> None:
    """Send the INVITE to the next target, which must be there."""
    target = call.targets.pop(0)
    call.tries += 1
    call.state = "sent"
    call.prototype.trunk = call.trunk if call.kind == "out" else ""
    listener = listener_of(edge, call)
    # The same for the same try of the same INVITE, so that after a restart the carrier sees a retransmission.
    branch = edge.tokens.branch(call.id, f"{call.trunk}-{call.request.cseq[0]}-{call.tries}")
    client = Client(
        branch, now, method="INVITE", listener=listener, host=target.host, port=target.port, limit=ring_limit(call, now)
    )
    client.server, client.call, client.dialog = call.server, call.id, call.prototype
    call.client = client
    try:
        data = _outgoing(edge, call, client, target)
    except (MismatchError, SipParseError):
        edge.count("error")
        finish(edge, call, 500, "Server Internal Error", "error", now)
        return
    edge.send(client, data, now)
    edge.store(call.id, call.prototype.call_id, f"out {target.host}:{target.port}", data)
    if call.targets or next_trunk(edge, call):
        edge.arm(call, now + FAILOVER, edge.calls, call.id, now)


def listener_of(edge: Edge, call: Call) -> str:
    """The listener that a call goes out by."""
    if call.kind == "in":
        return edge.policy.sources[call.trunk].listen
    return edge.policy.trunks[call.trunk].listen


def ring_limit(call: Call, now: int) -> int:
    """Instant at which ringing ends."""
    return now + call.verdict.ring_limit_s * 1_000_000 if call.verdict is not None else 0


def _outgoing(edge: Edge, call: Call, client: Client, target: Target) -> bytes:
    """The INVITE as it is sent, read again before it is; sets what the client has to remember of it."""
    leg = call.prototype.caller
    if call.verdict is None:
        out = to_source(call.request, inbound_uri(call.request.uri, target))
        client.session = 0
    else:
        host = wire(target.domain) if target.domain else host_port_bytes(target.host, target.port)
        out = to_carrier(call.request, call.verdict, host)
        client.session = offer(out, edge.policy.trunks[call.trunk].session_timer_s)
    leg.name = out.first("from") or b""
    if leg.name != leg.seen:
        client.restore = (("from", leg.seen),)
    for route in reversed(edge.record_routes(call.id, leg.listener, client.listener)):
        out.prepend("record-route", route)
    hop(out, edge.via(client.listener, client.key))
    data = out.to_bytes()
    if call.verdict is not None:
        prove(data, call.verdict.send_user)
    return data


def inbound_uri(uri: Uri, target: Target) -> Uri:
    """What the carrier dialled, at the address of the source; our own mark of a registered contact goes."""
    params = {name: value for name, value in uri.params.items() if name != "rf"}
    return uri.replace(scheme="sip", host=target.host, port=target.port, params=params, headers=())


# --- failing over ---------------------------------------------------------------------------------------------------


def next_trunk(edge: Edge, call: Call) -> str | None:
    """The source's trunk after this one; None for inbound calls, and at the end of the line."""
    if call.attempt is None or call.attempt.source is None:
        return None
    source = edge.policy.sources.get(call.attempt.source)
    line = source.trunks if source is not None else ()
    at = line.index(call.trunk) + 1 if call.trunk in line else len(line)
    return line[at] if at < len(line) else None


def fail(edge: Edge, call: Call, status: int, now: int) -> None:
    """A target gave no answer that counts: the next address, the next trunk, or the end (§16.7 step 6, 503 → 500)."""
    call.worst = status
    client = call.client
    if client is not None:
        edge.mark_down(client.host, client.port, now + DOWN_FOR, now)
    if call.cancelled:
        finish(edge, call, *(call.final or (487, "Request Terminated")), call.cancelled, now)
        return
    if call.targets:
        send_next(edge, call, now)
        return
    trunk = next_trunk(edge, call)
    if trunk is not None and call.attempt is not None:
        call.attempt = msgspec.structs.replace(call.attempt, trunk=trunk)
        call.trunk, call.tries, call.client = trunk, 0, None
        edge.count("next_trunk")
        ask(edge, call, now)
    elif status == 408:
        finish(edge, call, 408, "Request Timeout", "unreachable", now)
    else:
        finish(edge, call, 500, "Server Internal Error", "unreachable", now)


def waited(edge: Edge, call: Call, now: int) -> None:
    """The time that a call set itself is over: for its verdict, its delay, or its target."""
    if call.state == "delayed":
        forward(edge, call, now)
    elif call.state == "asked":
        edge.count("unanswered")
        finish(edge, call, 503, "Service Unavailable", "lost", now)
    elif call.client is not None and call.client.state == "ict.calling":
        edge.step(call.client, "next", now)
        fail(edge, call, 408, now)


# --- giving up ----------------------------------------------------------------------------------------------------


def stop(edge: Edge, call: Call, cause: str, final: tuple[int, str] | None, now: int) -> None:
    """End a call before its answer: the caller hung up (no `final`), it rang too long, or it is cut.

    Where an INVITE is out the far side's final response is waited for, since its 2xx may be on its way.
    """
    call.cancelled = call.cancelled or cause
    call.final = call.final or final
    if call.client is None or call.state != "sent":
        finish(edge, call, *(call.final or (487, "Request Terminated")), cause, now)
        return
    call.wake = 0
    call.targets = []
    cancel(edge, call.client, now)


def cancel(edge: Edge, client: Client, now: int) -> None:
    """Send CANCEL if a provisional response has come; before that it has to wait (§9.1)."""
    if edge.step(client, "cancel", now) == "cancel":
        send_cancel(edge, client, now)


def send_cancel(edge: Edge, client: Client, now: int) -> None:
    """A CANCEL in a transaction of its own, with the branch of its INVITE."""
    invite = parse(client.last)
    if not isinstance(invite, Request):
        return
    own = Client(
        cancel_key(client.key), now, method="CANCEL", listener=client.listener, host=client.host, port=client.port
    )
    own.purpose = "quiet"
    edge.send(own, cancel_of(invite), now)


def cancel_key(branch: str) -> str:
    """The key of the CANCEL that shares a branch with its INVITE."""
    return f"{branch} CANCEL"
