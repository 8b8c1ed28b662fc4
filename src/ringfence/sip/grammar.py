"""The small grammars that several headers share: token, host, parameters, percent escapes (RFC 3261 §25.1).

Theory. Every reader here takes a slice of a header that is already capped in length (`headers.MAX_LINE`), reads it
whole with `fullmatch` or with one scanner that must end at the last byte, and raises `SipParseError` otherwise.
Nothing is searched for inside a value: a reader that looks for the next `<` or the last `"` is how one parser sees
another address than the next one does.

- Bytes patterns only, so that a digit is 0-9 and a letter is A-Z.
- No quantifier around an alternative that can match the same bytes in two ways: time is linear in the length.
- Text that leaves a reader is UTF-8 with surrogate escapes, so that any bytes come back as they were.
"""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv6Address

from ringfence.sip.errors import SipParseError

CACHED = 1024
"""URIs, Vias and names whose reading is remembered: those of one call come in most of its messages."""

WS = b" \t"
TOKEN_CHARS = rb"A-Za-z0-9.!%*_+`'~-"
TOKEN = re.compile(rb"[" + TOKEN_CHARS + rb"]+")
TEXT_CODEC = ("utf-8", "surrogateescape")

QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'

HOST = rb"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_][A-Za-z0-9._-]{0,254}"
"A hostname is not checked label by label: `pbx1` and `my_pbx` are names in real trunks (RFC 3261 would refuse both)."

HOST_PORT = re.compile(rb"(" + HOST + rb")(?::([0-9]{1,5}))?")

# `;name`, `;name=value` with white space around `;` and `=`. Values: token, host, [IPv6] or a quoted string.
_PARAM = re.compile(rb";[ \t]*([" + TOKEN_CHARS + rb"]+)[ \t]*(?:=[ \t]*(" + QUOTED + rb"|[!#-+\--:=?-~]+)[ \t]*)?")
# The same without white space and quotes, which is what nearly everyone sends: read by splitting.
_PLAIN_PARAMS = re.compile(rb"(?:;[" + TOKEN_CHARS + rb"]+(?:=[!#-+\--:=?-~]+)?)*")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")


def text(raw: bytes) -> str:
    """Bytes as text that `wire` turns back into the same bytes."""
    return raw.decode("utf-8", "surrogateescape")


def wire(value: str) -> bytes:
    """The bytes of a text made by `text`."""
    return value.encode("utf-8", "surrogateescape")


def unescape(raw: bytes, offset: int = 0) -> str:
    """Percent-decode once (RFC 3261 §19.1.2); a `%` without two hex digits is refused."""
    if b"%" not in raw:
        return text(raw)

    def decode(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            raise SipParseError("bad percent escape", offset=offset + match.start())
        return bytes((int(match[1], 16),))

    return text(_ESCAPE.sub(decode, raw))


def escape(value: str, keep: re.Pattern[bytes]) -> bytes:
    """Percent-encode every byte that `keep`, a pattern of one byte, doesn't match."""
    raw = wire(value)
    if not keep.sub(b"", raw):
        return raw
    return b"".join(bytes((b,)) if keep.fullmatch(bytes((b,))) else b"%%%02X" % b for b in raw)


def parse_host(raw: bytes, offset: int = 0) -> str:
    """A host that `HOST` matched: lower case, IPv6 without brackets and really an address (RFC 5954 §3)."""
    host = raw.decode("ascii").lower()
    if not host.startswith("["):
        if ".." in host:
            raise SipParseError("empty label in host", offset=offset)
        return host
    try:
        IPv6Address(host[1:-1])
    except AddressValueError:
        raise SipParseError("bad IPv6 address", offset=offset) from None
    return host[1:-1]


def parse_port(raw: bytes | None, offset: int = 0) -> int | None:
    """A port that `HOST_PORT` matched; None when there is none."""
    if raw is None:
        return None
    port = int(raw)
    if not 0 < port < 65536:
        raise SipParseError("port out of range", offset=offset)
    return port


def host_port_bytes(host: str, port: int | None) -> bytes:
    """`host:port`, an IPv6 address in brackets."""
    name = f"[{host}]" if ":" in host else host
    return (name if port is None else f"{name}:{port}").encode("ascii")


def parse_params(raw: bytes, offset: int = 0) -> dict[str, str | None]:
    """Header parameters `;a=b;c`: lower-case name to value as spelled.

    A name given twice is refused (RFC 3261 §7.3.1): which of two tags counts must not depend on the reader.
    """
    plain = _PLAIN_PARAMS.fullmatch(raw)
    if plain is not None:
        return _plain_params(raw, offset)
    params: dict[str, str | None] = {}
    position, end = 0, len(raw)
    while position < end:
        match = _PARAM.match(raw, position)
        if match is None:
            raise SipParseError("bad parameter", offset=offset + position)
        name = match[1].decode("ascii").lower()
        if name in params:
            raise SipParseError("parameter given twice", offset=offset + position)
        params[name] = None if match[2] is None else text(match[2])
        position = match.end()
    return params


def _plain_params(raw: bytes, offset: int) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for piece in raw[1:].decode("ascii").split(";"):
        name, equals, value = piece.partition("=")
        name = name.lower()
        if name in params:
            raise SipParseError("parameter given twice", offset=offset)
        params[name] = value if equals else None
    return params


def params_bytes(params: Mapping[str, str | None]) -> bytes:
    """`;a=b;c` from what `parse_params` gave."""
    return b"".join(wire(f";{name}" if value is None else f";{name}={value}") for name, value in params.items())
