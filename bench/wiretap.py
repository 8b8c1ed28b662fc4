"""Post-dial delay as the wire sees it: kernel timestamps of INVITE out and 180 in at the caller's port.

SIPp rounds its response times to milliseconds, which is as long as what is measured. So an AF_PACKET socket on
loopback takes the time of each, with a filter in the kernel that passes only those two messages of one UDP port.
Needs root (CAP_NET_RAW).
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from typing import Self

_SO_TIMESTAMPNS = 35
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


def _filter(port: int) -> list[tuple[int, int, int, int]]:
    """Classic BPF: UDP from or to `port` whose payload begins with `INVI` or `SIP/2.0 180 `."""
    accept, refuse = 11, 12
    steps = [
        (0x30, None, None, 9),  # 0: protocol
        (0x15, 2, refuse, 17),
        (0xB1, None, None, 0),  # 2: X = length of the IP header
        (0x48, None, None, 0),
        (0x15, 7, 5, port),  # 4: source port
        (0x48, None, None, 2),
        (0x15, 7, refuse, port),  # 6: destination port
        (0x40, None, None, 8),
        (0x15, accept, 9, 0x494E5649),  # 8: INVI
        (0x40, None, None, 16),
        (0x15, accept, refuse, 0x31383020),  # 10: "180 "
        (0x06, None, None, 0x40000),
        (0x06, None, None, 0),
    ]
    return [
        (code, 0 if yes is None else yes - at - 1, 0 if no is None else no - at - 1, value)
        for at, (code, yes, no, value) in enumerate(steps)
    ]


class Wiretap:
    """Listens from `with` to its end. IPv4 only."""

    def __init__(self, port: int) -> None:
        self.asked: dict[bytes, int] = {}
        self.rang: dict[bytes, int] = {}
        """By Call-ID: when the first INVITE left and the first 180 came, nanoseconds."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        program = b"".join(struct.pack("HBBI", *step) for step in _filter(port))
        self._program = ctypes.create_string_buffer(program)
        steps = struct.pack("HL", len(program) // 8, ctypes.addressof(self._program))
        self._socket.setsockopt(socket.SOL_SOCKET, 26, steps)  # SO_ATTACH_FILTER
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.settimeout(0.1)
        self._socket.bind(("lo", 0x0800))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def delays_ms(self) -> list[float]:
        """INVITE to 180 of each call that rang, sorted, milliseconds."""
        return sorted((at - self.asked[call]) / 1e6 for call, at in self.rang.items() if call in self.asked)

    def span_s(self) -> float:
        """Seconds from the first INVITE to the last new one."""
        return (max(self.asked.values()) - min(self.asked.values())) / 1e9 if len(self.asked) > 1 else 0.0

    def rang_in_time(self, grace_s: float = 0.5) -> int:
        """Calls that rang before the last call was made, or little later: what overload did not put off."""
        last = max(self.asked.values(), default=0) + round(grace_s * 1e9)
        return sum(1 for at in self.rang.values() if at <= last)

    def _listen(self) -> None:
        while not self._done.is_set():
            try:
                data, control, _, _ = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                continue
            self._take(data[(data[0] & 15) * 4 + 8 :], control)

    def _take(self, payload: bytes, control: list[tuple[int, int, bytes]]) -> None:
        call = _CALL_ID.search(payload)
        stamps = [value for level, kind, value in control if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS)]
        if call is None or not stamps:
            return
        seconds, nanoseconds = struct.unpack("qq", stamps[0])
        seen = self.asked if payload.startswith(b"INVITE") else self.rang
        seen.setdefault(call[1], seconds * 10**9 + nanoseconds)
