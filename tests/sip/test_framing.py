"""Messages out of a stream: byte by byte gives what the whole gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.framing import PING, Framer, is_keepalive
from ringfence.sip.headers import MAX_MESSAGE

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
TWO = b"OPTIONS sip:b SIP/2.0\r\nl : 0\r\n\r\n"


def frames(chunks: list[bytes]) -> tuple[list[bytes], bool]:
    framer = Framer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)], framer.error is not None


@given(st.lists(st.sampled_from([ONE, TWO, PING]) | st.binary(max_size=8), max_size=6), st.data())
def test_any_cut_gives_the_same(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    bytewise = [stream[i : i + 1] for i in range(len(stream))]
    assert frames(bytewise) == frames([stream]) == frames(chunks)


def test_messages_and_pings_in_order() -> None:
    assert frames([ONE + TWO + PING + b"\r\n" + ONE]) == ([ONE, TWO, PING, ONE], False)


@pytest.mark.parametrize(
    "head",
    [
        b"OPTIONS sip:a SIP/2.0\r\nX: 1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\nl: 4\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: +4\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
        b"A" * (MAX_MESSAGE + 1),
    ],
)
def test_a_stream_that_cannot_be_followed(head: bytes) -> None:
    framer = Framer()
    assert framer.feed(ONE + head + ONE) == [ONE]
    assert framer.error is not None
    assert framer.feed(ONE) == []


@pytest.mark.parametrize(("data", "is_one"), [(b"", True), (b"\r\n\r\n", True), (b"\x00", True), (b"x", False)])
def test_keepalive(data: bytes, is_one: bool) -> None:
    assert is_keepalive(data) is is_one
