"""Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

from __future__ import annotations

from ringfence.sip.errors import SipParseError

PING = b"\r\n\r\n"
"Frame that `feed` gives for a keep-alive; answer with PONG."
PONG = b"\r\n"


def is_keepalive(datagram: bytes) -> bool:
    """Empty, or only CR, LF and NUL: a UDP keep-alive to ignore, not a message."""
    raise NotImplementedError


class Framer:
    """Feed bytes, get whole messages (for `message.parse`) and PING frames, in order."""

    error: SipParseError | None
    "Set when the stream can't be followed any more: handle the frames given, then close the connection."

    def feed(self, data: bytes) -> list[bytes]:
        """Whole frames completed by these bytes; nothing once `error` is set. Never raises."""
        raise NotImplementedError
