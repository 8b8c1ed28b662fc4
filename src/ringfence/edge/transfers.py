"""REFER inside a call: the number it leads to is judged like a direct call, before anybody is asked to call it (C10).

    REFER ── which number, placed by whom ──► an attempt ── no ──► final answer
                                                    │ yes
                                        REFER, Refer-To of ours ── 2xx ──► counted ── NOTIFY: failed ──► over

One side of a call asks the other to place a call (RFC 3515): to a number, or to the far end of another call, which it
replaces (attended transfer, RFC 3891, RFC 5589). Two parties can be asked:

- **The carrier.** Its call never comes past us. It is counted from when the carrier takes the REFER until a NOTIFY says
  that it failed, or else for as long as a call may last: nobody tells its end, and it can't be cut. The call that is
  to be replaced has to be one that we know; the number is the one which that call was judged by. Of the two calls that
  go on only one may cost: the other's end would be as unseen.
- **The source.** It asks again by an INVITE, which is judged by itself. So the REFER is a question only: it holds
  nothing longer than until its answer. The INVITE is known for what it is by its number. What it replaces is nothing
  to us: it goes to the number that is judged, or nowhere.

Refer-To is built anew of the judged number and our own records, so that nothing else in it (other headers, a method,
parameters) reaches whoever obeys. NOTIFY passes inside the call, for a while also when the call is over already: the
transferor may hang up at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ringfence.edge import diversion, own
from ringfence.edge.calls import refuse
from ringfence.edge.effects import Ask
from ringfence.edge.identity import dialled_uri
from ringfence.edge.records import Origin, Server
from ringfence.edge.referrals import Transfer
from ringfence.edge.rewrite import MismatchError, prove
from ringfence.edge.state import Edge
from ringfence.model.attempt import Attempt, Naming, Transferring
from ringfence.model.fact import Answered, Ended
from ringfence.model.settings import Source
from ringfence.model.time import SECOND
from ringfence.model.verdict import Verdict
from ringfence.rules.callers import named
from ringfence.sip.address import parse_address
from ringfence.sip.dialog import Dialog, Leg
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import escape, host_port_bytes, text, wire
from ringfence.sip.message import Request
from ringfence.sip.timers import MS, PATIENCE
from ringfence.sip.uri import Uri, parse_uri

ANSWER_WITHIN = 4_000 * MS
"""How long a verdict may take before the transferor gets 503."""
PLACED_WITHIN = 60 * SECOND
"""How long after its REFER a source's call is taken for the one that was asked for."""
LEG = "transfer"
"""Names the answer of a call that the carrier places: there is no To tag."""
LONGEST_SHOWN = 120
"""Characters of a target that is no number."""
_NUMBER = re.compile(r"[0-9A-Za-z+*#._-]{1,64}", re.ASCII)
_KEPT = re.compile(rb"[A-Za-z0-9_.!~*'()\-]")
"""What a value in a URI header needs no escape for."""
_FRAGMENT = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: |\r?\n|$)")
"""What a NOTIFY says of the call (RFC 3515 §2.4.4)."""


class _Goal(NamedTuple):
    """What a REFER leads to."""

    number: str
    """As a source dials it, or a text that no number is."""
    by: Transferring
    replaced: Dialog | None = None
    recipient: Leg | None = None
    """The leg of that call which gets the INVITE."""


def refer(edge: Edge, request: Request, server: Server, dialog: Dialog, leg: Leg, origin: Origin, now: int) -> None:
    """Ask about the number that a REFER of this leg leads to; raises SipParseError where it says none."""
    source = _source_of(edge, dialog)
    if dialog.state != "confirmed" or edge.referrals.within(dialog.key) is not None:
        edge.respond(server, 491, "Request Pending", now)
    elif source is None or origin.former:
        refuse(edge, server, 603, "Transfer Declined", now)
    else:
        goal = _goal(edge, request, dialog, leg)
        attempt = _attempt(edge, request, dialog, leg, origin, source, goal, now)
        transfer = Transfer(attempt, server, request, dialog, leg)
        transfer.replaced, transfer.recipient = goal.replaced, goal.recipient
        edge.referrals.add(transfer)
        edge.agenda.arm(transfer, now + ANSWER_WITHIN, edge.referrals.transfers, attempt.id)
        edge.store_in(attempt.id, dialog.call_id, origin.host, origin.port)
        edge.out.append(Ask(attempt, b""))


# --- what it leads to -----------------------------------------------------------------------------------------------


def _goal(edge: Edge, request: Request, dialog: Dialog, leg: Leg) -> _Goal:
    value = request.first("refer-to")
    if value is None:
        raise SipParseError("no Refer-To")
    uri, placer = parse_address(value).uri, dialog.other(leg)
    by: Transferring = "source" if _is_source(placer) else "carrier" if dialog.inbound else "both"
    replaces = uri.header("replaces")
    if replaces is None or by == "source":
        return _Goal(_number(edge, uri, placer), by)
    found = _replaced(edge, replaces, leg)
    if found is None:
        return _Goal(_nowhere(uri), by)
    other, recipient = found
    if dialog.inbound and other.inbound:
        return _Goal(_nowhere(uri), by)
    paid = dialog if other.inbound else other
    return _Goal(paid.dialled, "carrier" if dialog.inbound or other.inbound else "both", other, recipient)


def _is_source(leg: Leg) -> bool:
    return leg.party.startswith("source:")


def _number(edge: Edge, uri: Uri, placer: Leg) -> str:
    """What a source would dial to reach it."""
    insecure = uri.scheme == "sips" and not edge.is_secure(placer.listener)
    if uri.scheme not in ("sip", "sips", "tel", "urn") or insecure or uri.params.get("method", "INVITE") != "INVITE":
        return _nowhere(uri)
    try:
        number = dialled_uri(uri)
    except SipParseError:
        return _nowhere(uri)
    return number if _NUMBER.fullmatch(number) or uri.scheme == "urn" else _nowhere(uri)


def _nowhere(uri: Uri) -> str:
    """A text that is no number in any plan, for the ledger."""
    return f"REFER {text(uri.to_bytes())}"[:LONGEST_SHOWN]


def _replaced(edge: Edge, replaces: str, leg: Leg) -> tuple[Dialog, Leg] | None:
    """The call that is to be replaced, and who gets the INVITE (RFC 3891 §3: `to-tag` is his).

    It has to be one of the party that asks, and its far end has to be at the other side.
    """
    call_id, *rest = replaces.split(";")
    params = dict(part.strip().partition("=")[::2] for part in rest)
    theirs, ours = params.get("to-tag", ""), params.get("from-tag", "")
    dialog = edge.dialogs.get((call_id.strip(), ours, theirs)) or edge.dialogs.get((call_id.strip(), theirs, ours))
    if dialog is None or dialog.state != "confirmed":
        return None
    recipient = dialog.callee if dialog.callee.tag == theirs else dialog.caller
    across = dialog.other(recipient)
    return (dialog, recipient) if across.party == leg.party and not _same_side(recipient, leg) else None


def _same_side(one: Leg, other: Leg) -> bool:
    return _is_source(one) == _is_source(other)


# --- who asks -------------------------------------------------------------------------------------------------------


def _source_of(edge: Edge, dialog: Dialog) -> Source | None:
    """The source of a call, if the policy still has it."""
    leg = dialog.callee if dialog.inbound else dialog.caller
    names = leg.party.partition(":")[2].split(",") if _is_source(leg) else ()
    return next((edge.policy.sources[name] for name in names if name in edge.policy.sources), None)


def _trunk_of(dialog: Dialog, source: Source) -> str:
    """The trunk that the carrier's side of a call is, if the source may use it; else its first."""
    leg = dialog.caller if dialog.inbound else dialog.callee
    names = leg.party.partition(":")[2].split(",")
    return dialog.trunk or next((name for name in source.trunks if name in names), source.trunks[0])


def _attempt(
    edge: Edge, request: Request, dialog: Dialog, leg: Leg, origin: Origin, source: Source, goal: _Goal, now: int
) -> Attempt:
    own = dialog.callee if dialog.inbound else dialog.caller
    shown = dialog.dialled if dialog.inbound else diversion.user_in(dialog.caller.seen)
    extension, naming = _who(request, dialog, leg, source, shown)
    host = f"[{own.host}]" if ":" in own.host else own.host
    return Attempt(
        id=edge.tokens.new_id(now),
        call_id=dialog.call_id,
        listener=own.listener,
        peer=f"{host}:{own.port}",
        source=source.name,
        verified="digest" if source.auth == "digest" else origin.verified,
        caller=shown,
        extension=extension,
        extension_is=naming,
        from_user=shown if extension != shown else None,
        dialled=goal.number,
        trunk=source.trunks[0] if goal.by == "source" else _trunk_of(dialog, source),
        forwarded_by=extension if dialog.inbound else None,
        transfer=goal.by,
        transfer_of=dialog.id,
    )


def _who(request: Request, dialog: Dialog, leg: Leg, source: Source, shown: str) -> tuple[str, Naming]:
    """Who is charged: whom the source says that it transfers for (RFC 3892), else whose call it is."""
    said = request.first("referred-by") if _is_source(leg) else None
    referrer = diversion.believed(source, diversion.user_in(said)) if said is not None else ""
    if referrer:
        return referrer, "forwarder"
    name, naming = named(source, shown)
    return name, "forwarder" if dialog.inbound else naming


# --- what becomes of it ---------------------------------------------------------------------------------------------


def decided(edge: Edge, id: str, verdict: Verdict, now: int) -> Transfer | None:
    """The answer to an Ask; gives the transfer whose REFER is to be sent on now, with its `refer_to`."""
    transfer = edge.referrals.transfers[id]
    transfer.wake = 0
    if transfer.state == "over":
        if verdict.outcome == "allow":
            edge.note(Ended(at=now, id=id, cause="lost"))
        edge.referrals.forget(transfer)
        return None
    if verdict.outcome != "allow":
        edge.count("refused")
        refuse(edge, transfer.server, verdict.sip_status or 503, verdict.public_text or "Declined", now)
        edge.referrals.forget(transfer)
        return None
    if edge.dialogs.get(transfer.dialog.key) is not transfer.dialog or transfer.dialog.state != "confirmed":
        edge.respond(transfer.server, 481, "Call/Transaction Does Not Exist", now)
        _end(edge, transfer, "lost", 481, now)
        return None
    try:
        transfer.refer_to = _refer_to(edge, transfer, verdict)
    except (MismatchError, SipParseError):
        edge.count("error")
        edge.respond(transfer.server, 500, "Server Internal Error", now)
        _end(edge, transfer, "error", 500, now)
        return None
    transfer.state = "sent"
    return transfer


def _refer_to(edge: Edge, transfer: Transfer, verdict: Verdict) -> bytes:
    placer, attempt = transfer.dialog.other(transfer.leg), transfer.attempt
    if attempt.transfer == "source":
        said = parse_address(transfer.request.first("refer-to") or b"").uri.header("replaces")
        said = text(own.inward(edge, wire(said))) if said else None
        return b"<sip:%b@%b%b>" % (wire(attempt.dialled), edge.uri_hosts[placer.listener], _replacing(said))
    other, recipient = transfer.replaced, transfer.recipient
    if other is not None and recipient is not None:
        target = parse_uri(recipient.target).replace(headers=())
        tags = f"to-tag={recipient.tag};from-tag={other.other(recipient).tag}"
        return b"<" + target.to_bytes() + _replacing(f"{other.call_id_to(recipient)};{tags}") + b">"
    number, host = wire(verdict.send_user), host_port_bytes(placer.host, placer.port)
    uri = number if number.startswith(b"urn:") else b"sip:" + number + b"@" + host
    prove(uri, verdict.send_user)
    return b"<" + uri + b">"


def _replacing(said: str | None) -> bytes:
    """The header of a URI that names a call to be replaced."""
    return b"?Replaces=" + escape(said, _KEPT) if said else b""


def answered(edge: Edge, id: str, status: int, now: int) -> None:
    """A final response to a REFER that was sent on, or none (408, 503)."""
    transfer = edge.referrals.transfers.get(id)
    if transfer is None or status < 200:
        return
    if status >= 300:
        _end(edge, transfer, "rejected", status, now)
        return
    transfer.state = "accepted"
    attempt = transfer.attempt
    edge.agenda.arm(transfer, now + _rings_s(edge, attempt) * SECOND + PATIENCE, edge.referrals.transfers, id)
    if attempt.transfer == "source":
        edge.note(Ended(at=now, id=id, cause="transferred", status=status))
        _wait_for_call(edge, attempt, now)
    else:
        edge.note(Answered(at=now, id=id, leg=LEG))


def _rings_s(edge: Edge, attempt: Attempt) -> int:
    trunk = edge.policy.trunks.get(attempt.trunk)
    return trunk.ring_limit_s if trunk is not None else 0


def _wait_for_call(edge: Edge, attempt: Attempt, now: int) -> None:
    digits = diversion.last_digits(attempt.dialled)
    if digits:
        edge.referrals.expect(attempt.source or "", digits, attempt.id, now + PLACED_WITHIN)


def notified(edge: Edge, request: Request, dialog: Dialog, leg: Leg, now: int) -> None:
    """A NOTIFY of this leg, which may say that the call it was asked to place came to nothing."""
    transfer = edge.referrals.within(dialog.key)
    if transfer is None or leg is transfer.leg or transfer.state != "accepted":
        return
    found = _FRAGMENT.match(request.body)
    status = int(found[1]) if found is not None else 0
    if status < 200 and not (request.first("subscription-state") or b"").lower().startswith(b"terminated"):
        return
    if status >= 300 and transfer.attempt.transfer != "source":
        edge.note(Ended(at=now, id=transfer.attempt.id, leg=LEG, cause="rejected", status=status))
    edge.referrals.forget(transfer)


def cut(edge: Edge, id: str, now: int) -> bool:
    """Somebody ends its attempt: only a REFER that wasn't sent on can be stopped, and that is told with its verdict.

    False where there is nothing more to tell: the attempt counts no longer, whatever the carrier does.
    """
    transfer = edge.referrals.transfers.get(id)
    if transfer is None:
        return False
    if transfer.state == "asked":
        refuse(edge, transfer.server, 480, "Temporarily Unavailable", now)
        edge.referrals.give_up(transfer)
    elif transfer.state != "over":
        edge.referrals.forget(transfer)
        return False
    return True


def due(edge: Edge, transfer: Transfer, now: int) -> None:
    """No verdict came in time, or no NOTIFY that was the last."""
    if transfer.state == "asked":
        edge.count("unanswered")
        edge.respond(transfer.server, 503, "Service Unavailable", now)
        edge.referrals.give_up(transfer)
    else:
        edge.referrals.forget(transfer)


def _end(edge: Edge, transfer: Transfer, cause: str, status: int, now: int) -> None:
    edge.note(Ended(at=now, id=transfer.attempt.id, cause=cause, status=status))
    edge.referrals.forget(transfer)
