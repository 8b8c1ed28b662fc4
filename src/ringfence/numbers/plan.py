"""How a source dials: what has to be known to read its strings."""

import msgspec


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one dial plan."""

    home: str
    """Region (ISO 3166-1 alpha-2) whose prefixes and short numbers apply."""
    outside: tuple[str, ...] = ()
    """Digits dialled for an outside line."""
    outside_required: bool = True
    """Refuse a national number dialled without them."""
    ext_len: tuple[int, int] | None = None
    """Shortest and longest internal extension, digits."""
    area: str = ""
    """Area code put before local numbers."""
    extra_idd: tuple[str, ...] = ()
    """International prefixes that the PBX accepts beside the home country's."""
    e164_noplus: bool = False
    """A string that is no home number may be E.164 without its plus."""
    vanity: bool = False
    """Letters are digits of a telephone keypad."""
