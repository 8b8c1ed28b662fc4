"""What comes after a restart: calls restored from facts, and messages of transactions that are gone (F5).

Recovery gives back every answered dialog, in and out, and every attempt that was let through and neither answered nor
ended (an orphan: the caller's leg and the verdict), and the carrier's leg of each inbound call that rang. A response to
an orphan's INVITE is known by the signature in its branch, and repeats all that is needed to put both transactions up
again (`revive`), so it takes its usual way. So does a CANCEL of the caller, by his Call-ID and tag.

What neither belongs to passes without state (`passing`).
"""

from __future__ import annotations

import msgspec

from ringfence.edge import own, passing, probing, relay, sending
from ringfence.edge.calls import enter
from ringfence.edge.ending import end
from ringfence.edge.keys import key_of
from ringfence.edge.records import SKIP, Call, Client, Origin, Orphan, Server, Target
from ringfence.edge.state import Edge, is_party
from ringfence.model.fact import Answered, Arrived, Decided, DialogChanged, Ended, Fact
from ringfence.model.time import SECOND
from ringfence.sip.build import ReplyHead, build_request
from ringfence.sip.dialog import Dialog
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request, Response
from ringfence.sip.timers import PATIENCE
from ringfence.sip.via import parse_via

RINGS_FOR = 600 * SECOND
"""How long an inbound call may ring."""

# --- facts --------------------------------------------------------------------------------------------------------


def restore(edge: Edge, facts: list[Fact], now: int) -> None:
    """Take over the calls of the time before: those answered as dialogs, the others as orphans."""
    for fact in facts:
        if isinstance(fact, Decided):
            edge.adopt_orphan(fact.attempt.id)
            if fact.verdict.outcome == "allow" and fact.edge:
                _adopt(edge, fact, now)
        elif isinstance(fact, DialogChanged) and not fact.leg:
            _asked_again(edge, fact)
        elif isinstance(fact, Answered | DialogChanged) and fact.dialog:
            _restore_dialog(edge, fact)
        elif isinstance(fact, Arrived) and fact.dialog and now - fact.at < RINGS_FOR:
            edge.rang[fact.id] = msgspec.msgpack.decode(fact.dialog, type=Dialog)
        elif isinstance(fact, Ended):
            _forget(edge, fact)
    for dialog in list(edge.dialogs.values()):
        edge.digest.recall(dialog.caller)
        edge.digest.recall(dialog.callee)
        if dialog.cause:
            end(edge, dialog, dialog.cause, now, caller_too=False)
    if edge.dialogs:
        probing.begin(edge, now, probing.AFTER_START)


def _adopt(edge: Edge, fact: Decided, now: int) -> None:
    orphan = Orphan(msgspec.msgpack.decode(fact.edge, type=Dialog), fact.attempt, fact.verdict)
    orphan.prototype.trunk = fact.attempt.trunk
    edge.orphans[fact.attempt.id] = orphan
    edge.orphan_ids[orphan.key] = fact.attempt.id
    edge.digest.recall(orphan.prototype.caller)
    # A redirected call has no answer that could come; but its caller may ask again who didn't hear ours.
    until = now + (0 if fact.verdict.redirect_s else fact.verdict.ring_limit_s * SECOND) + PATIENCE
    edge.agenda.arm(orphan, until, edge.orphans, fact.attempt.id)


def _asked_again(edge: Edge, fact: DialogChanged) -> None:
    """We answered a challenge to the INVITE of an attempt: the carrier numbers it otherwise than the caller."""
    orphan = edge.orphans.get(fact.id)
    if orphan is not None:
        orphan.prototype = msgspec.msgpack.decode(fact.dialog, type=Dialog)
        orphan.prototype.trunk = orphan.attempt.trunk


def _restore_dialog(edge: Edge, fact: Answered | DialogChanged) -> None:
    dialog = msgspec.msgpack.decode(fact.dialog, type=Dialog)
    late = isinstance(fact, Answered) and fact.late
    dialog.wake, dialog.armed, dialog.waiting, dialog.skip = 0, 0, 0, SKIP
    dialog.state, dialog.cause = "confirmed", "late" if late else ""
    if isinstance(fact, Answered):
        edge.rang.pop(fact.id, None)
        edge.remember_inbound(dialog)
    edge.keep(dialog)
    if not late:
        edge.adopt_orphan(dialog.id)


def _forget(edge: Edge, fact: Ended) -> None:
    edge.rang.pop(fact.id, None)
    for dialog in edge.dialogs_of(fact.id):
        if fact.leg in ("", dialog.callee.tag):
            edge.drop(dialog)
    if not fact.leg:
        edge.adopt_orphan(fact.id)


def gave_up(edge: Edge, orphan: Orphan, now: int) -> None:
    """No answer came to an orphan in all the time it may ring."""
    edge.adopt_orphan(orphan.attempt.id)
    if orphan.verdict.redirect_s:
        return
    edge.note(Ended(at=now, id=orphan.attempt.id, cause=orphan.cause or "lost"))


# --- INVITEs from before --------------------------------------------------------------------------------------------


def take(edge: Edge, branch: str, response: Response, origin: Origin, now: int) -> Client | None:
    """A response whose transaction is gone; gives that transaction where it can be put up again."""
    id = edge.tokens.read_branch(branch)
    if id is None:
        edge.count("stray")
        return None
    own.unveil(edge, response)
    orphan = edge.orphans.get(id)
    vias = response.all("via")[1:]
    if orphan is not None and vias and _answers(orphan, response, origin):
        orphan.prototype.learn(response.cseq[0])
        call = _revive(edge, orphan, vias, branch, edge.hop_from(origin), now)
        return call.client
    passing.response(edge, id, response, origin, now)
    return None


def _answers(orphan: Orphan, response: Response, origin: Origin) -> bool:
    """Whether it answers the orphan's INVITE; one of a trunk that was asked before its last one doesn't."""
    if response.cseq[1] != "INVITE" or orphan.attempt.trunk not in origin.party.names:
        return False
    return (response.call_id, response.from_tag) == orphan.far_key


def cancelled(edge: Edge, request: Request, origin: Origin, now: int) -> bool:
    """A caller hangs up on an attempt from before; False where there is none of his.

    The carrier may never have heard of it, so its final response isn't waited for longer than another target would be.
    """
    orphan = edge.orphans.get(edge.orphan_ids.get((request.call_id, request.from_tag or ""), ""))
    if orphan is None or orphan.verdict.redirect_s or not is_party(origin.party, orphan.prototype.caller.party):
        return False
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if not targets:
        return False
    call = _revive(edge, orphan, request.all("via"), "", _hop(edge, orphan, targets[0]), now)
    relay.explain(edge, call.client, request)
    sending.stop(edge, call, "cancelled", None, now)
    edge.agenda.arm(call, now + sending.FAILOVER, edge.calls, call.id)
    return True


def cut(edge: Edge, orphan: Orphan, cause: str, now: int) -> None:
    """End an attempt from before. Its final response ends it; where none comes, it is told as ended in a moment."""
    orphan.cause = orphan.cause or cause
    edge.agenda.arm(orphan, now + sending.FAILOVER, edge.orphans, orphan.attempt.id)
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if targets:
        nobody = Server("", "ist.proceeding", now, NextHop("", "", 0), None)
        hop = _hop(edge, orphan, targets[0])
        relay.send_cancel(edge, _client(edge, orphan, _call(orphan, nobody), [], "", hop, now), now)


def _hop(edge: Edge, orphan: Orphan, target: Target) -> NextHop:
    return edge.hop_to(edge.policy.trunks[orphan.attempt.trunk].listen, target.host, target.port)


def _revive(edge: Edge, orphan: Orphan, vias: list[bytes], branch: str, hop: NextHop, now: int) -> Call:
    """The call as it was while its INVITE was out; `vias` are the caller's, and without a branch it is the first try's.

    Of the INVITE only that is known which its CANCEL and the ACK of a refusal repeat.
    """
    call = _call(orphan, _server(edge, orphan, vias, now))
    if orphan.cause:
        call.cancelled, call.final = orphan.cause, sending.CUT
    edge.servers[call.server.key] = call.server
    call.client = client = _client(edge, orphan, call, vias, branch, hop, now)
    edge.clients[client.key] = client
    edge.step(client, "1xx", now)
    edge.adopt_orphan(call.id)
    enter(edge, call)
    return call


def _call(orphan: Orphan, server: Server) -> Call:
    call = Call(orphan.attempt.id, server, None, orphan.prototype, orphan.prototype.caller.party)
    call.attempt, call.verdict, call.trunk = orphan.attempt, orphan.verdict, orphan.attempt.trunk
    call.state, call.tries = "sent", 1
    return call


def _client(edge: Edge, orphan: Orphan, call: Call, vias: list[bytes], branch: str, hop: NextHop, now: int) -> Client:
    prototype, verdict = orphan.prototype, orphan.verdict
    branch = branch or sending.branch_of(edge, call, prototype.invite_cseq)
    limit = now + verdict.ring_limit_s * SECOND
    client = Client(branch, now, "INVITE", hop, limit)
    client.server, client.call, client.dialog = call.server, call.id, prototype
    own.name(edge, prototype, orphan.attempt, verdict)
    client.restore = _restored(orphan, vias)
    headers = [
        ("Via", own.via(edge, client)),
        ("From", prototype.caller.name),
        ("To", prototype.callee.seen),
        ("Call-ID", wire(prototype.call_id_to(prototype.callee))),
        ("CSeq", b"%d INVITE" % prototype.to_callee(prototype.invite_cseq)),
    ]
    uri = b"sip:" + wire(verdict.send_user) + b"@" + host_port_bytes(hop.host, hop.port)
    client.last = build_request("INVITE", uri, headers).to_bytes()
    return client


def _restored(orphan: Orphan, vias: list[bytes]) -> own.Restore:
    """What answers to its INVITE get back on their way to the caller."""
    prototype = orphan.prototype
    kept = [("from", prototype.caller.seen)]
    if prototype.shift:
        kept.append(("cseq", b"%d INVITE" % prototype.invite_cseq))
    if prototype.own:
        kept += [("to", prototype.callee.name), ("call-id", wire(prototype.call_id))]
        kept += [("via", b", ".join(vias))] if vias else []
    return tuple(kept)


def _server(edge: Edge, orphan: Orphan, vias: list[bytes], now: int) -> Server:
    """The caller's transaction: where its answers go stands in his Via, as we wrote it there.

    The carrier repeats it; if it names somebody else, the caller's record holds.
    """
    prototype, via = orphan.prototype, parse_via(vias[0])
    caller = prototype.caller
    hop = passing.hop_by_via(edge, caller.listener, via)
    party = edge.peers.find(caller.listener, hop.host)
    if party is None or not is_party(party, caller.party):
        hop = edge.hop_of(caller)
    lines = [b"Via: " + value for value in vias]
    lines += [
        b"From: " + prototype.caller.seen,
        b"Call-ID: " + wire(prototype.call_id),
        b"CSeq: %d INVITE" % prototype.invite_cseq,
    ]
    head = ReplyHead(b"\r\n".join(lines) + b"\r\n", b"To: " + prototype.callee.name, False)
    key = key_of(vias[0], hop.host, "INVITE", prototype.call_id, prototype.invite_cseq, prototype.caller.tag)
    return Server(key, "ist.proceeding", now, hop, head)
