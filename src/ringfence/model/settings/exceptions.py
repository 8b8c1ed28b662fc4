"""What is permitted until a day, with its owner and reason."""

from ringfence.model.settings.base import Protecting, Settings


class PermitException(Settings, frozen=True, kw_only=True):
    """A destination permitted for somebody until a day."""

    what: str
    """`+371…` number or prefix, or a region."""
    source: str | None = None
    trunk: str | None = None
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""


class TransportException(Settings, frozen=True, kw_only=True):
    """A trunk that protects less than one before it, and that a source may fail over to until a day (control A15)."""

    source: str
    trunk: str
    gives_up: tuple[Protecting, ...] = ("tls",)
    """What may be missing there."""
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""


class AddressException(Settings, frozen=True, kw_only=True):
    """Addresses that a source may send from until a day (control A12)."""

    source: str
    addresses: tuple[str, ...]
    """Networks in CIDR form."""
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""
