"""The manager interface of a real Asterisk 22: login, lists, calls ended by channel and by extension, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ringfence.platforms.asterisk.ami import AmiError, Message
from ringfence.platforms.asterisk.live import Manager, Where
from ringfence.testing.asterisk import HOST, SECRET, Asterisk
from ringfence.testing.certificates import Authority
from ringfence.testing.peer import Peer, call, leg
from ringfence.testing.process import free_ports

pytestmark = pytest.mark.e2e

PHONE, CARRIER = "127.0.1.1", "127.0.2.1"


def managed(where: Where, test: Callable[[Manager, list[Message]], Awaitable[None]]) -> None:
    """Play a test over a connection that is up."""

    async def run() -> None:
        events: list[Message] = []
        up = asyncio.Event()

        async def joined(manager: Manager) -> None:
            up.set()

        manager = Manager(where, events.append, joined)
        task = asyncio.get_running_loop().create_task(manager.run())
        try:
            await asyncio.wait_for(up.wait(), 20)
            await test(manager, events)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())


def connect(phone: Peer, carrier: Peer, asterisk: Asterisk, number: str) -> str:
    """A call from the phone to the carrier that is up; its Call-ID at the carrier."""
    made = call(phone, asterisk.sip, number, "1001")
    offered = leg(carrier, carrier.expect("INVITE"))
    offered.answer()
    made.confirm(phone.expect(200, call_id=made.call_id))
    carrier.expect("ACK", call_id=offered.call_id)
    return offered.call_id


def test_calls_are_listed_and_ended_by_channel_and_by_extension(tmp_path: Path) -> None:
    with (
        Peer(PHONE, name="phone") as phone,
        Peer(CARRIER, name="carrier") as carrier,
        Asterisk(tmp_path, phone.address, carrier.address) as asterisk,
    ):

        async def test(manager: Manager, events: list[Message]) -> None:
            for number in ("12125550143", "12125550144", "12125550145"):
                await asyncio.to_thread(connect, phone, carrier, asterisk, number)
            listed = await manager.ask("CoreShowChannels")
            ours = [event for event in listed.events if event["channel"].startswith("PJSIP/phone-")]
            assert listed.ok
            assert len(listed.events) == 6
            first = await manager.ask("Hangup", ("Channel", ours[0]["channel"]), ("Cause", "21"))
            assert first.ok
            await asyncio.to_thread(phone.expect, "BYE")
            gone = await manager.ask("Hangup", ("Channel", "PJSIP/phone-ffffffff"))
            assert (gone.ok, gone.response["message"]) == (False, "No such channel")
            rest = await manager.ask("Hangup", ("Channel", r"/^PJSIP\/phone-.*/"), ("Cause", "21"))
            assert {event["channel"] for event in rest.events} == {event["channel"] for event in ours[1:]}
            for _ in range(2):
                await asyncio.to_thread(phone.expect, "BYE")
            while not (await manager.ask("CoreShowChannels")).response or sum(e.event == "Cdr" for e in events) < 3:
                await asyncio.sleep(0.02)
            assert sum(e.event == "DialBegin" for e in events) == 3

        managed(Where(*asterisk.ami, "guard", SECRET), test)


def test_it_finds_asterisk_again_after_a_restart(tmp_path: Path) -> None:
    with (
        Peer(PHONE, name="phone") as phone,
        Peer(CARRIER, name="carrier") as carrier,
        Asterisk(tmp_path, phone.address, carrier.address) as asterisk,
    ):

        async def test(manager: Manager, events: list[Message]) -> None:
            await asyncio.to_thread(asterisk.stop)
            while manager.up:
                await asyncio.sleep(0.02)
            with pytest.raises(AmiError, match="not connected"):
                await manager.ask("Ping")
            await asyncio.to_thread(asterisk.start)
            async with asyncio.timeout(30):
                while manager.logins < 2:
                    await asyncio.sleep(0.02)
            assert (await manager.ask("Ping")).response["ping"] == "Pong"

        managed(Where(*asterisk.ami, "guard", SECRET), test)


def test_it_speaks_tls_and_looks_at_the_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("pbx", [f"IP:{HOST}"])
    port = free_ports(1, HOST, tcp=True)[0]
    tls = f"tlsenable=yes\ntlsbindaddr={HOST}:{port}\ntlscertfile={own.certificate}\ntlsprivatekey={own.key}\n"
    with (
        Peer(PHONE, name="phone") as phone,
        Peer(CARRIER, name="carrier") as carrier,
        Asterisk(tmp_path, phone.address, carrier.address, general=tls),
    ):

        async def test(manager: Manager, events: list[Message]) -> None:
            assert (await manager.ask("Ping")).ok

        trusting = ssl.create_default_context(cafile=authority.path)
        managed(Where(HOST, port, "guard", SECRET, trusting), test)
        asyncio.run(refused(Where(HOST, port, "guard", SECRET, ssl.create_default_context())))


async def refused(where: Where) -> None:
    """A connection that must not come up."""

    async def joined(manager: Manager) -> None:
        pytest.fail("it logged in to somebody whose certificate nobody vouches for")

    manager = Manager(where, lambda event: None, joined)
    task = asyncio.get_running_loop().create_task(manager.run())
    try:
        async with asyncio.timeout(20):
            while "certificate" not in manager.state.lower():
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
