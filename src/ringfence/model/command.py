"""What the engine wants done outside itself."""

import msgspec

from ringfence.model.fact import Contained
from ringfence.model.meter import Hold
from ringfence.model.verdict import Hit


class Extend(msgspec.Struct, frozen=True, gc=False):
    """Ask the meters for the next increments of a live call; the answer comes back as an Extended fact."""

    hold: Hold


class Cut(msgspec.Struct, frozen=True, gc=False):
    """End a call: BYE to both sides where answered, CANCEL where ringing."""

    id: str
    leg: str
    """Empty: every leg of the attempt."""
    cause: str
    text: str


class Alert(msgspec.Struct, frozen=True, gc=False):
    """Tell people."""

    id: str
    hit: Hit


class Contain(msgspec.Struct, frozen=True, gc=False):
    """Keep a containment: the fact to apply and to journal."""

    fact: Contained


Command = Extend | Cut | Alert | Contain
