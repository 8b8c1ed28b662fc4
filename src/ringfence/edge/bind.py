"""Opening the sockets that SIP comes in on; where that fails, what to do about it."""

from __future__ import annotations

import errno
import socket

from ringfence.errors import RingfenceError
from ringfence.sip.hop import Transport


class ListenError(RingfenceError):
    """A socket can't be opened; the text says which, why and what to do."""


def bind(
    host: str, port: int, transport: Transport = "udp", *, free_port: bool = False, tries: int = 50
) -> socket.socket:
    """A bound socket; with `free_port` the next port that is free. Raises ListenError."""
    for step in range(tries if free_port and port else 1):
        try:
            return _bound(host, port + step, transport)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and step < tries - 1 and free_port:
                continue
            raise ListenError(_why(host, port + step, transport, error)) from error
    raise ListenError(f"no free port among the {tries} from {host}:{port} on")


def _bound(host: str, port: int, transport: Transport) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if transport != "udp":
            # Connections of the process before this one linger; the port is free all the same.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def shown(bound: socket.socket) -> str:
    """`127.0.0.1:5060`."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(host: str, port: int, transport: Transport, error: OSError) -> str:
    protocol, show = ("UDP", "ss -lunp") if transport == "udp" else ("TCP", "ss -ltnp")
    where = f"{protocol} {f'[{host}]' if ':' in host else host}:{port}"
    hints = {
        errno.EADDRINUSE: "another program has this port (a PBX, or a second guard): choose another `bind`, "
        f"or serve with --free-port; `{show}` shows who",
        errno.EACCES: "ports under 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one",
        errno.EADDRNOTAVAIL: "this machine has no such address: `ip address` shows which it has",
    }
    return f"{where} can't be opened: {hints.get(error.errno or 0, error.strerror)}"
