"""The doors where a dial plan asks: what is answered, to what is said there well and badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

import pytest

from ringfence.model.settings import Admit
from ringfence.platforms.asterisk.hook import HookError, Reply
from ringfence.server import admit
from ringfence.server.admit import AdmitError, Doors

ASKED = {"pbx": "office", "dst": "12125550143"}
QUERY = "/v1/admit?pbx=office&dst=12125550143"


async def decide(values: Mapping[str, str]) -> Reply:
    """Stands for the policy: what begins with 1 may be."""
    if "dst" not in values:
        raise HookError(400, "the question has no dst")
    if values["dst"].startswith("1"):
        return Reply("allow", "", 3620)
    return Reply("deny", "destination-not-permitted", 0, "not-there")


Talk = Callable[[bytes], Awaitable[bytes]]


def play(test: Callable[[Talk, Talk, Doors], Awaitable[None]]) -> None:
    """Run a test with both doors open; what it says is sent, and it gets all until the end."""

    async def run() -> None:
        doors = Doors(Admit(http=("127.0.0.1", 0), fastagi=("127.0.0.1", 0)), decide)
        await doors.open()
        ports = [int(address.rpartition(":")[2]) for address in doors.addresses()]

        def door(port: int) -> Talk:
            async def talk(data: bytes) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                if b"Connection: close" in data or port == ports[1]:
                    writer.write_eof()
                found = await asyncio.wait_for(reader.read(), 10)
                writer.close()
                return found

            return talk

        try:
            await test(door(ports[0]), door(ports[1]), doors)
        finally:
            await doors.close()

    asyncio.run(run())


def http(target: str = QUERY, method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def split(response: bytes) -> tuple[int, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


def test_one_line_for_a_dial_plan() -> None:
    async def test(ask: Talk, _: Talk, doors: Doors) -> None:
        assert split(await ask(http())) == (200, "allow - 3620 -\n")
        assert split(await ask(http("/v1/admit?dst=0037"))) == (200, "deny destination-not-permitted 0 not-there\n")
        assert doors.counters == {"asked": 2, "not_answered": 0}

    play(test)


def test_an_object_for_others_asked_in_each_way() -> None:
    async def test(ask: Talk, _: Talk, doors: Doors) -> None:
        form = b"pbx=office&dst=0037"
        asked = [
            http(Accept="application/json"),
            http(
                "/v1/admit",
                "POST",
                json.dumps(ASKED).encode(),
                Content_Type="application/json",
                Accept="application/json",
            ),
            http(
                "/v1/admit", "POST", form, Content_Type="application/x-www-form-urlencoded", Accept="application/json"
            ),
        ]
        found = [json.loads(split(await ask(each))[1]) for each in asked]
        assert [each["verdict"] for each in found] == ["allow", "allow", "deny"]
        assert found[2] == {
            "verdict": "deny",
            "reason": "destination-not-permitted",
            "max_s": 0,
            "announcement": "not-there",
        }

    play(test)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (http("/"), 404),
        (http("/v1/admit"), 400),
        (http(method="DELETE"), 405),
        (http("/v1/admit", "POST", b"[1]", Content_Type="application/json"), 400),
        (http("/v1/admit", "POST", b"\xff", Content_Type="application/json"), 400),
        (http("/v1/admit", "POST", b"x" * (admit.MAX_REQUEST + 1)), 413),
        (http(f"/v1/admit?dst={'1' * 4 * admit.MAX_REQUEST}"), 431),
        (b"SSH-2.0-x\r\n\r\nConnection: close", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: no\r\nConnection: close\r\n\r\n", 400),
    ],
)
def test_what_cant_be_answered_says_so_and_isnt_an_answer(asked: bytes, status: int) -> None:
    async def test(ask: Talk, _: Talk, doors: Doors) -> None:
        found, text = split(await ask(asked))
        assert found == status
        assert not text.startswith(("allow", "deny"))
        assert split(await ask(http())) == (200, "allow - 3620 -\n")

    play(test)


def test_a_connection_is_used_again() -> None:
    async def test(ask: Talk, _: Talk, doors: Doors) -> None:
        first = http().replace(b"Connection: close\r\n", b"")
        found = await ask(first + http("/v1/admit?dst=0037"))
        assert found.count(b"HTTP/1.1 200") == 2

    play(test)


def test_fastagi_gets_the_line_as_a_variable() -> None:
    async def test(_: Talk, ask: Talk, doors: Doors) -> None:
        asked = b"agi_network: yes\nagi_network_script: admit?pbx=office\nagi_arg_1: trunk1\nagi_arg_2: 12125550143\n\n"
        assert await ask(asked + b"200 result=1\n") == b'SET VARIABLE RINGFENCE "allow - 3620 -"\n'
        assert await ask(b"agi_arg_1: trunk1\n\n") == b""
        assert doors.counters["not_answered"] == 1

    play(test)


def test_a_line_without_end_is_left() -> None:
    async def test(_: Talk, ask: Talk, doors: Doors) -> None:
        assert await ask(b"agi_" + b"x" * 4 * admit.MAX_REQUEST) == b""

    play(test)


def test_no_more_ask_at_a_time_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admit, "MAX_CONNECTIONS", 2)

    async def run() -> None:
        doors = Doors(Admit(http=("127.0.0.1", 0)), decide)
        await doors.open()
        port = int(doors.addresses()[0].rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        while len(doors._talking) < 2:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            writer.write(http())
            if not await reader.read():
                raise ConnectionError
        assert doors.counters["not_answered"] == 1
        for _, each in held:
            each.close()
        writer.close()
        await doors.close()

    asyncio.run(run())


def test_a_taken_port_is_said_at_the_start() -> None:
    async def run() -> None:
        doors = Doors(Admit(http=("127.0.0.1", 0)), decide)
        await doors.open()
        port = int(doors.addresses()[0].rpartition(":")[2])
        with pytest.raises(AdmitError, match=f"admit: 127.0.0.1:{port}: .*take another"):
            await Doors(Admit(http=("127.0.0.1", port)), decide).open()
        await doors.close()

    asyncio.run(run())
