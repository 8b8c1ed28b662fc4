"""What can go wrong with a firewall."""

from ringfence.errors import RingfenceError


class FirewallError(RingfenceError):
    """A firewall can't be read or changed; the text says what happened and what to do."""
