"""Legitimate calls under a flood: `python bench/flood.py [--seconds 60] [--rate 5000] [--calls 20] [--bans off]`.

One guard with three listeners that challenge (UDP, TCP, TLS), a SIPp caller and a SIPp callee that make ordinary calls,
and from this process, all at once:

    guesses      REGISTER from 50 addresses; every challenge that comes back is answered with a wrong password
    malformed    no SIP, cut off, without the headers that must be there
    half-open    INVITE without password, whose challenge is never answered
    scanner      OPTIONS and REGISTER that say friendly-scanner
    slow TCP     connections on which a REGISTER comes byte by byte
    TLS          connections whose handshake is begun and left open

First the calls alone, then the calls with the flood, then the calls alone again; of each phase calls made and lost,
retransmissions of the caller, the guard's CPU and memory. What of the flood was sent is counted, so that a machine that
can't send as fast shows. It asserts nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import re
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports
from ringfence.testing.wire import Address

ATTACKERS = [f"127.0.5.{n}" for n in range(1, 51)]
NETWORK = "127.0.5.0/24"
SLICE_S, SAMPLE_S = 0.01, 10
SLOW, OPEN = 40, 40
"""Connections byte by byte, and handshakes, that are tried to be held at a time."""
NONCE = re.compile(rb'nonce="([^"]+)"[^\r\n]*algorithm=([A-Z0-9-]+)')
POLICY = """
[listen.tcp]
bind = "127.0.0.1:{tcp}"
transport = "tcp"
digest = true
[listen.tls]
bind = "127.0.0.1:{tls}"
transport = "tls"
certificate = "{certificate}"
key = "{key}"
digest = true
[digest]
realm = "phones.example.net"
{accounts}
[bans]
mode = "{bans}"
"""
ACCOUNTS = """
[source.phones-{listen}]
auth = "digest"
accounts = ["{listen}-1001"]
networks = ["{network}"]
zone = "internal"
listen = "{listen}"
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
"""
KINDS = ("guess", "malformed", "half-open", "scanner")
SHARES = (0.4, 0.2, 0.3, 0.1)


class Attacker:
    """One address that sends over UDP."""

    def __init__(self, host: str, guard: Address) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.guard, self.host, self.port = guard, host, self.socket.getsockname()[1]
        self.nonces: list[tuple[bytes, bytes]] = []
        self.answers = 0

    def hear(self) -> None:
        """Take the challenges that came."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.socket.recv(4096)
                self.answers += 1
                found = NONCE.search(data)
                if found is not None and len(self.nonces) < 100:
                    self.nonces.append((found[1], found[2]))

    def send(self, kind: str) -> None:
        """One datagram."""
        with contextlib.suppress(BlockingIOError):
            self.socket.sendto(self._made(kind), self.guard)

    def _made(self, kind: str) -> bytes:
        if kind == "malformed":
            return random.choice(MALFORMED)
        if kind == "half-open":
            number = b"+1212555%04d" % random.randrange(10_000)
            return self._request(b"INVITE", b"sip:%b@127.0.0.1" % number, b"1001", b"Phone 1.0")
        if kind == "scanner":
            method, user = random.choice((b"OPTIONS", b"REGISTER")), b"%d" % random.randrange(100, 1000)
            return self._request(method, b"sip:%b@127.0.0.1" % user, user, b"friendly-scanner")
        if not self.nonces:
            return self._request(b"REGISTER", b"sip:phones.example.net", b"inside-1001", b"Cisco v11.0.0")
        nonce, algorithm = self.nonces.pop()
        response = b"%0*x" % (64 if algorithm == b"SHA-256" else 32, random.getrandbits(120))
        answer = (
            b'Authorization: Digest username="inside-1001", realm="phones.example.net", nonce="%b", response="%b", '
            b'uri="sip:phones.example.net", algorithm=%b, qop=auth, nc=00000001, cnonce="c"\r\n'
            % (nonce, response, algorithm)
        )
        return self._request(b"REGISTER", b"sip:phones.example.net", b"inside-1001", b"Cisco v11.0.0", answer)

    def _request(self, method: bytes, uri: bytes, user: bytes, agent: bytes, more: bytes = b"") -> bytes:
        own, number = b"%b:%d" % (self.host.encode(), self.port), random.getrandbits(60)
        return (
            b"%b %b SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bK%x;rport\r\nMax-Forwards: 70\r\n"
            b"From: <sip:%b@127.0.0.1>;tag=%x\r\nTo: <%b>\r\nCall-ID: %x@%b\r\nCSeq: 1 %b\r\nContact: <sip:x@%b>\r\n"
            b"User-Agent: %b\r\n%bContent-Length: 0\r\n\r\n"
        ) % (method, uri, own, number, user, number, uri, number, own, method, own, agent, more)


MALFORMED = [
    b"\xff" * 400,
    b"REGISTER sip:x SIP/2.0\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nContent-Length: 99999\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\nVia: " + b"a" * 2000,
    b"REGISTER sip:x SIP/2.0\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
]
SLOWLY = (
    b"REGISTER sip:phones.example.net SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    b"From: <sip:1@x>;tag=1\r\nTo: <sip:1@x>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
)
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The beginning of a ClientHello."""


class Holder:
    """Connections that are kept open and got nowhere."""

    def __init__(self, target: Address, text: bytes, most: int) -> None:
        self.target, self.text, self.most = target, text, most
        self.open: list[tuple[socket.socket, int]] = []
        self.made = self.refused = 0

    def step(self) -> None:
        """One byte more on each; those that were closed are made anew."""
        left = []
        for made, at in self.open:
            try:
                if select.select([made], [], [], 0)[0] and not made.recv(4096):
                    raise ConnectionResetError
                made.send(self.text[at : at + 1])
                left.append((made, min(at + 1, len(self.text) - 1)))
            except OSError:
                self.refused += 1
                made.close()
        self.open = left
        for _ in range(min(10, self.most - len(self.open))):
            self._connect()

    def _connect(self) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.bind((random.choice(ATTACKERS), 0))
        made.settimeout(0.2)
        try:
            made.connect(self.target)
            self.made += 1
            self.open.append((made, 0))
        except OSError:
            self.refused += 1
            made.close()


class Flood:
    """All of it."""

    def __init__(self, guard: Guard, ports: list[int], rate: int) -> None:
        self.attackers = [Attacker(host, guard.inside) for host in ATTACKERS]
        self.holders = [
            Holder((guard.inside[0], ports[0]), SLOWLY, SLOW),
            Holder((guard.inside[0], ports[1]), HELLO, OPEN),
        ]
        self.rate = rate
        self.sent = dict.fromkeys(KINDS, 0)

    def run(self, while_true: Callable[[], bool]) -> float:
        """Send until it isn't true any more; gives how many seconds it took."""
        begin = step = time.monotonic()
        sent = 0
        while while_true():
            now = time.monotonic()
            due = int((now - begin) * self.rate) - sent
            for kind in random.choices(KINDS, SHARES, k=min(due, self.rate // 10)):
                random.choice(self.attackers).send(kind)
                self.sent[kind] += 1
            sent += due  # What a busy machine didn't send in its time isn't made up for.
            for attacker in self.attackers:
                attacker.hear()
            if now - step >= 1.0:
                step = now
                for holder in self.holders:
                    holder.step()
            time.sleep(max(0.0, SLICE_S - (time.monotonic() - now)))
        return time.monotonic() - begin

    def __str__(self) -> str:
        answers = sum(attacker.answers for attacker in self.attackers)
        tcp, tls = ((holder.made, holder.refused) for holder in self.holders)
        return f"{self.sent}, answered {answers}; slow TCP {tcp[0]} made, {tcp[1]} closed on us; TLS {tls[0]}, {tls[1]}"


class Phase(NamedTuple):
    """What was measured of one."""

    name: str
    seconds: float
    created: int
    lost: int
    again: int
    cpu: float
    """Share of a core."""
    rss_mb: list[float]
    """At its beginning, and each SAMPLE_S seconds."""


@contextlib.contextmanager
def place(directory: Path, bans: str) -> Iterator[tuple[Guard, list[int]]]:
    """A guard between a caller's and a callee's address."""
    pair = Authority(directory).issue("guard.example")
    ports = free_ports(2, "127.0.0.1", tcp=True)
    accounts = "".join(ACCOUNTS.format(listen=listen, network=NETWORK) for listen in ("inside", "tcp", "tls"))
    with sipp.callee(play.callee(), directory, host=CARRIER) as callee:
        trunk = "concurrent = { block = 10000 }\ncalls_per_day = { block = 1000000 }"
        guard = Guard(
            directory, (PBX, free_ports(1, PBX)[0]), callee.address, trunk=trunk, listen_inside="digest = true"
        )
        with guard.policy.open("a") as policy:
            policy.write(
                POLICY.format(
                    tcp=ports[0], tls=ports[1], certificate=pair.certificate, key=pair.key, accounts=accounts, bans=bans
                )
            )
        with guard:
            for listen in ("inside", "tcp", "tls"):
                added = guard.cli("secret", "add", f"{listen}-1001", "--generate", "--control", str(guard.control))
                if added.returncode:
                    raise SystemExit(added.stderr)
            yield guard, ports


def phase(name: str, guard: Guard, calls: int, seconds: int, flood: Flood | None) -> Phase:
    """So many calls a second, with a flood or without."""
    numbers = [(f"+1212555{n:04}", f"+121255501{n % 100:02}") for n in range(10_000)]
    before, memory = guard.process.cpu_s(), [guard.process.rss_bytes()]

    with sipp.caller(
        play.caller(), guard.directory, guard.inside, calls=calls * seconds, rate=calls, numbers=numbers, talk_ms=2000,
        timeout_s=seconds + 120, name=name.replace(" ", "-"), host=PBX,
    ) as caller:  # fmt: skip
        begin = time.monotonic()

        def goes_on() -> bool:
            now = time.monotonic() - begin
            if now > len(memory) * SAMPLE_S:
                memory.append(guard.process.rss_bytes())
            return caller.process.running and now < seconds + 60

        took = flood.run(goes_on) if flood is not None else _wait(goes_on)
        counted = caller.finish(60)
    cpu = (guard.process.cpu_s() - before) / took
    lost = counted.created - counted["answered"]
    return Phase(name, took, counted.created, lost, counted.retransmissions, cpu, [each / 1e6 for each in memory])


def _received(guard: Guard) -> int:
    return int(guard.ask("status")["sockets"]["inside"]["received"])


def _wait(while_true: Callable[[], bool]) -> float:
    begin = time.monotonic()
    while while_true():
        time.sleep(0.1)
    return time.monotonic() - begin


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=5000, help="datagrams of the attack a second")
    parser.add_argument("--calls", type=int, default=20, help="legitimate calls a second")
    parser.add_argument("--bans", choices=("enforce", "observe", "off"), default="enforce")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", end="")
    print(f", load {os.getloadavg()[0]:.1f}, bans: {options.bans}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="ringfence-bench-") as name,
        place(Path(name), options.bans) as (guard, ports),
    ):
        alone = max(10, options.seconds // 3)
        phases = [phase("alone before", guard, options.calls, alone, None)]
        flood, before = Flood(guard, ports, options.rate), _received(guard)
        phases.append(phase("under the flood", guard, options.calls, options.seconds, flood))
        sent, took = sum(flood.sent.values()), phases[1].seconds
        print(f"the flood: {sent / took:.0f} datagrams a second: {flood}")
        print(f"the guard read {(_received(guard) - before) / took:.0f} datagrams a second, those of calls too")
        print(f"edge: {guard.ask('status')['edge']}")
        print(f"banned: {len(guard.ask('bans'))}")
        phases.append(phase("alone after", guard, options.calls, alone, None))
        kept = [path.stat().st_size for path in (guard.directory / "state").rglob("*") if path.is_file()]
        print(f"ledger and messages: {sum(kept) / 1e6:.1f} MB")
    print("| phase | s | calls | lost | sent again | CPU of a core | RSS MB, each ten seconds |")
    print("|---|---|---|---|---|---|---|")
    for row in phases:
        memory = " ".join(f"{each:.0f}" for each in row.rss_mb)
        print(
            f"| {row.name} | {row.seconds:.0f} | {row.created} | {row.lost} | {row.again} | {row.cpu:.2f} | {memory} |"
        )


if __name__ == "__main__":
    main()
