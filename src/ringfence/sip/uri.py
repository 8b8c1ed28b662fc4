"""The only URI parser (RFC 3261 §19.1, RFC 3966, RFC 5031).

Theory. A toll-fraud firewall is as good as its agreement with the next box about *which number* a URI names. So:

- One reading. A URI either has one meaning under the grammar or it is refused: two `@`, white space, brackets around
  a Request-URI, a bare `%`, raw bytes above 0x7F, NUL, CR and LF are all refused, not repaired.
- The user part is percent-decoded exactly once (`%2531` is the text `%31`, never `1`) into `user`. That is text; a
  full-width or Arabic digit stays a letter, and `numbers` refuses it. Control characters may be *escaped* in a URI
  (RFC 4475 §3.1.1.5) but never reach a decision: `dialled()` refuses them, since a C program behind us would end the
  number at `%00`.
- User parameters (`;phone-context=`, `;rn=`, `;npdi`, `;isub=`) are cut from the number and named. What goes to the
  carrier is rebuilt from the canonical digits by the edge, so that a parameter which nobody judged isn't sent.
- `to_bytes()` writes a canonical spelling from the same fields that were judged: names and host in lower case,
  needless escapes of parameters gone, user part as spelled. parse and to_bytes are each other's inverse after one
  round, and what is written is never longer than what was read.

More than RFC 3261 allows, because trunks and PBXs send it: `#` in the user part (`*72#`), `_` and single labels with
digits in a host, `=` inside a parameter value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED, HOST, escape, host_port_bytes, parse_host, parse_port, text, unescape, wire

MAX_URI = 2048
"Longest URI read (RFC 3261 names no limit; real ones stay under 300)."

_UNRESERVED = rb"A-Za-z0-9_.!~*'()\-"
_USER = _UNRESERVED + rb"&=+$,;?/%#"
_PASSWORD = _UNRESERVED + rb"&=+$,%"
_PARAM = _UNRESERVED + rb"\[\]/:&+$"
_HEADER = _UNRESERVED + rb"\[\]/?:+$"

_SIP = re.compile(
    rb"([Ss][Ii][Pp][Ss]?):"
    rb"(?:([" + _USER + rb"]+)(?::([" + _PASSWORD + rb"]*))?@)?"
    rb"(" + HOST + rb")(?::([0-9]{1,5}))?"
    rb"((?:;[" + _PARAM + rb"%=;]+)?)"
    rb"(?:\?([" + _HEADER + rb"%=&]+))?"
)
_TEL = re.compile(rb"[Tt][Ee][Ll]:([" + _UNRESERVED + rb"+#%]+)((?:;[" + _PARAM + rb"%=;]+)?)")
_OTHER = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]{0,31}):([!-~]+)")

_KEEP_NAME = re.compile(rb"[" + _PARAM + rb"]")
_KEEP_VALUE = re.compile(rb"[" + _PARAM + rb"=]")
_KEEP_HEADER = re.compile(rb"[" + _HEADER + rb"]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_GLOBAL_CONTEXT = re.compile(r"\+[0-9().-]{1,32}", re.ASCII)

_Params = Mapping[str, str | None]


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP, SIPS, tel or other URI. `str(uri)` and `to_bytes()` give it back; copies by `uri.replace(...)`."""

    scheme: str
    "Lower case: sip, sips, tel, urn or another."
    user: str | None = None
    "Before the first `;` of the user part (tel: the number), percent-decoded once. Text: not known to be digits."
    user_raw: str | None = None
    "The whole user part as spelled, with user parameters, without password (tel: the number as spelled)."
    password: str | None = None
    "As spelled."
    host: str = ""
    "Lower case; IPv6 without brackets; empty for tel, urn and others."
    port: int | None = None
    params: _Params = {}
    "URI parameters after the host: lower-case name to percent-decoded value, None for a bare name."
    user_params: _Params = {}
    "Parameters inside the user part (phone-context, rn, npdi, cic, isub) or of a tel URI, in the same form."
    headers: tuple[tuple[str, str], ...] = ()
    "`?Replaces=...&X=...` in order: lower-case name, percent-decoded value."
    opaque: str = ""
    "All after `scheme:` of a URI that is neither sip, sips nor tel (`service:sos`)."

    def header(self, name: str) -> str | None:
        """The value of the first URI header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    def dialled(self) -> str:
        """The string that `numbers` normalises: the user, after a global `phone-context` if it is a local number.

        RFC 3966 §5.1.5: `7042;phone-context=+1-914-555` is the number +1-914-555-7042. A domain as context names a dial
        plan, not digits, and adds nothing. Raises SipParseError (404) without a user, or (400) with control characters.
        """
        if self.user is None:
            raise SipParseError("URI without a user part", status=404)
        if _CONTROL.search(self.user):
            raise SipParseError("control character in the user part")
        context = self.user_params.get("phone-context")
        if context is None or self.user.startswith("+") or not context.startswith("+"):
            return self.user
        if not _GLOBAL_CONTEXT.fullmatch(context):
            raise SipParseError("bad phone-context")
        return context + self.user

    def replace(self, **changes: Any) -> Uri:
        """A copy with other fields. `user_raw` is what `to_bytes` writes: change it and `user` together."""
        return msgspec.structs.replace(self, **changes)

    def to_bytes(self) -> bytes:
        """The URI in canonical spelling."""
        if self.scheme in ("sip", "sips"):
            return self._sip_bytes()
        if self.scheme == "tel":
            return b"tel:" + wire(self.user_raw or "") + _params_bytes(self.user_params)
        return wire(f"{self.scheme}:{self.opaque}")

    def _sip_bytes(self) -> bytes:
        user = b""
        if self.user_raw is not None:
            user = wire(self.user_raw if self.password is None else f"{self.user_raw}:{self.password}") + b"@"
        start = self.scheme.encode("ascii") + b":" + user + host_port_bytes(self.host, self.port)
        return start + _params_bytes(self.params) + _headers_bytes(self.headers)

    def __str__(self) -> str:
        return text(self.to_bytes())

    def __hash__(self) -> int:
        return hash((self.scheme, self.user_raw, self.host, self.port))


@lru_cache(maxsize=CACHED)
def parse_uri(raw: bytes, offset: int = 0) -> Uri:
    """Read a whole URI. Raises SipParseError (414 over `MAX_URI`, else 400); `offset` is where `raw` starts."""
    if len(raw) > MAX_URI:
        raise SipParseError("URI too long", status=414, offset=offset)
    match = _SIP.fullmatch(raw)
    if match is not None:
        return _sip(match, offset)
    scheme = raw[:5].lower()
    if scheme.startswith(b"tel:"):
        return _tel(raw, offset)
    other = _OTHER.fullmatch(raw)
    if other is None or scheme.startswith((b"sip:", b"sips:")):
        raise SipParseError("bad URI", offset=offset)
    return Uri(scheme=text(other[1]).lower(), opaque=text(other[2]))


def _sip(match: re.Match[bytes], offset: int) -> Uri:
    scheme, user_raw, password, host, port, params, headers = match.groups()
    user, user_params = _split_user(user_raw, offset + 4)
    return Uri(
        scheme=text(scheme).lower(),
        user=user,
        user_raw=None if user_raw is None else text(user_raw),
        password=None if password is None else _checked(password, offset),
        host=parse_host(host, offset + match.start(4)),
        port=parse_port(port, offset + match.start(4)),
        params=_params(params[1:], offset + match.start(6)) if params else {},
        user_params=user_params,
        headers=_headers(headers, offset + match.start(7)) if headers else (),
    )


def _tel(raw: bytes, offset: int) -> Uri:
    match = _TEL.fullmatch(raw)
    if match is None:
        raise SipParseError("bad tel URI", offset=offset)
    params = _params(match[2][1:], offset + match.start(2)) if match[2] else {}
    return Uri(scheme="tel", user=unescape(match[1], offset), user_raw=text(match[1]), user_params=params)


def _split_user(raw: bytes | None, offset: int) -> tuple[str | None, _Params]:
    """`+1;isub=5` → the user before the first `;` and its parameters."""
    if raw is None:
        return None, {}
    if b";" not in raw:
        return unescape(raw, offset), {}
    user, _, rest = raw.partition(b";")
    # RFC 3261 lets a user part hold any `;` (RFC 4475 §3.1.1.2 has `;;*`), so empty pieces are no error here.
    pieces = b";".join(piece for piece in rest.split(b";") if piece)
    return unescape(user, offset), _params(pieces, offset) if pieces else {}


def _params(raw: bytes, offset: int) -> _Params:
    """`a=b;c` → dict. Given twice is refused (RFC 3261 §19.1.1), also when one of the two hides behind escapes."""
    params: dict[str, str | None] = {}
    for piece in raw.split(b";"):
        name_raw, equals, value = piece.partition(b"=")
        name = unescape(name_raw, offset).lower()
        if not name or name in params or not name.isascii():
            raise SipParseError("bad or repeated URI parameter", offset=offset)
        params[name] = unescape(value, offset) if equals else None
    return params


def _headers(raw: bytes, offset: int) -> tuple[tuple[str, str], ...]:
    """`Replaces=x&Y=z` → pairs."""
    pairs = []
    for piece in raw.split(b"&"):
        name_raw, equals, value = piece.partition(b"=")
        name = unescape(name_raw, offset).lower()
        if not name or not name.isascii() or not equals or b"=" in value:
            raise SipParseError("bad URI header", offset=offset)
        pairs.append((name, unescape(value, offset)))
    return tuple(pairs)


def _checked(raw: bytes, offset: int) -> str:
    """Text as spelled, once its escapes are known to be right."""
    unescape(raw, offset)
    return text(raw)


def _params_bytes(params: _Params) -> bytes:
    return b"".join(
        b";" + escape(name, _KEEP_NAME) + (b"" if value is None else b"=" + escape(value, _KEEP_VALUE))
        for name, value in params.items()
    )


def _headers_bytes(headers: tuple[tuple[str, str], ...]) -> bytes:
    if not headers:
        return b""
    pairs = (escape(name, _KEEP_HEADER) + b"=" + escape(value, _KEEP_HEADER) for name, value in headers)
    return b"?" + b"&".join(pairs)
