"""A whole guard in this process: what it says where it can't start, what it does by itself, and what it leaves."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from servekit import POLICY, policy_file

from ringfence.cli.app import main
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.reading import Reader
from ringfence.ledger.verify import verify
from ringfence.model import PolicyChanged
from ringfence.model import settings as model
from ringfence.policy import load
from ringfence.server import serve as life
from ringfence.server.control import ask
from ringfence.server.serve import Options, Server, serve
from ringfence.testing.process import polls

DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A guard sets up its process for itself; the next test gets it back, with a log that pytest hears."""
    logger, interval = logging.getLogger("ringfence"), sys.getswitchinterval()
    yield
    gc.unfreeze()
    sys.setswitchinterval(interval)
    logger.handlers[:] = []
    logger.propagate = True


def serving(policy: Path, client: Callable[[Server], Any]) -> Any:
    """What a client finds that talks to a running guard; the guard is told to stop when it has."""

    def ready(server: Server) -> None:
        async def talk() -> Any:
            try:
                return await asyncio.to_thread(client, server)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        talks.append(asyncio.get_running_loop().create_task(talk()))

    talks: list[asyncio.Task[Any]] = []
    serve(Options(policy, False, "n1"), ready)
    return talks[0].result()


# --- what it says where it can't start ------------------------------------------------------------------------------


def refused(policy: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `ringfence serve` says on stderr, without its log, where it doesn't start."""
    with pytest.raises(SystemExit) as left:
        main(["serve", "--policy", str(policy), "--node", "n1"])
    assert left.value.code == 2
    found = capsys.readouterr()
    assert found.out == ""
    return [line for line in found.err.splitlines() if " info " not in line]


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        listen = '[listen.inside]\nbind = "{}"'.format
        (said,) = refused(policy_file(tmp_path, listen("127.0.0.1:0"), listen(taken)), capsys)
    assert f"UDP {taken} can't be opened: another program has this port" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.toml", "rates.csv"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("127.0.0.1:0", "192.0.2.1:0", "UDP 192.0.2.1:0 can't be opened: this machine has no such address"),
        (
            "HERE/control.sock",
            "/proc/x/control.sock",
            "control socket /proc/x/control.sock: No such file or directory;",
        ),
        ("HERE/control.sock", "HERE/policy.toml", "policy.toml exists and is no socket; remove it"),
        ("HERE/state", "/proc/x", "ledger directory /proc/x: No such file or directory; choose another path"),
    ],
    ids=["address", "control", "control a file", "ledger"],
)
def test_a_place_that_cant_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, says: str
) -> None:
    (said,) = refused(policy_file(tmp_path, old, new), capsys)
    assert says in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ledger.secret", "ledger.secret: has 8 bytes instead of 32; remove it, a new one is made"),
        ("ledger.key", "ledger.key: not a usable signing key"),
    ],
)
def test_a_file_beside_the_ledger_that_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, says: str
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / name).write_text("rubbish\n")
    policy = policy_file(tmp_path)
    (said,) = refused(policy, capsys)
    assert says in said
    (tmp_path / "state" / name).unlink()
    assert serving(policy, lambda server: server.ledger.down) is None  # Nothing else stands in its way.


def test_a_ledger_of_another_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = policy_file(tmp_path)
    settings = model.Ledger(path=str(tmp_path / "state" / "ledger.db"))
    Ledger.open(settings, "elsewhere", wake=lambda call: call(), clock=lambda: 1).close()
    (said,) = refused(policy, capsys)
    assert "belongs to node elsewhere, this is n1; give each node a path of its own" in said


def test_a_policy_with_mistakes_is_told_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = policy_file(tmp_path, 'zone = "internal"', 'zone = "intern"\nadress = ["127.0.0.1"]')
    said = refused(policy, capsys)
    line = POLICY.splitlines().index('zone = "internal"') + 1
    assert [one.partition(" ")[0] for one in said] == [f"{policy}:{line}:", f"{policy}:{line + 1}:"]
    assert '"internal"' in said[0]
    assert "addresses" in said[1]


@pytest.mark.parametrize(("name", "says"), [("none.toml", "there is no such file"), ("state", "is a directory")])
def test_no_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, says: str) -> None:
    (tmp_path / "state").mkdir()
    (said,) = refused(tmp_path / name, capsys)
    assert says in said


# --- what it does ---------------------------------------------------------------------------------------------------


def test_it_tells_where_it_is_and_leaves_nothing_open(tmp_path: Path) -> None:
    policy = policy_file(tmp_path)
    open_before = sorted(os.listdir("/proc/self/fd"))

    def look(server: Server) -> Any:
        return ask(tmp_path / "control.sock", "status")

    found = serving(policy, look)
    assert found["ledger"] == {
        "path": str(tmp_path / "state" / "ledger.db"),
        "state": "writing",
        "oldest_pending_us": found["ledger"]["oldest_pending_us"],
    }
    assert sorted(found["sockets"]) == ["inside", "outside"]
    assert not any(socket["address"].endswith(":0") for socket in found["sockets"].values())
    assert not (tmp_path / "control.sock").exists()
    assert sorted(os.listdir("/proc/self/fd")) == open_before
    assert verify(tmp_path / "state" / "ledger.db").broken is None


def test_what_is_older_than_keep_days_goes_by_itself(tmp_path: Path) -> None:
    policy = policy_file(tmp_path, 'ledger.db"', 'ledger.db"\nkeep_days = 30')
    now = life.Clock().now()
    with Site(tmp_path, now - 31 * DAY_US) as old:
        old.append(PolicyChanged(at=now - 31 * DAY_US, version="old", by="test"))
    with Site(tmp_path, now - 29 * DAY_US) as kept:
        kept.append(PolicyChanged(at=now - 29 * DAY_US, version="kept", by="test"))
        kept.write_snapshot({}, now)

    def purged(server: Server) -> list[str]:
        for _ in polls(20.0):
            with Reader(server.ledger.path) as reader:
                changes = [one.entry.version for one in reader.log(kinds=["policy-changed"])]  # type: ignore[union-attr]
                if "old" not in changes and len(changes) == 2:
                    break
        return changes

    assert serving(policy, purged) == ["kept", load(str(policy)).version]
    assert verify(tmp_path / "state" / "ledger.db").broken is None


class Site:
    """The ledger of the site as a guard wrote it at another time."""

    def __init__(self, directory: Path, at: int) -> None:
        settings = model.Ledger(path=str(directory / "state" / "ledger.db"))
        self._ledger = Ledger.open(settings, "n1", wake=lambda call: call(), clock=lambda: at)

    def __enter__(self) -> Ledger:
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()


def test_a_snapshot_is_taken_each_minute_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_file(tmp_path)
    snapshots = tmp_path / "state" / "ledger.snapshots"

    def taken(server: Server) -> bool:
        if any(snapshots.glob("*")):
            return False
        server._snapshot_at = 0  # A minute is over.
        return any(any(snapshots.glob("*.snapshot")) for _ in polls(20.0))

    def none_yet(server: Server) -> bool:
        return not any(snapshots.glob("*"))

    assert serving(policy, taken)
    for path in snapshots.iterdir():
        path.unlink()
    assert serving(policy, none_yet)
    assert len(list(snapshots.glob("*.snapshot"))) == 1


def test_a_purge_that_fails_is_said(caplog: pytest.LogCaptureFixture) -> None:
    failed: Future[int] = Future()
    failed.set_exception(OSError("the disk is full"))
    life._purged(failed)
    assert "old facts could not be purged: the disk is full" in caplog.text


def test_a_cut_of_a_call_that_isnt_there_says_where_the_others_are(tmp_path: Path) -> None:
    policy = policy_file(tmp_path)

    def cut(server: Server) -> str:
        with pytest.raises(life.ControlError) as caught:
            ask(tmp_path / "control.sock", "cut", id="n1-1")
        return str(caught.value)

    assert serving(policy, cut) == "no call 'n1-1' is in progress; `ringfence calls` lists them"
