"""Requests and responses of our own making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ringfence.sip.message import Request, Response


def build_request(method: str, uri: bytes, headers: Sequence[tuple[str, bytes]], body: bytes = b"") -> Request:
    """A request with these headers in this order; Content-Length is added."""
    raise NotImplementedError


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
    raise NotImplementedError
