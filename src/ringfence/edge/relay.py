"""A response one hop back, and the ACK of a non-2xx final (RFC 3261 §16.7 item 9, §17.1.1.3)."""

from __future__ import annotations

from ringfence.edge.state import Client, Edge
from ringfence.sip.build import build_request
from ringfence.sip.message import Request, Response, parse


def pass_back(edge: Edge, client: Client, response: Response, now: int) -> None:
    """Send a response to whoever sent the request that the client was made for; it is edited in place."""
    server = client.server
    if server is None:
        return
    response.pop_first("via")
    for name, value in client.restore:
        response.set(name, value)
    edge.reply(server, response.status, response.to_bytes(), now)


def acknowledge(edge: Edge, client: Client, response: Response) -> None:
    """The ACK of an INVITE transaction for a non-2xx final: its headers are the INVITE's, its To the response's."""
    invite = parse(client.last)
    if isinstance(invite, Request):
        edge.transmit(client.listener, ack_of(invite, response), client.host, client.port)


def ack_of(invite: Request, response: Response) -> bytes:
    """§17.1.1.3."""
    headers = [("Via", invite.all("via")[0])]
    headers += [("Route", route) for route in invite.all("route")]
    headers += [
        ("Max-Forwards", b"70"),
        ("From", invite.first("from") or b""),
        ("To", response.first("to") or b""),
        ("Call-ID", invite.first("call-id") or b""),
        ("CSeq", b"%d ACK" % invite.cseq[0]),
    ]
    return build_request("ACK", invite.uri_raw, headers).to_bytes()


def cancel_of(invite: Request) -> bytes:
    """§9.1: the same Request-URI, Call-ID, To, From, CSeq number and top Via."""
    headers = [("Via", invite.all("via")[0])]
    headers += [("Route", route) for route in invite.all("route")]
    headers += [
        ("Max-Forwards", b"70"),
        ("From", invite.first("from") or b""),
        ("To", invite.first("to") or b""),
        ("Call-ID", invite.first("call-id") or b""),
        ("CSeq", b"%d CANCEL" % invite.cseq[0]),
    ]
    return build_request("CANCEL", invite.uri_raw, headers).to_bytes()
