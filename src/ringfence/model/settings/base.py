"""The base of all settings, and the words that many of them share."""

from typing import Literal

import msgspec

Mode = Literal["enforce", "observe", "off"]
WhenDown = Literal["national_only", "refuse", "allow"]
Protecting = Literal["tls", "srtp"]
"""What a failover could give up: TLS of signalling, SRTP of media."""
CallerIdPolicy = Literal["owned", "owned_or_forwarded", "substitute", "any"]

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
"""Networks that nobody has on the internet."""
ANYWHERE = ("0.0.0.0/0", "::/0")
"""Where somebody is who is known by a certificate alone."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all settings: immutable, keyword arguments only."""
