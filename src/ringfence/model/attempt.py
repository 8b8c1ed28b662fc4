"""One request to place a call, and where it goes."""

from typing import Literal

import msgspec

from ringfence.numbers.deck import Rate
from ringfence.numbers.number import Number

Zone = Literal["carrier", "internal", "remote", "vendor"]
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
    """Who calls within the source: the From user, a claimed label, unless `extension_verified`."""
    extension_verified: bool = False
    from_user: str | None = None
    """The From user where who calls is known otherwise; None where it is the extension."""
    dialled: str
    """What was dialled: the Request-URI as `numbers` takes it."""
    trunk: str
    """The trunk that is asked to carry it."""
    forwarded_by: str | None = None
    """The party that forwarded (Diversion, History-Info), where an inbound leg of it is live."""
    user_agent: str = ""
    """What the caller's device or PBX calls itself; anybody can claim anything."""

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
