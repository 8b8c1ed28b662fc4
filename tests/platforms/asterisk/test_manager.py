"""The connection to a scripted manager interface: what is asked, answered, lost and found again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from amikit import SECRET, Scripted, recorded, said, scripted

from ringfence.platforms.asterisk import live
from ringfence.platforms.asterisk.ami import AmiError, Message
from ringfence.platforms.asterisk.live import Manager, Where


def success(action: Message) -> bytes:
    return said(("Response", "Success"), ("ActionID", action["actionid"]))


async def until(true: Callable[[], bool]) -> None:
    """Wait for something; the test's own time limit is asyncio's."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def connected(
    port: int, events: list[Message], joined: Callable[[Manager], Awaitable[None]] | None = None, secret: str = SECRET
) -> AsyncIterator[Manager]:
    async def nothing(manager: Manager) -> None:
        pass

    manager = Manager(Where("127.0.0.1", port, "guard", secret), events.append, joined or nothing)
    task = asyncio.get_running_loop().create_task(manager.run())
    try:
        yield manager
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(live, "LONGEST_PAUSE_S", 0.05)


def play(test: Callable[[Scripted, int], Awaitable[None]], answers: Callable[[Message], bytes | None]) -> None:
    async def run() -> None:
        async with scripted(answers) as (asterisk, port):
            await test(asterisk, port)

    asyncio.run(run())


def test_it_logs_in_by_challenge_and_never_sends_the_secret() -> None:
    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, []) as manager:
            await until(lambda: manager.up)
        assert [action["action"] for action in asterisk.actions[:2]] == ["Challenge", "Login"]
        assert SECRET not in repr(asterisk.actions)

    play(test, success)


def test_a_wrong_secret_is_told_and_tried_again_with_pauses() -> None:
    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, [], secret="wrong") as manager:
            await until(lambda: len(asterisk.actions) >= 6)
            assert "refuses guard" in manager.state or manager.state == "connecting"
            assert not manager.up
        assert asterisk.logins == 0

    play(test, success)


def test_answers_go_to_who_asked_though_they_come_in_another_order() -> None:
    waiting: list[Message] = []

    def answers(action: Message) -> bytes | None:
        waiting.append(action)
        if len(waiting) < 2:
            return None
        return b"".join(
            said(("Response", "Success"), ("ActionID", one["actionid"]), ("Message", one["channel"]))
            for one in reversed(waiting)
        )

    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, []) as manager:
            await until(lambda: manager.up)
            asked = [manager.ask("Hangup", ("Channel", channel)) for channel in ("PJSIP/1", "PJSIP/2")]
            found = await asyncio.gather(*asked)
        assert [answer.response["message"] for answer in found] == ["PJSIP/1", "PJSIP/2"]

    play(test, answers)


def test_a_list_is_given_whole_while_other_events_pass() -> None:
    def answers(action: Message) -> bytes | None:
        body = recorded("action-CoreShowChannels").partition(b"ActionID: 42")[2].replace(b"42", b"%b")
        text = b"Response: Success\r\nActionID: %b" + body
        named = text.replace(b"%b", action["actionid"].encode())
        first, _, rest = named.partition(b"\r\n\r\n")
        return first + b"\r\n\r\n" + said(("Event", "Hangup"), ("Channel", "PJSIP/9")) + rest

    async def test(asterisk: Scripted, port: int) -> None:
        events: list[Message] = []
        async with connected(port, events) as manager:
            await until(lambda: manager.up)
            answer = await manager.ask("CoreShowChannels")
        assert answer.ok
        assert [event["channel"][:12] for event in answer.events] == ["PJSIP/trunk1", "PJSIP/1001-0"]
        assert [event.event for event in events] == ["Hangup"]

    play(test, answers)


def test_an_answer_that_doesnt_come_is_an_error_and_leaves_nothing_behind() -> None:
    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, []) as manager:
            await until(lambda: manager.up)
            with pytest.raises(AmiError, match="no answer within"):
                await manager.ask("Status", timeout_s=0.05)
            assert not manager._asked

    play(test, lambda action: None)


def test_after_a_loss_it_connects_again_and_asks_again_what_is_up() -> None:
    joins: list[int] = []

    async def joined(manager: Manager) -> None:
        joins.append(len((await manager.ask("CoreShowChannels")).events))

    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, [], joined):
            await until(lambda: len(joins) == 1)
            asterisk.hang_up()
            await until(lambda: len(joins) == 2)
        assert asterisk.logins == 2

    play(test, success)


def test_who_waits_for_an_answer_hears_that_the_connection_is_gone() -> None:
    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, []) as manager:
            await until(lambda: manager.up)
            asked = asyncio.ensure_future(manager.ask("Status"))
            await until(lambda: asterisk.actions[-1]["action"] == "Status")
            asterisk.hang_up()
            with pytest.raises(AmiError, match="lost"):
                await asked
            await until(lambda: asterisk.logins == 2)
            with pytest.raises(AmiError, match="line end"):
                await manager.ask("Hangup", ("Channel", "PJSIP/1\r\nAction: Originate"))

    play(test, lambda action: None)


def test_one_that_is_gone_without_a_word_is_found_by_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_EVERY_S", 0.02)
    monkeypatch.setattr(live.Manager.ask, "__kwdefaults__", {"timeout_s": 0.05})

    async def test(asterisk: Scripted, port: int) -> None:
        async with connected(port, []):
            await until(lambda: asterisk.logins >= 2)

    play(test, lambda action: None)


def test_another_service_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(asterisk: Scripted, port: int) -> None:
        asterisk.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
        async with connected(port, []) as manager:
            await until(lambda: "no manager interface" in manager.state)

    play(test, success)
