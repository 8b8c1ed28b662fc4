"""Requests and responses of our own making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ringfence.sip.grammar import wire
from ringfence.sip.message import Request, Response


def build_request(method: str, uri: bytes, headers: Sequence[tuple[str, bytes]], body: bytes = b"") -> Request:
    """A request with these headers in this order; Content-Length is added."""
    request = Request(b"", [], [], body)
    request.method = method
    request.set_uri(uri)
    for name, value in headers:
        request.append(name, value)
    request.set("content-length", b"%d" % len(body))
    return request


def build_response(
    request: Request,
    status: int,
    reason: str,
    *,
    to_tag: str | None = None,
    record_route: bool = False,
    extra: Iterable[tuple[str, bytes]] = (),
    body: bytes = b"",
) -> Response:
    """RFC 3261 §8.2.6: Vias, From, To (with `to_tag` if it has none), Call-ID, CSeq copied; Timestamp on 100."""
    response = Response(b"SIP/2.0 %d %b" % (status, wire(reason)), [], [], body)
    response.status = status
    response.reason = reason
    copied = {"via", "from", "to", "call-id", "cseq"}
    copied |= {"record-route"} if record_route else set()
    copied |= {"timestamp"} if status == 100 else set()
    for name, value in request.headers():
        if name in copied:
            response.append(name, value)
    if to_tag is not None and response.to_tag is None:
        response.set("to", (response.first("to") or b"") + b";tag=" + wire(to_tag))
    for name, value in extra:
        response.append(name, value)
    response.set("content-length", b"%d" % len(body))
    return response
