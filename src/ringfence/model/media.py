"""What a session description says of media: how it is protected and where it goes. The description isn't kept."""

from typing import Literal

import msgspec

from ringfence.sip.sdp import Protection

Srtp = Literal["required", "offered", "forbidden"]
"""What a trunk asks of media."""
STRENGTH: dict[Srtp | None, int] = {"required": 2, "offered": 1, "forbidden": 0, None: 0}
"""How much of that is protection."""


class Stream(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stream in use."""

    kind: str
    """`audio`, `video`, `image` …"""
    protection: Protection


class Media(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Of one message, all its descriptions taken together."""

    streams: tuple[Stream, ...] = ()
    hosts: tuple[str, ...] = ()
    """Addresses, or names, that media is to be sent to."""
    fault: str = ""
    """Why it can't be read, if it can't."""
