"""Commands over the control socket."""

import asyncio
import socket
import stat
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ringfence.server.control import ControlError, ControlServer, ask


def refuse(_: dict[str, Any]) -> None:
    raise ControlError("no call n1-1; `ringfence calls` lists them")


def serving(path: Path, client: Any) -> Any:
    async def run() -> Any:
        server = ControlServer(path, {"echo": lambda arguments: arguments, "cut": refuse})
        await server.start()
        try:
            return await asyncio.to_thread(client)
        finally:
            await server.stop()

    return asyncio.run(run())


def test_a_command_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    assert serving(path, lambda: ask(path, "echo", n=1)) == {"n": 1}
    assert not path.exists()


def test_only_the_owner_may_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    assert serving(path, lambda: stat.S_IMODE(path.stat().st_mode)) & 0o177 == 0


@pytest.mark.parametrize(
    ("do", "text"),
    [("cut", "no call n1-1; `ringfence calls` lists them"), ("x", "unknown command 'x'; known: cut, echo")],
)
def test_what_cannot_be_done_says_why(tmp_path: Path, do: str, text: str) -> None:
    path = tmp_path / "control.sock"
    with pytest.raises(ControlError) as caught:
        serving(path, lambda: ask(path, do))
    assert str(caught.value) == text


def test_a_command_that_takes_long_holds_up_nobody_and_ends_with_the_guard(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def run() -> str:
        server = ControlServer(path, {"long": lambda _: asyncio.Event().wait(), "short": lambda _: "done"})
        await server.start()
        long = asyncio.ensure_future(asyncio.to_thread(ask, path, "long"))
        while not server._connections:
            await asyncio.sleep(0)
        assert await asyncio.to_thread(ask, path, "short") == "done"
        await server.stop()
        with pytest.raises(ControlError) as caught:
            await long
        return str(caught.value)

    assert "hung up: it is stopping" in asyncio.run(run())


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"do": 1}', b'{"do": "\xff"}'])
def test_rubbish_gets_an_error(tmp_path: Path, line: bytes) -> None:
    assert asyncio.run(ControlServer(tmp_path / "s", {}).answer(line)).startswith(b'{"ok":false')


def test_no_guard_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="start it with `ringfence serve`"):
        ask(tmp_path / "none.sock", "status")


def test_a_second_guard_is_refused_and_a_stale_socket_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def second() -> Any:
        with pytest.raises(ControlError, match="another guard answers"):
            asyncio.run(ControlServer(path, {}).start())
        return ask(path, "echo", first="still there")

    assert serving(path, second) == {"first": "still there"}
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    assert serving(path, lambda: ask(path, "echo")) == {}


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with pytest.raises(ControlError, match="is no socket"):
        asyncio.run(ControlServer(path, {}).start())
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/proc/ringfence/control.sock", "No such file or directory"),
        (f"/tmp/{'x' * 120}", "AF_UNIX path too long"),
    ],
)
def test_a_place_where_no_socket_can_be_is_said(path: str, why: str) -> None:
    with pytest.raises(ControlError) as caught:
        asyncio.run(ControlServer(Path(path), {}).start())
    assert str(caught.value) == f"control socket {path}: {why}; choose another `socket` under [control]"


def test_a_guard_that_hangs_up_or_is_silent_is_said(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(ControlError, match="does not answer: timed out"):
            ask(path, "status", timeout_s=0.01)
        with pytest.raises(ControlError, match="hung up: it is stopping, or you aren't its user"):
            Thread(target=lambda: [listener.accept()[0].close() for _ in range(2)]).start()
            ask(path, "status")
