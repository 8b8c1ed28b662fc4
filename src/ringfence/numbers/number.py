"""What a dialled string turned out to be."""

from typing import Literal, NamedTuple

Status = Literal["ok", "reject", "short"]


class Number(NamedTuple):
    """The reading of one dialled string in one dial plan."""

    status: Status
    """ok: an E.164 number; short: a short code of the home country; reject: no call can be placed to it."""
    e164: str
    """Digits without `+`; the short number itself for `short`; empty for `reject`."""
    region: str
    """ISO 3166-1 alpha-2, `001` for global services, empty where unknown."""
    type: str
    """fixed, mobile, premium, satellite, emergency, ...; empty for `reject`."""
    reason: str = ""
    """Slug that says why it was rejected."""
    flags: tuple[str, ...] = ()
    """What was unusual on the way: plus_idd, carrier, operator, unicode, post_dial, outside, ..."""
