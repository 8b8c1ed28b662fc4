"""What the edge changes in a request on its way through, and the proof that it still names the judged number.

What goes to the carrier is rebuilt, not checked and passed on: the Request-URI from the verdict's number, so that no
parameter (`;rn=`, `;phone-context=`, `;isub=`) and no second spelling gets past; Route is ours alone. Identity headers
that nobody judged (Remote-Party-ID, P-Preferred-Identity) are dropped (A9, RFC 3325 §9.2). All other headers and the
body pass as they are, the To header too: some PBXs compare it. Lines that pass were read as single lines without CR and
LF, and lines of ours are made of what was read likewise; so the start line is what has to be read again.
"""

from __future__ import annotations

from ringfence.model.verdict import Verdict
from ringfence.sip.address import cut_address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri, parse_uri

_UNJUDGED = ("route", "remote-party-id", "p-preferred-identity")
_IDENTITY = "p-asserted-identity"


class MismatchError(Exception):
    """What would have been sent doesn't read as the number that was judged: a fault of ours."""


def to_carrier(request: Request, verdict: Verdict, host: bytes) -> Request:
    """A copy of an INVITE for the trunk: number and caller ID from the verdict. `host` is the Request-URI's."""
    out = request.copy()
    number = wire(verdict.send_user)
    out.set_uri(number if number.startswith(b"urn:") else b"sip:" + number + b"@" + host)
    for name in _UNJUDGED:
        out.remove(name)
    if verdict.send_caller is not None:
        set_caller(out, verdict.send_caller)
    return out


def to_source(request: Request, uri: Uri) -> Request:
    """A copy of an INVITE from the carrier for the PBX."""
    out = request.with_uri(uri.to_bytes())
    out.remove("route")
    return out


def hop(out: Request, via: bytes) -> None:
    """One hop further: Via on top, Max-Forwards one less (70 where there was none, §16.6 step 3)."""
    forwards = out.max_forwards
    out.set("max-forwards", b"%d" % (70 if forwards is None else max(0, forwards - 1)))
    out.prepend("via", via)


def with_caller(value: bytes, caller: str) -> bytes:
    """A From or P-Asserted-Identity value with another number: host and parameters stay, the display name goes."""
    uri = parse_address(value).uri
    host = host_port_bytes(uri.host or "anonymous.invalid", uri.port)
    return b"<sip:" + wire(caller) + b"@" + host + b">" + cut_address(value)[2]


def set_caller(out: Request, caller: str) -> None:
    """Put in the caller ID that the verdict names."""
    out.set("from", with_caller(out.first("from") or b"", caller))
    asserted = out.first(_IDENTITY)
    if asserted is not None:
        out.set(_IDENTITY, with_caller(asserted, caller))


def prove(out: Request, send_user: str) -> None:
    """Read again the start line that is about to be sent; raises MismatchError unless it names the judged number."""
    try:
        method, raw, version = out.start_line.split(b" ")
        uri = parse_uri(raw)
        reads = str(uri) if send_user.startswith("urn:") else uri.dialled()
    except (SipParseError, ValueError) as error:
        raise MismatchError(str(error)) from None
    plain = not (uri.user_params or uri.params or uri.headers or uri.password)
    if (method, version) != (b"INVITE", b"SIP/2.0") or reads != send_user or not plain or out.has("route"):
        raise MismatchError(f"would send {reads!r}, judged was {send_user!r}")
