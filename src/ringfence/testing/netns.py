"""Two machines in network namespaces, joined by a cable: the guard's, whose firewall is tried, and everybody else's.

Sockets and processes are made inside a namespace by the thread that enters it; they stay there when it leaves.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

GUARD4, GUARD6 = "10.20.0.5", "2001:db8:20::5"
PBX4, PBX6 = "10.20.0.10", "2001:db8:20::10"
CARRIER4, CARRIER6 = "198.51.100.20", "2001:db8:51::20"
ADMIN4, ADMIN6 = "192.0.2.30", "2001:db8:30::30"
STRANGER4, STRANGER6 = "203.0.113.66", "2001:db8:66::66"
OTHERS = (PBX4, CARRIER4, ADMIN4, STRANGER4, PBX6, CARRIER6, ADMIN6, STRANGER6)


def command(line: str, *, given: str = "") -> str:
    """Run a program to its end in the namespace of this thread; what it wrote."""
    done = subprocess.run(line.split(), input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{line}: {done.stderr}")
    return done.stdout


class Cable:
    """Two namespaces, `guard` and `others`, by their names."""

    def __init__(self) -> None:
        tag = f"rf{os.getpid()}"
        self.guard, self.others = f"{tag}g", f"{tag}o"
        self._tag = tag

    def lay(self) -> None:
        for name in (self.guard, self.others):
            command(f"ip netns add {name}")
        command(f"ip link add {self._tag}a netns {self.guard} type veth peer name {self._tag}b netns {self.others}")
        with inside(self.guard):
            self._up("a", [f"{GUARD4}/32", f"{GUARD6}/128"])
            command(f"ip route add default dev {self._tag}a")
            command(f"ip -6 route add default dev {self._tag}a")
        with inside(self.others):
            self._up("b", [f"{host}/{128 if ':' in host else 32}" for host in OTHERS])
            command(f"ip route add {GUARD4}/32 dev {self._tag}b")
            command(f"ip -6 route add {GUARD6}/128 dev {self._tag}b")

    def _up(self, end: str, addresses: list[str]) -> None:
        command("ip link set lo up")
        command(f"ip link set {self._tag}{end} up")
        for address in addresses:
            command(f"ip address add {address} dev {self._tag}{end}{' nodad' if ':' in address else ''}")

    def cut(self) -> None:
        for name in (self.guard, self.others):
            with suppress(RuntimeError):
                command(f"ip netns delete {name}")


@contextmanager
def laid() -> Iterator[Cable]:
    """Both namespaces for the length of a test."""
    cable = Cable()
    try:
        cable.lay()
        yield cable
    finally:
        cable.cut()


@contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread in a namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(home)
        os.close(home)
        os.close(there)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def family(host: str) -> socket.AddressFamily:
    """Of an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def datagrams(namespace: str, host: str, port: int) -> socket.socket:
    """A UDP socket there, with room for all that a test sends."""
    with inside(namespace):
        made = socket.socket(family(host), socket.SOCK_DGRAM)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.setsockopt(socket.SOL_SOCKET, 33, 1 << 27)  # SO_RCVBUFFORCE
    made.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)  # SO_SNDBUFFORCE
    made.bind((host, port))
    return made


def passes(cable: Cable, source: str, port: int) -> bool:
    """Whether a datagram of this address comes to that port of the guard's machine.

    Another one follows it from an address and to a port that nothing is said about: once that is there, what came
    before has come.
    """
    to = GUARD6 if ":" in source else GUARD4
    with datagrams(cable.guard, to, port) as there, datagrams(cable.others, source, 0) as here:
        here.sendto(b"?", (to, port))
        _round_trip(cable, to)
        there.setblocking(False)
        try:
            return bool(there.recv(10))
        except BlockingIOError:
            return False


def _round_trip(cable: Cable, to: str) -> None:
    """Wait until what was sent over the cable so far is there: neighbours are known, queues are empty."""
    source = ADMIN6 if ":" in to else ADMIN4
    with datagrams(cable.guard, to, FREE_PORT) as there, datagrams(cable.others, source, 0) as here:
        there.settimeout(0.2)
        for _ in range(50):
            here.sendto(b"!", (to, FREE_PORT))
            with suppress(TimeoutError):
                there.recv(10)
                return
    raise RuntimeError("the cable is cut")


FREE_PORT = 40_000
"""No policy of these tests names it, or only for administrators."""


def connects(cable: Cable, source: str, port: int) -> bool:
    """Whether a TCP connection of this address to that port of the guard's machine is made."""
    to = GUARD6 if ":" in source else GUARD4
    with inside(cable.guard):
        server = socket.create_server((to, port), family=family(to))
    with inside(cable.others):
        client = socket.socket(family(source), socket.SOCK_STREAM)
    with server, client:
        client.bind((source, 0))
        client.settimeout(0.5)
        try:
            client.connect((to, port))
        except TimeoutError:
            return False
        return True


class Stream:
    """Numbered datagrams of one address to one port, a number of them each second, while something else happens."""

    def __init__(self, cable: Cable, source: str, port: int, per_s: int) -> None:
        self._to = (GUARD6 if ":" in source else GUARD4), port
        self.source = source
        self._here = datagrams(cable.others, source, 0)
        self._pause_s = 10 / per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.sent = 0

    def _send(self) -> None:
        while not self._stop.is_set():
            for _ in range(10):
                self._here.sendto(self.sent.to_bytes(4, "big").ljust(100), self._to)
                self.sent += 1
            time.sleep(self._pause_s)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._here.close()


def arrived(there: socket.socket) -> dict[str, list[int]]:
    """Numbers that came to a port, by who sent them, once all that was sent has had its time."""
    found: dict[str, list[int]] = {}
    there.settimeout(0.3)
    with suppress(TimeoutError):
        while True:
            data, (source, *_) = there.recvfrom(200)
            found.setdefault(source, []).append(int.from_bytes(data[:4], "big"))
    return found
