"""Real sockets: what is read at once, what the kernel says of it, and what is said where a socket can't be had."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from ringfence.edge.bind import ListenError, bind
from ringfence.edge.udp import BATCH, UdpSocket


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        yield made


async def heard(bound: UdpSocket, expected: int) -> tuple[list[list[bytes]], int]:
    """The batches in which a socket hands on what waits in it, and the stamp of the last."""
    batches: list[list[bytes]] = []
    stamps: list[int] = []
    done = asyncio.Event()

    def deliver(batch: list[tuple[bytes, str, int]], came_ns: int) -> None:
        batches.append([data for data, _, _ in batch])
        stamps.append(came_ns)
        if sum(map(len, batches)) == expected:
            done.set()

    bound.listen(deliver)
    try:
        await asyncio.wait_for(done.wait(), 10)
    finally:
        bound.close()
    return batches, stamps[-1]


def read(sender: socket.socket, datagrams: list[bytes]) -> tuple[list[list[bytes]], int]:
    """What a socket hands on of datagrams that were all there before it looked."""
    bound = UdpSocket(bind("127.0.0.1", 0))
    for data in datagrams:
        sender.sendto(data, ("127.0.0.1", bound.port))
    return asyncio.run(heard(bound, len(datagrams)))


def test_all_that_waits_is_read_in_order_in_batches(sender: socket.socket) -> None:
    datagrams = [b"%d" % number for number in range(BATCH + 3)]
    batches, _ = read(sender, datagrams)
    assert [data for batch in batches for data in batch] == datagrams
    assert [len(batch) for batch in batches] == [BATCH, 3]


def test_the_kernel_says_when_the_first_of_a_batch_came(sender: socket.socket) -> None:
    before = time.time_ns()
    _, came_ns = read(sender, [b"x"] * (BATCH + 1))
    assert before <= came_ns <= time.time_ns()


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ListenError, match=rf"UDP 127\.0\.0\.1:{port} can't be opened: another program .*--free-port"
        ):
            bind("127.0.0.1", port)
        with bind("127.0.0.1", port, free_port=True) as other:
            assert other.getsockname()[1] > port


def test_an_address_that_the_machine_has_not_is_said() -> None:
    with pytest.raises(ListenError, match=r"UDP \[2001:db8::1\]:5060 .*no such address"):
        bind("2001:db8::1", 5060)
