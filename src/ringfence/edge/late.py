"""Responses to requests that were sent before a restart (F5): known by the signature in their branch alone.

Recovery gives back every attempt that was let through and neither answered nor ended (an orphan: the caller's leg, the
verdict), so a late answer finds its way without any transaction: forwarded statelessly by the next Via (RFC 3261
§16.11), a 2xx told as the call that it is, another final acknowledged, since the far side repeats it until then.
"""

from __future__ import annotations

import msgspec

from ringfence.edge.ending import over
from ringfence.edge.state import Edge, Orphan, Target
from ringfence.model.fact import Answered, Challenged, Decided, DialogChanged, Ended, Fact
from ringfence.sip.build import build_request
from ringfence.sip.dialog import Dialog, Leg, contact_uri, routes_beyond
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.message import Response

ORPHAN_FOR = 300_000_000
"""How long an answer may come after a restart, microseconds; the engine gives the hold up sooner where ringing is."""


def restore(edge: Edge, facts: list[Fact], now: int) -> None:
    """Take over the calls of the time before: those answered as dialogs, the others as orphans."""
    for fact in facts:
        if isinstance(fact, Decided) and fact.verdict.outcome == "allow" and fact.edge:
            _adopt(edge, fact, now)
        elif isinstance(fact, Answered | DialogChanged) and fact.dialog:
            _dialog(edge, msgspec.msgpack.decode(fact.dialog, type=Dialog), now)
        elif isinstance(fact, Ended) and fact.leg:
            for dialog in edge.dialogs_of(fact.id):
                if dialog.callee.tag == fact.leg:
                    edge.drop(dialog)


def _adopt(edge: Edge, fact: Decided, now: int) -> None:
    prototype = msgspec.msgpack.decode(fact.edge, type=Dialog)
    orphan = Orphan(prototype, fact.attempt, fact.verdict, now + ORPHAN_FOR)
    edge.orphans[fact.attempt.id] = orphan
    edge.orphan_ids[prototype.call_id, prototype.caller.tag] = fact.attempt.id
    edge.arm(orphan, orphan.until, edge.orphans, fact.attempt.id, now)


def _dialog(edge: Edge, dialog: Dialog, now: int) -> None:
    dialog.acked, dialog.wake, dialog.waiting, dialog.state = True, 0, 0, "confirmed"
    edge.keep(dialog)
    if dialog.expires_at:
        edge.arm(dialog, max(now, dialog.expires_at), edge.dialogs, dialog.key, now)


def take(edge: Edge, id: str, response: Response, source: Target, listener: str, now: int) -> None:
    """A response with a branch of ours whose transaction is gone."""
    number, method = response.cseq
    orphan = edge.orphans.get(id)
    if method != "INVITE" or response.status == 100:
        _bye_answered(edge, id, method, response, now)
        return
    if orphan is None:
        return
    if response.status >= 300:
        _final(edge, orphan, response, number, source, listener, now)
    elif response.status >= 200 and response.to_tag:
        _answered(edge, orphan, response, source, listener, now)
    pass_by_via(edge, orphan.prototype.caller.listener, response)


def _bye_answered(edge: Edge, id: str, method: str, response: Response, now: int) -> None:
    """The answer to a BYE that was forwarded before the restart."""
    if method != "BYE" or response.status < 200:
        return
    for dialog in edge.dialogs_of(id):
        if dialog.callee.tag in (response.to_tag, response.from_tag):
            pass_by_via(edge, dialog.caller.listener, response)
            over(edge, dialog, "bye-caller", now)


def _answered(edge: Edge, orphan: Orphan, response: Response, source: Target, listener: str, now: int) -> None:
    prototype = orphan.prototype
    tag = response.to_tag or ""
    if (prototype.call_id, prototype.caller.tag, tag) in edge.dialogs:
        return
    to = response.first("to") or b""
    callee = Leg(
        party=f"trunk:{orphan.attempt.trunk}",
        tag=tag,
        name=to,
        seen=to,
        target=contact_uri(response),
        routes=routes_beyond(response.all("record-route"), edge.is_ours),
        cseq=-1,
        host=source.host,
        port=source.port,
        listener=listener,
    )
    edge.locate(callee)
    caller = msgspec.structs.replace(prototype.caller, name=response.first("from") or prototype.caller.name)
    dialog = msgspec.structs.replace(prototype, caller=caller, callee=callee, state="confirmed", answered_at=now)
    edge.keep(dialog)
    edge.note(Answered(at=now, id=dialog.id, leg=tag, dialog=msgspec.msgpack.encode(dialog)))


def _final(
    edge: Edge, orphan: Orphan, response: Response, number: int, source: Target, listener: str, now: int
) -> None:
    edge.adopt_orphan(orphan.attempt.id)
    edge.transmit(listener, _ack(orphan, response, number, source), source.host, source.port)
    if response.status in (401, 407):
        edge.note(Challenged(at=now, id=orphan.attempt.id))
    else:
        edge.note(Ended(at=now, id=orphan.attempt.id, cause="rejected", status=response.status))


def _ack(orphan: Orphan, response: Response, number: int, source: Target) -> bytes:
    """The INVITE is gone, but all that its ACK repeats is in the response and the verdict (§17.1.1.3)."""
    uri = b"sip:" + wire(orphan.verdict.send_user) + b"@" + host_port_bytes(source.host, source.port)
    headers = [
        ("Via", response.all("via")[0]),
        ("Max-Forwards", b"70"),
        ("From", response.first("from") or b""),
        ("To", response.first("to") or b""),
        ("Call-ID", response.first("call-id") or b""),
        ("CSeq", b"%d ACK" % number),
    ]
    return build_request("ACK", uri, headers).to_bytes()


def pass_by_via(edge: Edge, listener: str, response: Response) -> None:
    """Forward by the Via under ours (§18.2.2, RFC 3581)."""
    response.pop_first("via")
    if not response.has("via"):
        return
    via = response.top_via
    edge.transmit(listener, response.to_bytes(), via.received or via.host, via.rport or via.port or 5060)
