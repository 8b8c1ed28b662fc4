"""Connections over real sockets: framing, limits, what is told when one breaks (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ringfence.edge import connection as one
from ringfence.edge import listening as listeners
from ringfence.edge import streams as all_of_them
from ringfence.edge.bind import bind
from ringfence.edge.effects import Send
from ringfence.edge.flows import Admitted, Expected
from ringfence.edge.listening import StreamSocket
from ringfence.edge.streams import Streams
from ringfence.edge.tls import Tls
from ringfence.model.settings import Listen
from ringfence.sip.errors import SipParseError
from ringfence.sip.hop import NextHop, Transport
from ringfence.testing.certificates import Authority

HOST, STRANGER, GUEST = "127.0.4.1", "127.0.4.2", "127.0.4.3"
ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
TWO = b"OPTIONS sip:b SIP/2.0\r\nl: 0\r\n\r\n"
FIRST = 5_000


class House:
    """What a guard would be told."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.errors: list[tuple[int, int, bytes]] = []
        self.flows: dict[int, tuple[str, bool]] = {}
        """Host, and whether we opened it."""
        self.lost: list[int] = []
        self.keys: list[str] = []
        self.proven: set[int] = set()
        self.streams: Streams

    def admits(self, listener: str, host: str) -> Admitted:
        return {STRANGER: "", GUEST: "guest"}.get(host, "party")  # type: ignore[return-value]

    def is_proven(self, flow: int) -> bool:
        return flow in self.proven

    def expected(self, listener: str, host: str, port: int) -> Expected:
        return Expected("trunk carrier", (), None)

    def opened(
        self, flow: int, listener: str, host: str, port: int, *, dialled: bool, domains: tuple[str, ...]
    ) -> bool:
        self.flows[flow] = host, dialled
        return True

    def streamed(self, flow: int, messages: Sequence[bytes]) -> None:
        self.messages += [(flow, data) for data in messages]

    def broken(self, flow: int, data: bytes, error: SipParseError) -> None:
        self.errors.append((flow, error.status, data))
        self.streams.transmit(Send(NextHop("l", HOST, 1, flow, True), b"SIP/2.0 400 Bad\r\nContent-Length: 0\r\n\r\n"))

    def closed(self, flow: int) -> None:
        self.lost.append(flow)

    def unsent(self, keys: Sequence[str]) -> None:
        self.keys += keys


class Stage:
    """A listener with its house, and whoever connects to it."""

    def __init__(self, house: House, listening: StreamSocket, streams: Streams) -> None:
        self.house, self.listening, self.streams = house, listening, streams
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, host: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listening.port, local_addr=(host, 0))
        self.writers.append(writer)
        return reader, writer

    async def refused(self, host: str = HOST) -> None:
        """A connection is reset, at the latest before anything is heard."""
        with pytest.raises(ConnectionResetError):
            await (await self.connect(host))[0].read()

    async def until(self, true: Callable[[], Any], what: str = "") -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.005)

    async def silent(self) -> None:
        """Long enough for whatever is on its way to arrive."""
        for _ in range(10):
            await asyncio.sleep(0.005)

    def send(self, data: bytes, port: int, flow: int = 0, key: str = "") -> None:
        self.streams.transmit(Send(NextHop("l", HOST, port, flow, True), data, key))


@asynccontextmanager
async def staged(tls: Tls | None = None, **limits: int) -> AsyncIterator[Stage]:
    house = House()
    bound = bind("127.0.0.1", 0, "tcp")
    transport: Transport = "tls" if tls is not None else "tcp"
    listen = Listen(
        name="l", host="127.0.0.1", port=0, advertise_host="127.0.0.1", advertise_port=0, transport=transport, **limits
    )
    listening, streams = StreamSocket(bound, listen), Streams(house, FIRST, tls or Tls({}, {}, {}, {}))
    house.streams = streams
    streams.add(listening)
    stage = Stage(house, listening, streams)
    try:
        yield stage
    finally:
        for writer in stage.writers:
            writer.transport.abort()
        await streams.close()
        listening.close()
        await asyncio.sleep(0)


def run(play: Callable[[Stage], Awaitable[None]], tls: Tls | None = None, **limits: int) -> None:
    """One play on a stage of its own."""

    async def whole() -> None:
        async with staged(tls, **limits) as stage:
            await play(stage)

    asyncio.run(whole())


# --- framing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000], ids=["byte by byte", "in sevens", "in one segment"])
def test_messages_arrive_whole_and_in_order(size: int) -> None:
    async def play(stage: Stage) -> None:
        _, writer = await stage.connect()
        stream = ONE + TWO + b"\r\n\r\n" + TWO + b"\r\n" + ONE
        for at in range(0, len(stream), size):
            writer.write(stream[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
        await stage.until(lambda: len(stage.house.messages) == 4)
        assert [data for _, data in stage.house.messages] == [ONE, TWO, TWO, ONE]
        assert {flow for flow, _ in stage.house.messages} == {FIRST}

    run(play)


def test_a_ping_is_answered_and_goes_no_further() -> None:
    async def play(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(b"\r\n\r\n" + TWO + b"\r\n\r\n")
        assert await reader.readexactly(4) == b"\r\n\r\n"  # Two answers.
        assert [data for _, data in stage.house.messages] == [TWO]

    run(play)


HEAD = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD + b"\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nl: 1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1x\r\n\r\n", 400),
        (HEAD + b"Content-Length: 65000000\r\n\r\n", 513),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 6_000, 513),  # A TLS handshake where there is none.
    ],
    ids=["missing", "negative", "two", "no number", "too large", "much too large", "no SIP"],
)
def test_a_stream_that_cant_be_followed_is_answered_and_closed(head: bytes, status: int) -> None:
    """What came whole before it counts, what comes after it doesn't."""

    async def play(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(TWO + head + TWO)
        assert (await reader.read()).startswith(b"SIP/2.0 400 ")  # The house's answer, then the end.
        await stage.until(lambda: stage.house.lost)
        assert [data for _, data in stage.house.messages] == [TWO]
        ((flow, found, rest),) = stage.house.errors
        assert (flow, found) == (FIRST, status)
        assert rest.startswith(head[:60])

    run(play)


# --- who is let in --------------------------------------------------------------------------------------------------


def test_a_stranger_is_reset() -> None:
    async def play(stage: Stage) -> None:
        await stage.refused(STRANGER)
        assert (stage.listening.refused, stage.listening.accepted) == (1, 0)
        assert stage.house.flows == {}

    run(play)


def test_an_address_has_so_many_connections() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(3):
            await stage.connect()
        await stage.until(lambda: len(stage.house.flows) == 3)
        await stage.refused()
        await stage.connect("127.0.4.4")  # Another one has its own.
        await stage.until(lambda: len(stage.house.flows) == 4)
        stage.writers[0].close()
        await stage.until(lambda: stage.house.lost)
        await stage.connect()
        await stage.until(lambda: len(stage.house.flows) == 5)
        assert stage.listening.refused == 1

    run(play, connections=3)


def test_the_stalest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_of_them, "SPARE_S", 0.0)

    async def play(stage: Stage) -> None:
        for _ in range(3):
            await stage.connect()
            await stage.until(lambda: len(stage.house.flows) == len(stage.writers))
        for writer in (stage.writers[0], stage.writers[2]):
            writer.write(TWO)
        await stage.until(lambda: len(stage.house.messages) == 2)
        await stage.connect()
        await stage.until(lambda: len(stage.house.flows) == 4)
        assert stage.house.lost == [FIRST + 1]

    run(play, connections=3)


def test_a_guest_has_to_prove_himself_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_of_them, "PROVE_WITHIN_S", 0.2)
    monkeypatch.setattr(all_of_them, "SWEEP_EVERY_S", 0.02)
    monkeypatch.setattr(all_of_them, "MAX_GUESTS_EACH", 2)

    async def play(stage: Stage) -> None:
        await stage.connect(GUEST)
        await stage.until(lambda: stage.house.flows)
        stage.house.proven.add(FIRST)
        _, other = await stage.connect(GUEST)
        await stage.until(lambda: stage.house.lost)
        assert stage.house.lost == [FIRST + 1]
        await stage.connect()
        for _ in range(2):
            await stage.connect(GUEST)
        await stage.refused(GUEST)
        await stage.until(lambda: len(stage.house.lost) == 3)
        assert FIRST not in stage.house.lost
        del other

    run(play)


def test_the_loop_goes_on_when_there_is_no_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "TIRED_S", 0.05)

    async def play(stage: Stage) -> None:
        accept, tries = stage.listening._socket.accept, []

        class Tired:
            def __getattr__(self, name: str) -> Any:
                return getattr(whole, name)

            def accept(self) -> Any:
                tries.append(1)
                if len(tries) == 1:
                    raise OSError(24, "Too many open files")
                return accept()

        whole = stage.listening._socket
        stage.listening._socket = Tired()  # type: ignore[assignment]
        await stage.connect()
        await stage.until(lambda: stage.house.flows)
        stage.listening._socket = whole

    run(play)


# --- patience -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting is over sooner."""
    monkeypatch.setattr(one, "MESSAGE_WITHIN_S", 0.2)
    monkeypatch.setattr(one, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(one, "PONG_WITHIN_S", 0.1)
    monkeypatch.setattr(all_of_them, "SWEEP_EVERY_S", 0.02)


@pytest.mark.usefixtures("hurried")
def test_a_message_that_trickles_in_ends_the_connection() -> None:
    """Slow loris: each byte comes well before the connection would be idle."""

    async def play(stage: Stage) -> None:
        reader, writer = await stage.connect()
        other_reader, other = await stage.connect()
        for byte in ONE:
            if stage.house.lost:
                break
            writer.write(bytes([byte]))
            other.write(TWO)
            await asyncio.sleep(0.02)
        assert stage.house.lost == [FIRST]
        other.write(TWO)
        await stage.silent()
        assert not other_reader.at_eof()
        del reader

    run(play)


@pytest.mark.usefixtures("hurried")
def test_who_is_silent_is_closed_and_who_pings_is_not() -> None:
    async def play(stage: Stage) -> None:
        _, silent = await stage.connect()
        _, pinging = await stage.connect()
        while not stage.house.lost:
            pinging.write(b"\r\n\r\n")
            await asyncio.sleep(0.05)
        assert stage.house.lost == [FIRST]
        del silent

    run(play, idle_s=1)


@pytest.mark.usefixtures("hurried")
def test_we_ask_whether_who_we_connected_to_is_there() -> None:
    """Who has answered before and doesn't any more is gone; who never did may just not know pings."""

    async def play(stage: Stage) -> None:
        async with far_end() as far:
            stage.send(TWO, far.port)
            await stage.until(lambda: far.wires)
            reader, writer = far.wires[0]
            assert await reader.readexactly(len(TWO)) == TWO
            for _ in range(3):
                assert await reader.readexactly(4) == b"\r\n\r\n"
                assert stage.house.lost == []
                writer.write(b"\r\n")
            await stage.until(lambda: stage.house.lost)

    run(play)


@pytest.mark.usefixtures("hurried")
def test_who_never_answers_pings_is_not_closed_for_it() -> None:
    async def play(stage: Stage) -> None:
        async with far_end() as far:
            stage.send(TWO, far.port)
            await stage.until(lambda: far.wires)
            reader, _ = far.wires[0]
            assert await reader.readexactly(len(TWO) + 4) == TWO + b"\r\n\r\n"
            await asyncio.sleep(0.5)
            assert stage.house.lost == []

    run(play)


def test_who_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "MAX_UNREAD", 100_000)

    async def play(stage: Stage) -> None:
        reader, _ = await stage.connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await stage.until(lambda: stage.house.flows)
        for _ in range(2_000):
            stage.send(b"x" * 65_535, 1, flow=FIRST)
            if stage.house.lost:
                break
            await asyncio.sleep(0)
        assert stage.house.lost == [FIRST]

    run(play)


# --- connections of ours --------------------------------------------------------------------------------------------


class FarEnd:
    """Somebody who is connected to."""

    def __init__(self) -> None:
        self.wires: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.server: asyncio.Server

    @property
    def port(self) -> int:
        port: int = self.server.sockets[0].getsockname()[1]
        return port


@asynccontextmanager
async def far_end() -> AsyncIterator[FarEnd]:
    far = FarEnd()
    far.server = await asyncio.start_server(lambda *wire: far.wires.append(wire), HOST, 0)
    try:
        yield far
    finally:
        far.server.close()
        for _, writer in far.wires:
            writer.transport.abort()


def test_what_waits_for_a_connection_is_sent_in_order_over_one() -> None:
    async def play(stage: Stage) -> None:
        async with far_end() as far:
            for data in (ONE, TWO, ONE):
                stage.send(data, far.port)
            await stage.until(lambda: far.wires)
            assert await far.wires[0][0].readexactly(len(ONE + TWO + ONE)) == ONE + TWO + ONE
            stage.send(TWO, far.port)
            assert await far.wires[0][0].readexactly(len(TWO)) == TWO
            assert len(far.wires) == 1
            assert far.wires[0][1].get_extra_info("peername")[0] == "127.0.0.1"  # From the address we listen at.
            assert stage.house.flows == {FIRST: (HOST, True)}

    run(play)


def test_nothing_waits_for_more_to_be_sent() -> None:
    """Else an answer waits up to 40 ms for the far side's acknowledgement of the one before (Nagle)."""

    async def play(stage: Stage) -> None:
        async with far_end() as far:
            stage.send(ONE, far.port)
            await stage.connect()
            await stage.until(lambda: len(stage.house.flows) == 2)
            for connection in stage.streams._connections.values():
                assert connection._transport is not None
                opened = connection._transport.get_extra_info("socket")
                assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(play)


def test_where_nothing_listens_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def play(stage: Stage) -> None:
        with socket.socket() as nobody:
            nobody.bind((HOST, 0))
            port = nobody.getsockname()[1]
            for key in ("a", "b"):
                stage.send(TWO, port, key=key)
            assert stage.house.keys == []  # Never from within.
            await stage.until(lambda: stage.house.keys)
            assert stage.house.keys == ["a", "b"]
            stage.send(TWO, port, key="c")
            await stage.until(lambda: len(stage.house.keys) == 3)
        (trouble,) = stage.streams.status()["troubles"]
        assert trouble["error"] == "nothing listens there (connection refused)"

    run(play)
    assert len([record for record in caplog.records if "no connection to" in record.message]) == 1


def test_a_connection_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_of_them, "CONNECT_WITHIN_S", 0.1)

    async def play(stage: Stage) -> None:
        with socket.socket() as full:
            full.bind((HOST, 0))
            full.listen(0)
            with socket.socket() as first:  # The only place in its queue: the next SYN is dropped.
                first.connect(full.getsockname())
                stage.send(TWO, full.getsockname()[1], key="a")
                await stage.until(lambda: stage.house.keys)
        (trouble,) = stage.streams.status()["troubles"]
        assert trouble["error"] == "no answer within 0.1 s"

    run(play)


def test_a_flow_that_is_gone_is_told_as_such() -> None:
    async def play(stage: Stage) -> None:
        stage.send(TWO, 1, flow=FIRST + 77, key="a")
        await stage.until(lambda: stage.house.keys == ["a"])

    run(play)


def test_after_it_broke_a_new_one_is_made() -> None:
    async def play(stage: Stage) -> None:
        async with far_end() as far:
            stage.send(ONE, far.port)
            await stage.until(lambda: far.wires)
            far.wires[0][1].transport.abort()
            await stage.until(lambda: stage.house.lost == [FIRST])
            stage.send(TWO, far.port)
            await stage.until(lambda: len(far.wires) == 2)
            assert await far.wires[1][0].readexactly(len(TWO)) == TWO

    run(play)


def test_one_that_the_far_end_closed_one_way_is_closed_after_its_answer() -> None:
    async def play(stage: Stage) -> None:
        stage.house.streamed = lambda flow, messages: stage.send(ONE, 1, flow=flow)  # type: ignore[method-assign]
        reader, writer = await stage.connect()
        writer.write(TWO)
        writer.write_eof()
        assert await reader.read() == ONE
        await stage.until(lambda: stage.house.lost == [FIRST])

    run(play)


def test_a_far_end_that_is_gone_in_the_middle_of_a_message() -> None:
    async def play(stage: Stage) -> None:
        _, writer = await stage.connect()
        writer.write(TWO + ONE[:30])
        await stage.until(lambda: stage.house.messages)
        writer.transport.abort()
        await stage.until(lambda: stage.house.lost == [FIRST])
        assert [data for _, data in stage.house.messages] == [TWO]
        assert stage.house.errors == []

    run(play)


def test_hanging_up_closes_a_connection() -> None:
    async def play(stage: Stage) -> None:
        reader, _ = await stage.connect()
        await stage.until(lambda: stage.house.flows)
        stage.streams.hang_up(FIRST)
        assert stage.house.lost == []
        await stage.until(lambda: stage.house.lost == [FIRST])
        assert await reader.read() == b""

    run(play)


# --- what is left ---------------------------------------------------------------------------------------------------


@pytest.fixture
def contexts(tmp_path: Path) -> Tls:
    """The listener's certificate, and trust in its authority."""
    authority = Authority(tmp_path)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(*authority.issue("here.example"))
    client.load_verify_locations(authority.path)
    client.check_hostname = False
    return Tls({"l": server}, {("l", None, None): client}, {}, {})


async def opened(stage: Stage, data: bytes) -> socket.socket:
    """A connection that has said something, without a transport of asyncio at our end."""
    found = socket.socket()
    found.setblocking(False)
    await asyncio.get_running_loop().sock_connect(found, ("127.0.0.1", stage.listening.port))
    await asyncio.get_running_loop().sock_sendall(found, data)
    return found


async def closed(stage: Stage) -> None:
    ends = [await opened(stage, TWO) for _ in range(3)]
    await stage.until(lambda: len(stage.house.messages) == 3)
    ends[0].close()
    listeners.reset(ends[1])
    stage.streams.hang_up(max(stage.house.flows))
    await stage.until(lambda: len(stage.house.lost) == 3)
    ends[2].close()


async def not_connected(stage: Stage) -> None:
    stage.house.expected = lambda *_: Expected("trunk carrier", ("there.example",), None)  # type: ignore[method-assign]
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        for count in range(1, 4):
            stage.send(TWO, nobody.getsockname()[1], key="a")
            await stage.until(lambda count=count: len(stage.house.keys) == count)  # type: ignore[misc]


async def no_handshake(stage: Stage) -> None:
    for count in range(1, 4):
        found = await opened(stage, b"no TLS" * 10)
        await stage.until(lambda count=count: len(stage.house.lost) == count)  # type: ignore[misc]
        found.close()


async def handshake_with_the_wrong_one(stage: Stage) -> None:
    """We connect to ourselves: a certificate that is trusted, and another name than was meant."""
    stage.house.expected = lambda *_: Expected("trunk carrier", ("there.example",), None)  # type: ignore[method-assign]
    for count in range(1, 4):
        stage.streams.transmit(Send(NextHop("l", "127.0.0.1", stage.listening.port, 0, True), TWO, "a"))
        await stage.until(lambda count=count: len(stage.house.keys) == count)  # type: ignore[misc]
    (trouble,) = stage.streams.status()["troubles"]
    assert trouble["error"] == "its certificate is of here.example, not of there.example"
    await stage.until(lambda: len(stage.house.lost) == 6)


@pytest.mark.parametrize(
    ("what", "secure"),
    [
        (closed, False),
        (not_connected, False),
        (not_connected, True),
        (no_handshake, True),
        (handshake_with_the_wrong_one, True),
    ],
    ids=lambda value: getattr(value, "__name__", "TLS" if value else "TCP"),
)
def test_nothing_is_left_for_the_garbage_collector(
    what: Callable[[Stage], Awaitable[None]], secure: bool, contexts: Tls
) -> None:
    """It seldom runs in the guard, and a connection in TLS holds a quarter of a megabyte."""

    async def play(stage: Stage) -> None:
        await what(stage)
        for told in (stage.house.messages, stage.house.lost, stage.house.keys):
            told.clear()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await what(stage)
            await stage.silent()
            gc.collect()
            kept = {type(one).__name__ for one in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
        heavy = {"Connection", "SSLProtocol", "SSLObject", "SSLError", "ConnectionRefusedError", "bytearray"}
        assert not kept & (heavy if secure else {*heavy, "_SelectorSocketTransport"})

    run(play, contexts if secure else None)
