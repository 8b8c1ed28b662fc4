"""What the engine wants done outside itself."""

import msgspec

from ringfence.model.fact import Banned, Contained
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


class Presume(msgspec.Struct, frozen=True, gc=False):
    """Take a call for over that was redirected, since nobody told its end in all the time it is held for."""

    id: str
    talked_s: int


class Alert(msgspec.Struct, frozen=True, gc=False):
    """Tell people."""

    id: str
    """Of the call that it is about, or the incident; empty where it is about neither."""
    hit: Hit


class Contain(msgspec.Struct, frozen=True, gc=False):
    """Keep a containment: the fact to apply and to journal."""

    fact: Contained


class Ban(msgspec.Struct, frozen=True, gc=False):
    """Take nothing from an address: the fact to apply and to journal."""

    fact: Banned


Command = Extend | Cut | Presume | Alert | Contain | Ban
