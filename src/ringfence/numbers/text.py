"""From what arrived to what was dialled: URIs, escapes, scripts, separators, pauses.

In comes any string: digits as typed, `tel:` and `sip:` URIs, a name-addr. Out comes a `Dialled`: a string over the
small alphabet `0-9 + * # ,` (a comma is any pause), the phone-context if there was one, and flags; or `Refused` with
a reason. Nothing here knows a numbering plan.

Decisions that are defended by tests:
- Percent escapes are decoded once (RFC 3261 §19.1.2); an escape that remains is refused.
- Decimal digits of every script count (Unicode Nd); superscripts and circled digits don't: NFKC is never applied.
- Separators are an explicit set; any other character is refused.
- Letters are refused unless `vanity` is on: `alice` must never become digits.
- What follows a pause or `#` is dialled after the answer and isn't part of the number.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

MAX_TEXT = 512
"""Longer strings are refused unread."""

SEPARATORS = frozenset(
    " \t\r\n\f\v-./()[]~_"
    "\u00a0\u00ad\u00b7\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
    "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u061c"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2053\u2212\u223c\u30fc\ufe58\ufe63\uff0d\uff0e\uff0f"
    "\uff08\uff09\uff3b\uff3d\uff5e"
)
"""Spaces, dashes, dots, slashes, brackets, tildes; bidirectional marks and zero-width characters."""

PLUSES = frozenset("+\uff0b\ufe62")
STARS = frozenset("*\uff0a")
HASHES = frozenset("#\uff03")
PAUSES = frozenset(",;\uff0c\uff1b")

_KEYPAD = {letter: digit for digit, letters in zip("23456789", ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), strict=True) for letter in letters}  # fmt: skip  # noqa: E501
_EXTENSION = re.compile(r"[\s,;]*(?:ext(?:ensi[oó]n|n)?|extn|x)[\s.:=]*(?:[0-9]{1,9})#?\s*", re.IGNORECASE)
_EXTENSION_START = re.compile(r"(?<=[0-9)])[\s,;]*(?:e|x)", re.IGNORECASE)
_PAUSE_LETTERS = re.compile(r"(?<=[0-9,#])\s*[pwPW]+(?=\s*(?:[0-9,;#*]|$))")
_SCHEME = re.compile(r"(sips?|tel|urn|[a-z][a-z0-9.-]*):(?=.)", re.IGNORECASE | re.DOTALL)
_SOS = re.compile(r"urn:service:sos(?:\.[a-z0-9-]+)*", re.IGNORECASE | re.ASCII)
_CONTEXT = re.compile(r"\+[0-9().\-]*[0-9][0-9().\-]*", re.ASCII)


class Dialled(NamedTuple):
    """What was dialled, in the small alphabet."""

    text: str
    context: str = ""
    """Digits of a global phone-context."""
    flags: tuple[str, ...] = ()
    private: bool = False
    """Its phone-context is a domain or broken: only an emergency number means something without its plan."""


class Refused(NamedTuple):
    """Why the string can't be a number; a key of `number.REASONS`."""

    reason: str


class Sos(NamedTuple):
    """`urn:service:sos`, RFC 5031."""

    urn: str


def decode(text: str, vanity: bool) -> Dialled | Refused | Sos:
    """What was dialled in any string; never raises."""
    if len(text) > MAX_TEXT:
        return Refused("too_long")
    text = _inside_brackets(text.strip())
    scheme = _SCHEME.match(text)
    if scheme is None:
        return (_subscriber if ";phone-context=" in text else _plain)(text, vanity)
    kind = scheme[1].lower()
    if kind == "urn":
        return Sos(text.lower()) if _SOS.fullmatch(text) else Refused("not_a_number")
    rest = text[scheme.end() :]
    if kind == "tel":
        return _subscriber(rest, vanity)
    return _sip(rest, vanity) if kind in ("sip", "sips") else Refused("not_a_number")


def _inside_brackets(text: str) -> str:
    """The URI of a name-addr (RFC 3261 §20.10); the display name may hold anything, quoted."""
    if not text.endswith(">") and ">;" not in text:
        return text
    start = text.rfind("<")
    end = text.find(">", start)
    return text[start + 1 : end].strip() if 0 <= start < end else text


def _sip(rest: str, vanity: bool) -> Dialled | Refused:
    user, at, host = rest.partition("@")
    if not at or not user:
        return Refused("no_user")
    if "@" in host:
        return Refused("invalid_char")
    return _subscriber(user.partition(":")[0], vanity)


def _subscriber(text: str, vanity: bool) -> Dialled | Refused:
    """A telephone-subscriber (RFC 3966 §3) or the user part of a SIP URI, with its parameters."""
    number, *parameters = text.split(";")
    named = {name.lower(): value for name, _, value in (p.partition("=") for p in parameters)}
    decoded = _unescaped(number)
    if decoded is None:
        return Refused("invalid_char")
    found = _plain(decoded, vanity)
    if isinstance(found, Refused):
        return found
    if "ext" in named or "postd" in named:
        found = found._replace(flags=_with(found.flags, "post_dial"))
    return _in_context(found, _unescaped(named.get("phone-context", "")))


def _in_context(found: Dialled, context: str | None) -> Dialled:
    """RFC 3966 §5.1.5: a global number ignores its context, a local one means nothing without."""
    if context == "" or found.text.startswith("+"):
        return found
    if context is None or not _CONTEXT.fullmatch(context):
        return found._replace(private=True)
    digits = re.sub("[^0-9]", "", context)
    return Dialled(found.text, digits, _with(found.flags, "phone_context"))


def _unescaped(text: str) -> str | None:
    """Percent escapes decoded once; None for a broken one or for a control character."""
    if "%" not in text:
        return text
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        return None
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "%" in decoded or any(char < " " for char in decoded) else decoded


def _plain(text: str, vanity: bool) -> Dialled | Refused:
    flags: tuple[str, ...] = () if text.isascii() else ("unicode",)
    text, cut = _without_extension(text)
    text = _PAUSE_LETTERS.sub(",", text)
    if vanity:
        text, spelled = _spelled(text)
        flags += ("vanity",) * spelled
    result = _small(text)
    if isinstance(result, Refused):
        return result
    return Dialled(result, "", flags + (("post_dial",) if cut else ()))


def _without_extension(text: str) -> tuple[str, bool]:
    """Cut `ext. 45`, `x45` and the like from the end."""
    start = _EXTENSION_START.search(text)
    if start and _EXTENSION.fullmatch(text, start.start()):
        return text[: start.start()], True
    return text, False


def _spelled(text: str) -> tuple[str, bool]:
    """Letters as the keypad has them; only behind a digit, so that a name stays a name."""
    if not re.match(r"[+(\s]*[0-9]", text) or not re.search("[A-Za-z]", text):
        return text, False
    return "".join(_KEYPAD.get(char.lower(), char) if char.isascii() else char for char in text), True


def _small(text: str) -> str | Refused:
    """The string in the small alphabet, separators gone."""
    result = []
    letters = False
    for char in text:
        if char in SEPARATORS:
            continue
        known = _symbol(char)
        if known:
            result.append(known)
        elif char.isascii() and char.isalpha():
            letters = True
        else:
            return Refused("not_a_number" if char.isalpha() else "invalid_char")
    return Refused("not_a_number") if letters else "".join(result)


def _symbol(char: str) -> str:
    """One character of the small alphabet, or empty."""
    if "0" <= char <= "9":
        return char
    if char in PLUSES:
        return "+"
    if char in PAUSES:
        return ","
    if char in STARS:
        return "*"
    if char in HASHES:
        return "#"
    digit = unicodedata.decimal(char, -1)
    return str(digit) if digit >= 0 else ""


def _with(flags: tuple[str, ...], flag: str) -> tuple[str, ...]:
    return flags if flag in flags else (*flags, flag)
