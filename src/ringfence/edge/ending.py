"""Ending calls ourselves: BYE to both sides as if the other had sent it (D5, F5).

A dialog that we end is `ending` until its BYEs are answered or given up; then it is told as ended, since until then the
far side may still count. Requests of the parties inside it are answered by us meanwhile.
"""

from __future__ import annotations

from ringfence.edge.state import Client, Edge
from ringfence.model.fact import Ended
from ringfence.sip.dialog import Dialog, Leg, own_request

REASON = (("Reason", b'Q.850;cause=16;text="ended by the firewall"'),)


def end(edge: Edge, dialog: Dialog, cause: str, now: int, *, caller_too: bool = True) -> None:
    """Say BYE to both legs, or to the callee alone where the caller doesn't know of the dialog."""
    if dialog.state == "ending":
        return
    dialog.state, dialog.cause, dialog.wake = "ending", cause, 0
    if not dialog.acked:
        via = edge.via(dialog.callee.listener, edge.tokens.branch(dialog.id, f"ack-{dialog.callee.tag}"))
        ack = own_request(dialog, dialog.callee, "ACK", via)
        edge.transmit(dialog.callee.listener, ack.to_bytes(), dialog.callee.host, dialog.callee.port)
    for leg in (dialog.caller, dialog.callee) if caller_too else (dialog.callee,):
        _bye(edge, dialog, leg, now)


def _bye(edge: Edge, dialog: Dialog, leg: Leg, now: int) -> None:
    side = "c" if leg is dialog.caller else "s"
    branch = edge.tokens.branch(dialog.id, f"bye-{side}-{edge.tokens.number(now)}")
    client = Client(branch, now, method="BYE", listener=leg.listener, host=leg.host, port=leg.port)
    client.purpose, client.dialog = "ours", dialog
    dialog.waiting += 1
    data = own_request(dialog, leg, "BYE", edge.via(leg.listener, branch), REASON).to_bytes()
    edge.store(dialog.id, dialog.call_id, f"out {leg.host}:{leg.port}", data)
    edge.send(client, data, now)


def bye_is_over(edge: Edge, dialog: Dialog, now: int) -> None:
    """One of our BYEs was answered or given up."""
    dialog.waiting -= 1
    if dialog.waiting <= 0:
        over(edge, dialog, dialog.cause, now)


def over(edge: Edge, dialog: Dialog, cause: str, now: int) -> None:
    """A dialog is over: told once, and forgotten."""
    if dialog.key not in edge.dialogs:
        return
    edge.drop(dialog)
    if not dialog.inbound:
        edge.note(Ended(at=now, id=dialog.id, leg=dialog.callee.tag, cause=cause))
