"""CPU of the edge alone, a whole call at a time: `python bench/edge.py [--calls 20000] [--profile] [--identity]`.

A call is INVITE, 100, 180, 200, ACK, BYE, 200 (1.1 kB INVITE with SDP); every message is parsed, taken through its
transaction, edited and written; every verdict is `allow`. What is timed is only what goes into and comes out of
`EdgeCore`, timers included, at a simulated rate so that the transactions of the last 32 s are alive. No sockets, no
engine, no ledger: bench/calls.py has those. It asserts nothing.

`--identity` takes a carrier that sees nothing of the inside (`identity = "own"`) beside one that sees everything, a
hundred calls each in turn, and prints the ratio.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import platform
import resource
import tempfile
import time
from pathlib import Path

from ringfence.edge.core import EdgeCore
from ringfence.edge.effects import Ask, Send
from ringfence.edge.rewrite import to_carrier
from ringfence.model import SECOND, Verdict
from ringfence.model.attempt import Destination
from ringfence.numbers import Number
from ringfence.policy import Loader
from ringfence.sip.message import Request
from ringfence.sip.parse import parse
from ringfence.testing.guard import RATES, policy_text

INSIDE, OUTSIDE = ("127.0.0.1", 5060), ("127.0.0.1", 5080)
PBX, CARRIER = ("127.0.1.1", 5070), ("127.0.2.1", 5090)
SDP = (
    b"v=0\r\no=- 3747 3747 IN IP4 127.0.1.1\r\ns=pbx\r\nc=IN IP4 127.0.1.1\r\nt=0 0\r\n"
    b"m=audio 18422 RTP/AVP 8 0 9 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n"
)
COPIED = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:", b"Record-Route:")
ALLOW = Verdict(
    outcome="allow",
    reason="",
    text="allowed",
    sip_status=0,
    public_text="",
    hits=(),
    destination=Destination(
        number=Number("ok", "12125550143", "US", "fixed", "", ()), klass="domestic", risk=0, price=None
    ),
    emergency=False,
    send_user="+12125550143",
    send_caller=None,
)


class Bench:
    """One edge and the seconds it took."""

    def __init__(self, trunk: str = "") -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.toml"
            path.write_text(policy_text(INSIDE, OUTSIDE, PBX, [CARRIER], trunk=trunk))
            (Path(folder) / "rates.csv").write_text(RATES)
            self.edge = EdgeCore(Loader(str(path)).load().policy, "bench", b"k" * 32)
        self.now = 1_800_000_000 * SECOND
        self.spent_ns: dict[str, int] = {}

    def send(self, what: str, data: bytes, source: tuple[str, int], listener: str) -> list[bytes]:
        """Into the edge, and what came out of it."""
        begin = time.perf_counter_ns()
        self.edge.receive(data, source[0], source[1], listener, self.now)
        effects = self.edge.effects()
        for effect in effects:
            if isinstance(effect, Ask):
                self.edge.decided(effect.attempt.id, ALLOW, self.now)
                effects += self.edge.effects()
        self.spent(what, begin)
        return [effect.data for effect in effects if isinstance(effect, Send)]

    def tick(self) -> None:
        """Time went on."""
        begin = time.perf_counter_ns()
        due = self.edge.due()
        if due is not None and due <= self.now:
            self.edge.tick(self.now)
            self.edge.effects()
        self.spent("timers", begin)

    def spent(self, what: str, begin: int) -> None:
        """Book the time since `begin`."""
        self.spent_ns[what] = self.spent_ns.get(what, 0) + time.perf_counter_ns() - begin

    def call(self, number: int) -> None:
        """One call from INVITE to the answer to its BYE."""
        dialled = b"<sip:+12125550143@127.0.0.1>"
        invite = self.send("INVITE", _request(b"INVITE", number, 1, dialled, [], SDP), PBX, "inside")[-1]
        for status in (b"100 Trying", b"180 Ringing", b"200 OK"):
            body = b"" if status[:1] == b"1" else SDP
            answer = self.send(status.decode(), _response(invite, status, body), CARRIER, "outside")
        to = _values(answer[0], b"To")[0]
        routes = _values(answer[0], b"Record-Route")[::-1]
        self.send("ACK", _request(b"ACK", number, 1, to, routes), PBX, "inside")
        bye = self.send("BYE", _request(b"BYE", number, 2, to, routes), PBX, "inside")[-1]
        self.send("200 to BYE", _response(bye, b"200 OK", b""), CARRIER, "outside")


def identities(calls: int, rate: int) -> None:
    """Both kinds of trunks in turn."""
    benches = {name: Bench(f'identity = "{name}"') for name in ("transparent", "own")}
    gc.freeze()
    gc.disable()
    best = dict.fromkeys(benches, 0.0)
    for block in range(0, calls, 100):
        for name, bench in benches.items():
            before = sum(bench.spent_ns.values())
            for number in range(block, block + 100):
                bench.call(number)
                bench.now += SECOND // rate
                bench.tick()
            spent = (sum(bench.spent_ns.values()) - before) / 1e5
            best[name] = min(best[name] or spent, spent)
    totals = {name: sum(bench.spent_ns.values()) for name, bench in benches.items()}
    for name, bench in benches.items():
        print(f"{name:12} {totals[name] / 1e3 / calls:6.1f} µs a call, the best hundred {best[name]:.1f} µs")
        print("             " + ", ".join(f"{what} {ns / 1e3 / calls:.1f}" for what, ns in bench.spent_ns.items()))
    all_of, best_of = (figures["own"] / figures["transparent"] for figures in (totals, best))
    print(f"own / transparent: {all_of:.2f}, of the best {best_of:.2f}")


def invite_us(repeats: int = 5_000) -> float:
    """Parse an INVITE, make it the carrier's, write it: the best of seven, microseconds."""
    data = _request(b"INVITE", 1, 1, b"<sip:+12125550143@127.0.0.1>", [], SDP)
    route, via = b"<sip:rf-bench@127.0.0.1:5080;lr>", b"SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bKrf-bench"
    times = []
    for _ in range(7):
        begin = time.perf_counter_ns()
        for _ in range(repeats):
            invite = parse(data)
            if isinstance(invite, Request):
                out = to_carrier(invite, ALLOW, b"127.0.2.1:5090")
                out.lead("record-route", route)
                out.write(via)
        times.append(time.perf_counter_ns() - begin)
    return min(times) / 1e3 / repeats


def _request(method: bytes, number: int, cseq: int, to: bytes, routes: list[bytes], body: bytes = b"") -> bytes:
    lines = [
        b"%b sip:+12125550143@127.0.0.1:5060 SIP/2.0" % method,
        b"Via: SIP/2.0/UDP 127.0.1.1:5070;branch=z9hG4bK-%b-%d-%d;rport" % (method, number, cseq),
        *(b"Route: " + route for route in routes),
        b"Max-Forwards: 70",
        b'From: "Bench" <sip:+12125550100@127.0.1.1>;tag=f%d' % number,
        b"To: " + to,
        b"Call-ID: %d-0a8fe09f3c@127.0.1.1" % number,
        b"CSeq: %d %b" % (cseq, method),
        b"Contact: <sip:+12125550100@127.0.1.1:5070>",
        b"User-Agent: Bench PBX 18.9.1",
    ]
    if body:
        lines += [
            b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, NOTIFY, REFER, MESSAGE, SUBSCRIBE",
            b"Supported: replaces, 100rel, timer, norefersub",
            b"Content-Type: application/sdp",
        ]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def _response(request: bytes, status: bytes, body: bytes) -> bytes:
    head = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in head if line.startswith(COPIED)]
    if not status.startswith(b"100"):
        kept = [line + b";tag=c1" if line.startswith(b"To:") and b"tag=" not in line else line for line in kept]
    more = [b"Contact: <sip:+12125550143@127.0.2.1:5090>", b"Server: Bench carrier"]
    more += [b"Content-Type: application/sdp"] if body else []
    return b"\r\n".join([b"SIP/2.0 " + status, *kept, *more, b"Content-Length: %d" % len(body), b"", body])


def _values(data: bytes, name: bytes) -> list[bytes]:
    head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line.partition(b":")[2].strip() for line in head if line.startswith(name + b":")]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=200, help="calls per second of simulated time")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--identity", action="store_true", help="a carrier that sees nothing beside one that sees all")
    arguments = parser.parse_args()
    if arguments.identity:
        identities(arguments.calls, arguments.rate)
        return
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"an INVITE parsed, edited and written {invite_us():.1f} µs")
    bench = Bench()
    gc.freeze()
    gc.disable()
    profile = cProfile.Profile() if arguments.profile else None
    best = 0.0
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for block in range(0, arguments.calls, 1000):
        before = sum(bench.spent_ns.values())
        if profile is not None:
            profile.enable()
        for number in range(block, block + 1000):
            bench.call(number)
            bench.now += SECOND // arguments.rate
            bench.tick()
        if profile is not None:
            profile.disable()
        spent = (sum(bench.spent_ns.values()) - before) / 1e6
        best = min(best or spent, spent)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss
    status = bench.edge.status()
    for what, spent_ns in bench.spent_ns.items():
        print(f"{what:12} {spent_ns / 1e3 / arguments.calls:6.1f} µs")
    print(f"{arguments.calls} calls, the best thousand of them {best:.1f} µs each")
    print(f"{status['transactions']} transactions alive, {grown} kB grown, {gc.collect()} objects in cycles")
    if profile is not None:
        profile.print_stats("tottime")


if __name__ == "__main__":
    main()
