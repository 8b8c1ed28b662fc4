"""The parameter `verstat` of a number in an address (3GPP TS 24.229 §7.2A.20): put in, or taken out."""

from __future__ import annotations

from ringfence.sip.address import cut_address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.uri import Uri


def unmarked(value: bytes) -> bytes:
    """An address without verstat; one that can't be read, as it is."""
    return (marked(value, "") or value) if b"verstat" in value.lower() else value


def marked(value: bytes, verstat: str) -> bytes | None:
    """An address with this verstat and no other, with none where it is empty; None where it has no number to mark."""
    try:
        display, _, params = cut_address(value)
        uri = parse_address(value).uri
    except SipParseError:
        return None
    if uri.user is None or uri.user_raw is None or not any(char.isdigit() for char in uri.user):
        return value if not verstat else None
    if not verstat and "verstat" not in uri.user_params:
        return value
    lead = display + b" " if display else b""
    return lead + b"<" + _with(uri, verstat).to_bytes() + b">" + params


def _with(uri: Uri, verstat: str) -> Uri:
    if uri.scheme == "tel":
        kept = {name: value for name, value in uri.user_params.items() if name != "verstat"}
        return uri.replace(user_params={**kept, "verstat": verstat} if verstat else kept)
    first, *rest = (uri.user_raw or "").split(";")
    pieces = [piece for piece in rest if piece.partition("=")[0].lower() != "verstat"]
    pieces += [f"verstat={verstat}"] if verstat else []
    return uri.replace(user_raw=";".join([first, *pieces]))
