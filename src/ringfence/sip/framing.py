"""Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §4.4.1).

A stream says where a message ends only by Content-Length, so one without it, or with one that two readers could take
differently, ends the connection: what follows could be anything. The framer looks for the end of the headers and for
that one number, and leaves all else to `message.parse`.
"""

from __future__ import annotations

import re

from ringfence.sip.errors import SipParseError
from ringfence.sip.headers import MAX_MESSAGE

PING = b"\r\n\r\n"
"Frame that `feed` gives for a keep-alive; answer with PONG."
PONG = b"\r\n"

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_NUMBER = re.compile(rb"[0-9]{1,10}")


def is_keepalive(datagram: bytes) -> bool:
    """Empty, or only CR, LF and NUL: a UDP keep-alive to ignore, not a message."""
    return not datagram.strip(b"\r\n\x00")


class Framer:
    """Feed bytes, get whole messages (for `message.parse`) and PING frames, in order."""

    __slots__ = ("_buffer", "_length", "_scanned", "error", "rest")

    error: SipParseError | None
    "Set when the stream can't be followed any more: handle the frames given, then close the connection."
    rest: bytes
    "Then: what the stream goes on with, as far as it is known."

    def __init__(self) -> None:
        self.error = None
        self.rest = b""
        self._buffer = bytearray()
        self._scanned = 0
        self._length = 0

    @property
    def partial(self) -> int:
        """Bytes of a message that isn't whole yet."""
        length = len(self._buffer)
        return length if length >= len(PING) or self._buffer.strip(PONG) else 0

    def feed(self, data: bytes) -> list[bytes]:
        """Whole frames completed by these bytes; nothing once `error` is set. Never raises."""
        frames: list[bytes] = []
        if self.error is None:
            self._buffer += data
            try:
                while (frame := self._next()) is not None:
                    frames.append(frame)
            except SipParseError as error:
                self.error, self.rest = error, bytes(self._buffer)
                self._buffer.clear()
        return frames

    def _next(self) -> bytes | None:
        if not self._length:
            ping = self._skip_line_ends()
            if ping is not None:
                return ping
            self._length = self._frame_length()
        if not self._length or len(self._buffer) < self._length:
            return None
        frame = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length = self._scanned = 0
        return frame

    def _skip_line_ends(self) -> bytes | None:
        """A double CRLF before a message is a ping; a single one is dropped once a message begins after it."""
        buffer = self._buffer
        if buffer.startswith(PING):
            del buffer[:4]
            return PING
        if buffer.startswith(b"\r\n") and len(buffer) > 2 and buffer[2] != 0x0D:
            del buffer[:2]
        return None

    def _frame_length(self) -> int:
        """Bytes of the message at the start of the buffer; 0 while its headers aren't whole."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        self._scanned = len(buffer)
        if end < 0 or buffer.startswith(b"\r\n"):
            if len(buffer) > MAX_MESSAGE:
                raise SipParseError("message too large", status=513)
            return 0
        values = _LENGTH.findall(buffer, 0, end)
        if len(values) != 1 or not _NUMBER.fullmatch(values[0].strip(b" \t")):
            raise SipParseError("a stream needs one Content-Length")
        length = end + 4 + int(values[0])
        if length > MAX_MESSAGE:
            raise SipParseError("message too large", status=513)
        return length
