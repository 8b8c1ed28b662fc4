"""One request to place a call, and where it goes."""

from typing import Literal

import msgspec

from ringfence.model.media import Media
from ringfence.numbers.deck import Rate
from ringfence.numbers.number import Number

Zone = Literal["carrier", "internal", "remote", "vendor"]
Naming = Literal["account", "forwarder", "label", "number", "caller-id"]
"""What the name of who calls within a source is: an account whose password was right; who forwarded the call; a label
such as 101 that the PBX gives; a number of the source; or a caller ID that isn't the source's, which whoever calls may
have chosen."""
Transferring = Literal["", "carrier", "source", "both"]
"""The carrier, out of our sight; the source, which asks again with an INVITE; or the carrier, where the call that is
transferred costs too and would go on with it."""
DestinationClass = Literal["emergency", "domestic", "international", "special", "unusable"]


class Attempt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request to place a call; retransmissions, 401/407 retries and the next trunk in line are the same attempt."""

    id: str
    """Unique in the ledger: also the id of its hold and of the call it becomes."""
    call_id: str
    """SIP Call-ID (or the platform's unique id) as received."""
    listener: str
    """Name of the listener it came in on; empty where a platform asks."""
    peer: str
    """Transport address it came from, `192.0.2.1:5060` or `[2001:db8::1]:5060`."""
    source: str | None
    """The verified source, None where nothing verified it."""
    verified: Literal["address", "digest", "certificate", "platform", "none"]
    """How the source was verified."""
    caller: str
    """The caller ID it claims (user part of P-Asserted-Identity, else of From), undecorated text."""
    extension: str
    """Who calls within the source, and whose limits count: who forwarded the call, else the From user."""
    extension_is: Naming = "label"
    from_user: str | None = None
    """The From user where who calls is known otherwise; None where it is the extension."""
    dialled: str
    """What was dialled: the Request-URI as `numbers` takes it."""
    trunk: str
    """The trunk that is asked to carry it."""
    forwarded_by: str | None = None
    """The party that forwarded, where an inbound call that it forwards is up."""
    transfer: Transferring = ""
    """Who would place it, where it is the target of a transfer (REFER); empty for an INVITE."""
    transfer_of: str = ""
    """The call that is to be transferred; of a call that a source places for a transfer, the attempt that was this."""
    user_agent: str = ""
    """What the caller's device or PBX calls itself; anybody can claim anything."""
    media: Media | None = None
    """What the caller says of media; None where it says nothing, or nobody asks."""
    answer: Media | None = None
    """What the far side said of its media, where that is remarkable."""

    @property
    def part(self) -> str:
        """The part of the source that calls; empty where only the caller's own word names it."""
        return "" if self.extension_is == "caller-id" else self.extension

    @property
    def shown(self) -> str:
        """The From user, whoever calls."""
        return self.extension if self.from_user is None else self.from_user


class Destination(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where an attempt goes once its number is normalised in the source's dial plan."""

    number: Number
    klass: DestinationClass
    """What caps, hours and money are kept by; special = premium, shared cost, personal, satellite, IPRS, UPT."""
    risk: int
    """0 (none) to 100."""
    price: Rate | None
    """None where the trunk has no deck or the deck has no row."""
