"""Names of headers: compact forms, which hold lists, which may stand once, and the caps on all of them.

The caps come before any work on a single header, so that the dearest datagram costs as little as an ordinary one.
"""

from functools import lru_cache

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED, TOKEN

MAX_MESSAGE = 65_535
"Bytes of a whole message."
MAX_HEADERS = 128
"Header lines of a message, folded lines counted one by one."
MAX_FORWARDED = MAX_HEADERS - 24
"Those of a request that goes on: it and its answers have to be readable with what each hop adds."
MAX_LINE = 8_192
"Bytes of one header line, unfolded."

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"RFC 3261 §7.3.3, RFC 3515, RFC 3841, RFC 3892, RFC 4028, RFC 4474, RFC 6665."

LISTS = frozenset(
    {
        "accept",
        "accept-contact",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "contact",
        "content-encoding",
        "content-language",
        "diversion",
        "error-info",
        "history-info",
        "in-reply-to",
        "p-asserted-identity",
        "p-associated-uri",
        "p-preferred-identity",
        "path",
        "proxy-require",
        "reason",
        "record-route",
        "reject-contact",
        "require",
        "route",
        "service-route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)
"Comma lists: several lines mean the same as one line with commas (RFC 3261 §7.3.1)."

SINGLE = frozenset(
    {
        "call-id",
        "content-length",
        "content-type",
        "cseq",
        "event",
        "expires",
        "from",
        "max-forwards",
        "min-se",
        "rack",
        "refer-to",
        "referred-by",
        "replaces",
        "rseq",
        "session-expires",
        "to",
    }
)
"May stand once. Twice is refused: two readers must not pick different ones (RFC 3261 §7.3.1, RFC 4475 §3.3.8)."

REQUIRED = ("via", "from", "to", "call-id", "cseq")
"RFC 3261 §8.1.1, without Max-Forwards, which RFC 2543 peers leave out (§16.3 item 3)."

_SPELLED = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "rseq": "RSeq",
    "rack": "RAck",
    "min-se": "Min-SE",
    "p-associated-uri": "P-Associated-URI",
    "www-authenticate": "WWW-Authenticate",
}


def _spellings() -> dict[bytes, str]:
    names = LISTS | SINGLE | frozenset(COMPACT.values()) | frozenset(_SPELLED)
    names |= {
        "user-agent",
        "server",
        "remote-party-id",
        "authorization",
        "proxy-authorization",
        "proxy-authenticate",
        "privacy",
        "date",
    }
    table = {_spell(name): name for name in names}
    return table | {name.encode(): name for name in names} | {c.encode(): name for c, name in COMPACT.items()}


def _spell(name: str) -> bytes:
    return (_SPELLED.get(name) or name.title()).encode("ascii")


_KNOWN = _spellings()
LONG = frozenset(_KNOWN.values())
"The names above in their long lower-case form."
_SPELT = {name: _spell(name) for name in LONG}
known_name = _KNOWN.get
"The long name of a header in one of the spellings that nearly everyone uses; None for others."
no_known_name = _KNOWN.keys().isdisjoint
"Whether none of these is such a spelling."


def spelled(name: str) -> bytes:
    """`call-id` as people write it."""
    return _SPELT.get(name) or _spell(name)


@lru_cache(maxsize=CACHED)
def header_name(raw: bytes, offset: int = 0) -> str:
    """The lower-case long name; white space before the colon is legal (RFC 3261 §7.3.1) and dropped."""
    known = _KNOWN.get(raw)
    if known is not None:
        return known
    raw = raw.rstrip(b" \t")
    if not TOKEN.fullmatch(raw):
        raise SipParseError("bad header name", offset=offset)
    name = raw.decode("ascii").lower()
    return COMPACT.get(name, name)
