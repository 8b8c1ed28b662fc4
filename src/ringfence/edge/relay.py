"""A response one hop back; the ACK of a non-2xx final, and the CANCEL (RFC 3261 §16.7 item 9, §17.1.1.3, §9.1)."""

from __future__ import annotations

from ringfence.edge import own
from ringfence.edge.records import Client
from ringfence.edge.rewrite import tagged
from ringfence.edge.state import Edge
from ringfence.sip.build import build_request
from ringfence.sip.message import Request, Response
from ringfence.sip.parse import parse


def pass_back(edge: Edge, client: Client, response: Response, now: int) -> None:
    """Send a response to whoever sent the request that the client was made for; it is edited in place.

    One without a Via under ours can't find its way: then its status is told.
    """
    server = client.server
    if server is None:
        return
    response.pop_first("via")
    tag = response.to_tag
    for name, value in client.restore:
        response.set(name, tagged(value, tag) if name == "to" else value)
    if not response.has("via"):
        edge.respond(server, response.status, response.reason, now)
        return
    own.answer(edge, client, response)
    edge.reply(server, response.status, response.to_bytes(), now)


def acknowledge(edge: Edge, client: Client, response: Response) -> None:
    """The ACK of an INVITE transaction for a non-2xx final; from then on it is all that is kept of the INVITE."""
    if not client.last.startswith(b"ACK "):
        client.last = _of_invite(client.last, "ACK", response.first("to") or b"")
    edge.transmit(client.hop, client.last)


def explain(edge: Edge, client: Client | None, cancel: Request) -> None:
    """Let the CANCEL of a client say what its sender's says of why, as `Call completed elsewhere` (RFC 3326)."""
    dialog = client.dialog if client is not None else None
    if client is not None and dialog is not None:
        receiver = dialog.callee if client.side == "c" else dialog.caller
        client.reasons = tuple(own.harmless(edge, cancel, "reason", dialog, receiver))


def cancel(edge: Edge, client: Client, now: int) -> None:
    """Send CANCEL if a provisional response has come; before that it has to wait (§9.1)."""
    if edge.step(client, "cancel", now) == "cancel":
        send_cancel(edge, client, now)


def send_cancel(edge: Edge, client: Client, now: int) -> None:
    """A CANCEL in a transaction of its own, with the branch of its INVITE."""
    own = Client(cancel_key(client.key), now, "CANCEL", client.hop)
    own.purpose = "quiet"
    edge.send(own, _of_invite(client.last, "CANCEL", b"", client.reasons))


def cancel_key(branch: str) -> str:
    """The key of the CANCEL that shares a branch with its INVITE."""
    return f"{branch} CANCEL"


def _of_invite(data: bytes, method: str, to: bytes, reasons: tuple[bytes, ...] = ()) -> bytes:
    """A request that belongs to an INVITE's transaction: its Request-URI, top Via, From, Call-ID and CSeq number."""
    invite = parse(data)
    if not isinstance(invite, Request):
        raise TypeError("a client transaction keeps its request")
    headers = [("Via", invite.all("via")[0])]
    headers += [("Route", route) for route in invite.all("route")]
    headers += [
        ("Max-Forwards", b"70"),
        ("From", invite.first("from") or b""),
        ("To", to or invite.first("to") or b""),
        ("Call-ID", invite.first("call-id") or b""),
        ("CSeq", b"%d %b" % (invite.cseq[0], method.encode("ascii"))),
    ]
    headers += [("Reason", reason) for reason in reasons]
    return build_request(method, invite.uri_raw, headers).to_bytes()
