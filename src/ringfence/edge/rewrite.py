"""What the edge changes in a request on its way through, and the proof that it still names the judged number.

What goes to the carrier is rebuilt, not checked and passed on: the Request-URI from the verdict's number, so that no
parameter (`;rn=`, `;phone-context=`, `;isub=`) and no second spelling gets past; Route is ours alone. Of several
P-Asserted-Identity only the first, which was judged, goes on; `headers` says what becomes of others. What is left and
the body pass as they are, the To header too: some PBXs compare it. Lines that pass were read as single lines without CR
and LF, and lines of ours are made of what was read likewise; so the Request-URI is what has to be read again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from ringfence.edge.shaken.verstat import unmarked
from ringfence.model.attempt import Attempt
from ringfence.model.verdict import Verdict
from ringfence.rules.callers import ANONYMOUS, FEWEST_DIGITS
from ringfence.sip.address import cut_address, parse_address
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.headers import spelled
from ringfence.sip.message import Request
from ringfence.sip.uri import parse_uri
from ringfence.sip.values import read_tag

_RACK = re.compile(rb"([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+([!-~]{1,64})")
"""Response number, CSeq number, method (RFC 3262 §7.2)."""
_IDENTITY = "p-asserted-identity"


class MismatchError(Exception):
    """What would have been sent doesn't read as the number that was judged: a fault of ours."""


class Outgoing:
    """A request on its way, with all that changes in it; written in one go. Route is always ours alone."""

    __slots__ = ("_body", "_first", "_last", "_without", "request", "uri")

    def __init__(self, request: Request, uri: bytes) -> None:
        self.request = request
        self.uri = uri
        self._first: list[bytes] = []
        self._last: dict[str, tuple[bytes, ...]] = {}
        self._without = {"route", "max-forwards"}
        self._body: bytes | None = None

    def lead(self, name: str, value: bytes) -> None:
        """A line after those led before it, and before all others."""
        self._first.append(spelled(name) + b": " + value)

    def put(self, name: str, *values: bytes) -> None:
        """This header with these values in place of what was there, or was put there before."""
        self._without.add(name)
        self._last[name] = values

    def drop(self, *names: str) -> None:
        """These headers not at all."""
        self._without.update(names)
        for name in self._last.keys() & names:
            del self._last[name]

    def only(self, names: Set[str]) -> None:
        """None of the headers that came but these."""
        self._without.update(name for name, _ in self.request.lines() if name not in names)

    def values(self, name: str) -> Sequence[bytes]:
        """What a header will say as it stands."""
        return self._last.get(name, ()) if name in self._without else self.request.all(name)

    def carry(self, body: bytes) -> None:
        """Another body."""
        self._body = body
        self._without.add("content-length")

    def write(self, via: bytes) -> bytes:
        """One hop further: our Via on top, Max-Forwards one less (70 where there was none, §16.6 step 3)."""
        request = self.request
        forwards = request.max_forwards
        start = b"%b %b SIP/2.0" % (request.method.encode("ascii"), self.uri)
        first = [b"Via: " + via, b"Max-Forwards: %d" % (70 if forwards is None else max(0, forwards - 1)), *self._first]
        last = [spelled(name) + b": " + value for name, values in self._last.items() for value in values]
        return request.rewritten(start, first, self._without, last, self._body)


def to_carrier(request: Request, verdict: Verdict, host: bytes) -> Outgoing:
    """An INVITE for the trunk: number and asserted caller ID from the verdict. `host` is the Request-URI's."""
    number = wire(verdict.send_user)
    out = Outgoing(request, number if number.startswith(b"urn:") else b"sip:" + number + b"@" + host)
    prove(out.uri, verdict.send_user)
    asserted, caller = request.first(_IDENTITY), verdict.send_caller
    if asserted is not None:  # Of several the first was judged.
        out.put(_IDENTITY, unmarked(asserted) if caller is None else with_caller(asserted, caller))
    return out


def renumbered(out: Outgoing, dialog: Dialog) -> tuple[tuple[str, bytes], ...]:
    """A request of the caller with the callee's numbers, which aren't his; gives what its answers get back."""
    request = out.request
    number, method = request.cseq
    sent = dialog.to_callee(number)
    out.put("cseq", b"%d %b" % (sent, method.encode("ascii")))
    if method == "INVITE":
        dialog.invites = number, sent
    rack = _RACK.fullmatch(request.first("rack") or b"")
    if rack is not None:
        out.put("rack", b"%b %d %b" % (rack[1], dialog.to_callee(int(rack[2])), rack[3]))
    return (("cseq", request.first("cseq") or b""),)


def tagged(value: bytes, tag: str | None) -> bytes:
    """A To value with a tag where it has none."""
    return value if not tag or read_tag(value) is not None else value + b";tag=" + wire(tag)


def shown_from(seen: bytes, attempt: Attempt, caller: str) -> bytes:
    """The From that the carrier gets where `caller` is shown: with it, unless it names an account.

    Carriers that know a registered customer by From read the caller ID from P-Asserted-Identity.
    """
    asserted = attempt.caller != attempt.shown
    return unmarked(seen) if asserted and _is_account(attempt.shown) else with_caller(seen, caller)


def _is_account(user: str) -> bool:
    """Whether nobody can take it for a number: it has letters, and fewer digits than a number."""
    digits, letters = (sum(map(kind, user)) for kind in (str.isdigit, str.isalpha))
    return letters > 0 and digits < FEWEST_DIGITS and user != ANONYMOUS


def with_caller(value: bytes, caller: str) -> bytes:
    """A From or P-Asserted-Identity value with another number: host and parameters stay, the display name goes."""
    uri = parse_address(value).uri
    host = host_port_bytes(uri.host or "anonymous.invalid", uri.port)
    return b"<sip:" + wire(caller) + b"@" + host + b">" + cut_address(value)[2]


def prove(raw: bytes, send_user: str) -> None:
    """Read again the Request-URI that is about to be sent; raises MismatchError unless it names the judged number."""
    try:
        uri = parse_uri(raw)
        reads = str(uri) if send_user.startswith("urn:") else uri.dialled()
    except SipParseError as error:
        raise MismatchError(str(error)) from None
    if reads != send_user or uri.user_params or uri.params or uri.headers or uri.password:
        raise MismatchError(f"would send {reads!r}, judged was {send_user!r}")
