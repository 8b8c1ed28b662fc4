"""CPU of the guard per call over UDP, TCP and TLS, in one run: `python bench/transports.py [--calls 1500]`.

Both sides are played from here, alike over each transport: INVITE, 100, 180, 200, ACK, BYE, 200. The guard decides and
records; it has core 0, this process core 1. `same` uses one connection for all calls, `each` a new one for every call
on the caller's side, which over TLS is a handshake with certificates on both sides. It asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ringfence.sip.framing import PING, Framer
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports
from ringfence.testing.wire import Address, host_port

COPIED = (b"via:", b"record-route:", b"from:", b"to:", b"call-id:", b"cseq:")
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
Write = Callable[[bytes], None]
Take = Callable[[bytes, Write], None]


class Datagrams(asyncio.DatagramProtocol):
    """UDP; everything goes to the guard."""

    def __init__(self, take: Take, guard: Address) -> None:
        self.take, self.guard = take, guard

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def write(self, data: bytes) -> None:
        self.transport.sendto(data, self.guard)

    def datagram_received(self, data: bytes, _: Any) -> None:
        self.take(data, self.write)


class Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, take: Take) -> None:
        self.take, self.framer = take, Framer()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.write, self.close = transport.write, transport.close

    def data_received(self, data: bytes) -> None:
        for frame in self.framer.feed(data):
            if frame is not PING:
                self.take(frame, self.write)


def reply(request: bytes, status: bytes, contact: bytes, body: bytes = b"") -> bytes:
    """A response with the lines that it repeats."""
    head = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in head if line.lower().startswith(COPIED)]
    kept = [line + b";tag=s" if line.lower().startswith(b"to:") and b"tag=" not in line else line for line in kept]
    more = [b"Contact: <sip:c@" + contact + b">", b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join([b"SIP/2.0 " + status, *kept, *more])


class Caller:
    """Makes calls, one after the other begun, many at once up."""

    def __init__(self, address: Address, protocol: str, guard: Address) -> None:
        self.own, self.protocol, self.guard = host_port(address).encode(), protocol.encode(), host_port(guard).encode()
        self.over: dict[bytes, asyncio.Event] = {}
        self.began: dict[bytes, float] = {}
        self.delays_ms: list[float] = []

    def invite(self, call: bytes) -> bytes:
        self.began[call] = time.perf_counter()
        return self._request(b"INVITE", call, 1, b"<sip:+12125550143@%b>" % self.guard, [], SDP)

    def take(self, data: bytes, write: Write) -> None:
        head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        lines = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in head[1:]}
        call, status = lines[b"call-id"], head[0][8:11]
        if status == b"180":
            self.delays_ms.append((time.perf_counter() - self.began[call]) * 1000)
        elif status == b"200" and lines[b"cseq"].endswith(b"INVITE"):
            routes = [line.partition(b":")[2].strip() for line in head if line.lower().startswith(b"record-route:")]
            write(self._request(b"ACK", call, 1, lines[b"to"], routes[::-1]))
            write(self._request(b"BYE", call, 2, lines[b"to"], routes[::-1]))
        elif status >= b"200":
            self.over[call].set()

    def _request(
        self, method: bytes, call: bytes, cseq: int, to: bytes, routes: list[bytes], body: bytes = b""
    ) -> bytes:
        lines = [
            b"%b sip:+12125550143@%b SIP/2.0" % (method, self.guard),
            b"Via: SIP/2.0/%b %b;branch=z9hG4bK-%b-%b" % (self.protocol, self.own, method, call),
            *(b"Route: " + route for route in routes),
            b"Max-Forwards: 70",
            b"From: <sip:+12125550100@%b>;tag=f" % self.own,
            b"To: " + to,
            b"Call-ID: " + call,
            b"CSeq: %d %b" % (cseq, method),
            b"Contact: <sip:p@%b>" % self.own,
            b"Content-Length: %d" % len(body),
        ]
        return b"\r\n".join([*lines, b"", body])


def callee(contact: bytes) -> Take:
    """Rings, answers, takes the BYE."""

    def take(data: bytes, write: Write) -> None:
        if data.startswith(b"INVITE"):
            write(reply(data, b"180 Ringing", contact))
            write(reply(data, b"200 OK", contact, SDP))
        elif data.startswith(b"BYE"):
            write(reply(data, b"200 OK", contact))

    return take


class Contexts:
    """Certificates for all three."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory)
        self.server, self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.server.load_cert_chain(*authority.issue("carrier.example"))
        self.client.load_cert_chain(*authority.issue("pbx.example"))
        self.client.load_verify_locations(authority.path)
        self.client.check_hostname = False
        guard = authority.issue("guard.example")
        listen = f'certificate = "{guard.certificate}"\nkey = "{guard.key}"\nclient_ca = "{authority.path}"'
        self.policy = {
            "listen_inside": listen,
            "listen_outside": listen,
            "trunk": f'tls_name = "carrier.example"\nca = "{authority.path}"',
            "source": 'tls_peer = ["pbx.example"]',
        }


async def play(
    transport: str,
    calls: int,
    rate: float,
    each: bool,
    place: Callable[[], tuple[Guard, Address]],
    tls: Contexts | None,
) -> tuple[float, list[float]]:
    """CPU µs per call, and the delays from INVITE to 180."""
    loop = asyncio.get_running_loop()
    guard, far = place()
    own = (PBX, free_ports(1, PBX)[0])
    with guard:
        caller = Caller(own, transport.upper(), guard.inside)
        take = callee(host_port(far).encode())
        if transport == "udp":
            await loop.create_datagram_endpoint(lambda: Datagrams(take, guard.outside), far)
        else:
            await loop.create_server(lambda: Stream(take), *far, ssl=tls.server if tls is not None else None)

        async def connected() -> Any:
            if transport == "udp":
                return (await loop.create_datagram_endpoint(lambda: Datagrams(caller.take, guard.inside), own))[1]
            secure = {"ssl": tls.client, "server_hostname": "guard.example"} if tls is not None else {}
            made = await loop.create_connection(
                lambda: Stream(caller.take), *guard.inside, local_addr=(PBX, 0), **secure
            )
            return made[1]

        async def call(number: int, shared: Any) -> None:
            name = b"%d-0a8fe09f3c" % number
            caller.over[name] = asyncio.Event()
            wire = shared or await connected()
            wire.write(caller.invite(name))
            await asyncio.wait_for(caller.over[name].wait(), 20)
            if not shared:
                wire.close()

        shared = None if each else await connected()
        await call(0, shared)
        before, begin = guard.process.cpu_s(), loop.time()
        running: list[Awaitable[None]] = []
        for number in range(1, calls + 1):
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
            running.append(loop.create_task(call(number, shared)))
        await asyncio.gather(*running)
        await asyncio.sleep(0.3)
        spent = (guard.process.cpu_s() - before) * 1e6 / calls
        return spent, sorted(caller.delays_ms)


def measure(transport: str, calls: int, rate: float, each: bool) -> tuple[float, list[float]]:
    """One guard, started anew."""
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as name:
        directory = Path(name)
        tls = Contexts(directory) if transport == "tls" else None
        more = dict(tls.policy) if tls is not None else {}
        if transport != "udp":
            for listen in ("listen_inside", "listen_outside"):
                more[listen] = f'transport = "{transport}"\nconnections = 10000\n{more.get(listen, "")}'

        def place() -> tuple[Guard, Address]:
            far = (CARRIER, free_ports(1, CARRIER, tcp=transport != "udp")[0])
            guard = Guard(directory, (PBX, 5060), far, **more)
            guard.start("taskset", "-c", "0")
            return guard, far

        return asyncio.run(play(transport, calls, rate, each, place, tls))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=100, help="calls per second")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    print(f"{platform.machine()}, Python {platform.python_version()}, OpenSSL {ssl.OPENSSL_VERSION.split()[1]}")
    print(f"{options.calls} calls at {options.rate:g}/s, medians of {options.rounds} rounds")
    print("| transport | connections | CPU µs/call | to UDP | INVITE to 180 p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|")
    kinds = [("udp", False), ("tcp", False), ("tcp", True), ("tls", False), ("tls", True)]
    found: dict[tuple[str, bool], list[tuple[float, list[float]]]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):  # One after the other, so that what else the machine does is spread over all.
        for kind in kinds:
            found[kind].append(measure(kind[0], options.calls, options.rate, kind[1]))
    base = statistics.median(cpu for cpu, _ in found["udp", False])
    for (transport, each), rows in found.items():
        cpu = statistics.median(one for one, _ in rows)
        p50, p99 = (statistics.median(row[len(row) * at // 100] for _, row in rows) for at in (50, 99))
        which = "" if transport == "udp" else "each" if each else "same"
        print(f"| {transport} | {which} | {cpu:.0f} | {cpu / base:.2f} | {p50:.2f} | {p99:.2f} |")


if __name__ == "__main__":
    main()
