"""Who sent a call on, as the INVITE that sends it on says (Diversion, RFC 5806; History-Info, RFC 7044; C10).

A forwarded call shows the caller of before, whom a stranger chooses; it is charged to who forwarded it. The PBX is
verified and these headers are its word, so they are believed only as far as they name a part of the same source: a
label, or one of its numbers. Whatever they say, a call stays within the source that placed it.

    Diversion: <sip:101@pbx>;reason=unconditional          the topmost is the latest
    History-Info: <sip:101@pbx>;index=1, <sip:+4420...@carrier;cause=302>;index=1.1;mp=1
                                                           the last that was sent on, by the entry it was sent on from
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from ringfence.model.settings import Source
from ringfence.rules.callers import named
from ringfence.sip.address import Address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri

SIGNIFICANT = 9
"""Last digits by which two spellings of a number are taken for the same."""


def last_digits(number: str) -> str:
    """What two spellings of a number have in common; empty where it isn't a number."""
    digits = "".join(c for c in number if c in "0123456789")
    return digits[-SIGNIFICANT:] if len(digits) >= 4 else ""


def user_in(value: bytes) -> str:
    """User part of an address header; empty where it has none or can't be read."""
    address = _read(value)
    return (address.uri.user or "") if address is not None else ""


def forwarder(request: Request, source: Source, inbound: Collection[str]) -> str:
    """Who within the source forwards this call; empty where nobody says so.

    `inbound` are the numbers to which live calls of the same caller came: without a header that can be believed it is
    the latest of them.
    """
    for user in diverting(request):
        name = believed(source, user, inbound)
        if name:
            return name
    latest = next(reversed([*inbound]), "")
    return named(source, latest)[0] if latest else ""


def believed(source: Source, user: str, inbound: Collection[str] = ()) -> str:
    """The part of a source that a header of it names; empty where it names none."""
    name, naming = named(source, user)
    if naming != "caller-id":
        return name
    digits = last_digits(user)
    return next((number for number in inbound if digits and last_digits(number) == digits), "")


def diverting(request: Request) -> list[str]:
    """Who sent the call on by what its headers say, the latest first."""
    if not (request.has("diversion") or request.has("history-info")):
        return []
    users = [user_in(value) for value in request.all("diversion")]
    return [user for user in users if user] or list(_by_history(request))


class _Entry(NamedTuple):
    place: str
    """Its index: `1.1` was sent on from `1`."""
    address: Address

    @property
    def parent(self) -> str:
        return self.place.rpartition(".")[0]


def _by_history(request: Request) -> Iterator[str]:
    """An entry that was mapped (`mp`) names by its index where from; a cause or Reason says it of the entry above.

    The last entry should be where the call goes. Asterisk leaves that out where it knows only who forwarded.
    """
    values = map(_read, request.all("history-info"))
    entries = [_Entry(one.params.get("index") or "", one) for one in values if one is not None]
    if entries and not _same_user(entries[-1].address.uri, request.uri):
        yield entries[-1].address.uri.user or ""
    known = {entry.place: entry.address for entry in entries}
    for entry in reversed(entries):
        above = known.get(entry.address.params.get("mp") or entry.parent)
        if above is not None and above is not entry.address and _sent_on(entry.address, above):
            yield above.uri.user or ""


def _same_user(one: Uri, other: Uri) -> bool:
    digits = last_digits(one.user or "")
    return one.user == other.user or (digits != "" and digits == last_digits(other.user or ""))


def _sent_on(entry: Address, above: Address) -> bool:
    return "mp" in entry.params or "cause" in entry.uri.params or above.uri.header("reason") is not None


def _read(value: bytes) -> Address | None:
    try:
        return parse_address(value)
    except SipParseError:
        return None
