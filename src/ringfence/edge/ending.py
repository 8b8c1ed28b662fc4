"""Ending calls ourselves: BYE to both sides as if the other had sent it (D5, F5).

A dialog that we end is `ending` until its BYEs are answered or given up; then it is told as ended, since until then the
far side may still count. Requests of the parties inside it are answered by us meanwhile. A callee that never got an ACK
gets one of ours before the BYE (RFC 3261 §15: it may not take a BYE before).
"""

from __future__ import annotations

from ringfence.edge.records import Client
from ringfence.edge.state import Edge
from ringfence.model.fact import Ended
from ringfence.sip.dialog import Dialog, Leg, own_request

REASON = (("Reason", b'Q.850;cause=16;text="ended by the firewall"'),)


def end(edge: Edge, dialog: Dialog, cause: str, now: int, *, caller_too: bool = True) -> None:
    """Say BYE to both legs, or to the callee alone where the caller doesn't know of the dialog."""
    if dialog.state == "ending":
        return
    dialog.state, dialog.cause, dialog.wake = "ending", cause, 0
    if not dialog.acked:
        acknowledge(edge, dialog, now)
    for leg in (dialog.caller, dialog.callee) if caller_too else (dialog.callee,):
        _bye(edge, dialog, leg, now)


def acknowledge(edge: Edge, dialog: Dialog, now: int) -> None:
    """The ACK of a 2xx in the caller's place."""
    callee = dialog.callee
    ack = own_request(dialog, callee, "ACK", edge.via(callee.listener, edge.tokens.plain_branch(now)))
    edge.transmit(edge.hop_of(callee), ack.to_bytes())


def _bye(edge: Edge, dialog: Dialog, leg: Leg, now: int) -> None:
    branch = edge.tokens.branch(dialog.id, f"bye-{edge.tokens.number(now)}")
    client = Client(branch, now, "BYE", edge.hop_of(leg))
    client.purpose, client.dialog, client.side = "ours", dialog, "c" if leg is dialog.callee else "s"
    dialog.waiting += 1
    data = own_request(dialog, leg, "BYE", edge.via(leg.listener, branch), REASON).to_bytes()
    edge.store_out(dialog.id, dialog.call_id, data, leg.host, leg.port)
    edge.send(client, data)


def bye_is_over(edge: Edge, dialog: Dialog, now: int) -> None:
    """One of our BYEs was answered or given up."""
    dialog.waiting -= 1
    if dialog.waiting <= 0:
        over(edge, dialog, dialog.cause, now)


def over(edge: Edge, dialog: Dialog, cause: str, now: int) -> None:
    """A dialog is over: told once, and forgotten. An early one ends nothing: its INVITE still waits for its answer."""
    if edge.dialogs.get(dialog.key) is not dialog:
        return
    edge.drop(dialog)
    if dialog.inbound and dialog.state != "early":
        edge.note(Ended(at=now, id=dialog.id, cause=cause))
    elif dialog.state != "early":
        edge.is_over(dialog.id, dialog.callee.tag)
        edge.note(Ended(at=now, id=dialog.id, leg=dialog.callee.tag, cause=cause))
