"""A session description, read strictly (RFC 8866): streams, where they go, what protects them.

Theory. What is judged has to be what the far side reads. So whatever two readers could take in two ways isn't read at
all: a line that isn't `x=value`, a bare CR, a second `o=`, an attribute that matters in other capitals. Of what may
stand several times everything counts: all `c=` lines of a stream, all its keys. The order after `v= o= s=` doesn't
matter.

    v=0 o= s= t= [c= a=]      session: what holds where a stream doesn't say otherwise
    m= [c= a=]                a stream; port 0: it was refused or removed, unless it says `bundle-only` (RFC 9143)

How a stream is protected (`protection`):

| profile | with | is |
|---|---|---|
| `RTP/SAVP`, `RTP/SAVPF` | `a=crypto` of a known suite (RFC 4568) | sdes |
| the same, `UDP/TLS/...`, `.../DTLS/...`, `TCP/TLS/...` | `a=fingerprint` (RFC 5763, RFC 8122) | dtls |
| one of these | neither | keyless |
| `RTP/SAVP`, `RTP/SAVPF` | a key that says `UNENCRYPTED_SRTP` | unencrypted |
| any other | `a=crypto`, `a=fingerprint`, or a capability of a secure profile (RFC 5939) | best-effort |
| any other | nothing of that, as T.38 (`udptl`) | plain |
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Literal, NamedTuple

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED

Protection = Literal["plain", "best-effort", "sdes", "dtls", "unencrypted", "keyless"]
"""plain: none; best-effort: SRTP if the far side likes; sdes, dtls: SRTP with keys in the description, by DTLS;
unencrypted: SRTP whose keys encrypt nothing; keyless: a secure profile without keys that can be used."""

MAX_SDP = 16_384
"Bytes of a description: twice what browsers send."
MAX_LINES = 500
MAX_STREAMS = 16
MAX_HOSTS = 64
"Different addresses in a description."

SUITES = frozenset(
    {
        "AES_CM_128_HMAC_SHA1_80",
        "AES_CM_128_HMAC_SHA1_32",
        "F8_128_HMAC_SHA1_80",
        "SEED_CTR_128_HMAC_SHA1_80",
        "SEED_128_CCM_80",
        "SEED_128_GCM_96",
        "AES_192_CM_HMAC_SHA1_80",
        "AES_192_CM_HMAC_SHA1_32",
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
    }
)
"IANA's list; makers add suites without encryption to it."
_WEAK = frozenset({"UNENCRYPTED_SRTP", "UNAUTHENTICATED_SRTP"})
_DIGESTS = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
"Bytes of a fingerprint by its hash; MD5 proves nothing any more."
_MATTERS = frozenset({"crypto", "fingerprint", "tcap", "rtcp", "candidate", "bundle-only"})

_TOKEN = rb"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"
_LINE = re.compile(rb"([a-z])=(.*)", re.DOTALL)
_MEDIA = re.compile(
    rb"(" + _TOKEN + rb") (0|[1-9][0-9]{0,4})(?:/[0-9]{1,5})? (" + _TOKEN + rb"(?:/" + _TOKEN + rb")*)(?: [!-~]+)+ ?"
)
_CONNECTION = re.compile(rb"IN IP[46] ([0-9A-Za-z.:_-]{1,255})(?:/[0-9]{1,3}){0,2} ?")
_ATTRIBUTE = re.compile(rb"(" + _TOKEN + rb")(?::(.*))?", re.DOTALL)
_CRYPTO = re.compile(rb"[0-9]{1,9}[ \t]+([A-Za-z0-9_]{1,64})[ \t]+inline:[!-~]+((?:[ \t]+[!-~]+)*)[ \t]*")
_FINGERPRINT = re.compile(rb"([A-Za-z0-9-]{1,16})[ \t]+((?:[0-9A-Fa-f]{2}:)*[0-9A-Fa-f]{2})[ \t]*")
_RTCP = re.compile(rb"[0-9]{1,5}(?: IN IP[46] ([0-9A-Za-z.:_-]{1,255}))?[ \t]*")
_CANDIDATE = re.compile(rb"[!-~]+ [0-9]+ [!-~]+ [0-9]+ ([0-9A-Za-z.:_-]{1,255}) [0-9]{1,5} typ(?: [!-~]+)+ ?")


class Stream(NamedTuple):
    """One `m=` section that is in use."""

    kind: str
    """`audio`, `video`, `image` …"""
    protection: Protection


class Description(NamedTuple):
    """What a session description says of media."""

    streams: tuple[Stream, ...]
    """Those in use."""
    hosts: tuple[str, ...]
    """Where they go, each once: addresses as `ip_address` writes them, or names in lower case."""


class _Section:
    """The session, or one `m=` section of it."""

    __slots__ = ("attributes", "hosts", "kind", "port", "profile")

    def __init__(self, kind: str = "", port: int = 0, profile: str = "") -> None:
        self.kind, self.port, self.profile = kind, port, profile
        self.hosts: list[str] = []
        self.attributes: list[tuple[str, bytes]] = []

    def all(self, name: str) -> list[bytes]:
        return [value for known, value in self.attributes if known == name]

    @property
    def in_use(self) -> bool:
        return self.port > 0 or bool(self.all("bundle-only"))


def parse_sdp(data: bytes) -> Description:
    """Read a whole description; raises SipParseError."""
    session, *sections = _sections(_lines(data))
    used = [section for section in sections if section.in_use]
    hosts: dict[str, None] = {}
    for section in used:
        hosts.update(dict.fromkeys(_hosts(session, section)))
    if len(hosts) > MAX_HOSTS:
        raise SipParseError("too many addresses in the SDP")
    return Description(tuple(Stream(one.kind, protection(session, one)) for one in used), tuple(hosts))


# Lines.


def _lines(data: bytes) -> list[tuple[bytes, bytes]]:
    """Type and value of each line; LF ends a line as CRLF does (RFC 8866 §5)."""
    if len(data) > MAX_SDP:
        raise SipParseError("the SDP is too large")
    text = data.replace(b"\r\n", b"\n")
    if b"\r" in text or b"\x00" in text:
        raise SipParseError("CR or NUL inside a line of the SDP")
    lines = text.rstrip(b"\n").split(b"\n")
    if len(lines) > MAX_LINES:
        raise SipParseError("the SDP has too many lines")
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise SipParseError("a line of the SDP isn't x=value")
        found.append((match[1], match[2]))
    if b"".join(kind for kind, _ in found[:3]) != b"vos" or found[0][1].rstrip(b" ") != b"0":
        raise SipParseError("the SDP doesn't begin with v=0, o= and s=")
    return found


def _sections(lines: list[tuple[bytes, bytes]]) -> list[_Section]:
    """The session and the streams."""
    here = _Section()
    sections = [here]
    for kind, value in lines[3:]:
        if kind == b"m":
            here = _stream(value)
            sections.append(here)
            if len(sections) > MAX_STREAMS + 1:
                raise SipParseError("the SDP has too many streams")
        elif kind == b"c":
            here.hosts.append(_host(_match(_CONNECTION, value, "c=")[1]))
        elif kind == b"a":
            here.attributes.append(_attribute(value))
        elif kind in b"vos":
            raise SipParseError("the SDP has a second v=, o= or s=")
        elif kind not in b"iuepbtrzk":
            raise SipParseError("the SDP has a line of a kind that nobody knows")
    return sections


def _match(pattern: re.Pattern[bytes], value: bytes, what: str) -> re.Match[bytes]:
    match = pattern.fullmatch(value)
    if match is None:
        raise SipParseError(f"bad {what} in the SDP")
    return match


def _stream(value: bytes) -> _Section:
    kind, port, profile = _match(_MEDIA, value, "m=").groups()
    if int(port) > 65_535:
        raise SipParseError("bad m= in the SDP")
    return _Section(kind.decode("ascii"), int(port), profile.decode("ascii").upper())


def _attribute(value: bytes) -> tuple[str, bytes]:
    match = _match(_ATTRIBUTE, value, "a=")
    name = match[1].decode("ascii")
    if name not in _MATTERS and name.lower() in _MATTERS:
        raise SipParseError(f"a={name} in other capitals: readers differ over it")
    return name, match[2] or b""


@lru_cache(maxsize=CACHED)
def _host(raw: bytes) -> str:
    """An address as `ip_address` writes it, IPv4 out of its IPv6 wrapping; a name in lower case."""
    text = raw.decode("ascii").lower()
    try:
        address = ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


# What it says.


def _hosts(session: _Section, section: _Section) -> list[str]:
    """Where a stream goes, and its RTCP and candidates."""
    found = [*(section.hosts or session.hosts)]
    if not found:
        raise SipParseError("a stream of the SDP has no c=")
    for value in section.all("rtcp"):
        host = _match(_RTCP, value, "a=rtcp")[1]
        found += [_host(host)] if host is not None else []
    found += [_host(_match(_CANDIDATE, value, "a=candidate")[1]) for value in section.all("candidate")]
    return found


def protection(session: _Section, section: _Section) -> Protection:
    """How a stream is protected."""
    keys = section.all("crypto")
    prints = section.all("fingerprint") or session.all("fingerprint")
    parts = section.profile.split("/")
    over_tls = "TLS" in parts or "DTLS" in parts
    if not over_tls and not _is_secure(parts[-1]):
        capable = any(b"SAVP" in value.upper() for value in (*session.all("tcap"), *section.all("tcap")))
        return "best-effort" if keys or capable or (prints and parts[0] == "RTP") else "plain"
    if not over_tls and keys:
        return _by_keys(keys)
    return "dtls" if any(map(_proves, prints)) else "keyless"


def _is_secure(profile: str) -> bool:
    return profile in ("SAVP", "SAVPF")


def _by_keys(keys: list[bytes]) -> Protection:
    """The far side chooses among keys, so one of them that encrypts nothing is enough to have nothing encrypted."""
    known = [match for value in keys if (match := _CRYPTO.fullmatch(value)) and match[1].decode("ascii") in SUITES]
    if any(not _WEAK.isdisjoint(value.decode("ascii", "replace").upper().split()) for value in keys):
        return "unencrypted"
    return "sdes" if known else "keyless"


def _proves(value: bytes) -> bool:
    match = _FINGERPRINT.fullmatch(value)
    return match is not None and (len(match[2]) + 1) // 3 == _DIGESTS.get(match[1].decode("ascii").lower())
