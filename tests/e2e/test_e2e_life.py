"""The life of a guard: start, reload, stop, and what it says where it can't start."""

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rig import INCREMENT, NUMBER, Meters, Site, site

from ringfence.testing.guard import CARRIER, GUARD, PBX, SAME_SOURCES, Guard
from ringfence.testing.peer import answer_ok
from ringfence.testing.wire import host_port

pytestmark = pytest.mark.e2e

JAMAICA = "+18762101230"
PERMIT = 'permit = ["US", "CA", "GB"]'
WITH_JAMAICA = 'permit = ["US", "CA", "GB", "JM"]'
NOBODY = 65_534


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path) as running:
        yield running


@pytest.fixture
def other(tmp_path_factory):
    """A second guard, on ports and in a directory of its own; not started."""
    guard = Guard(tmp_path_factory.mktemp("other"), (PBX, 5060), (CARRIER, 5060))
    with contextlib.ExitStack() as end:
        end.push(guard.__exit__)
        yield guard


# --- start ----------------------------------------------------------------------------------------------------------


def test_it_says_where_it_listens_and_whom_it_knows(stage):
    said, guard = stage.guard.process.said(), stage.guard
    inside, outside = host_port(guard.inside), host_port(guard.outside)
    assert f"ready: inside {inside}, outside {outside}; 1 trunks, 1 sources" in said
    for line in (
        f"listens    inside: UDP {inside}",
        f"trunk      carrier: to sip:{host_port(stage.carrier.address)} through outside; permits CA, GB, US",
        f"source     pbx: from {PBX}/32 on inside, over carrier",
        "ledger     state/ledger.db",
        f"policy     {guard.policy}",
        "Next: `ringfence status`",
    ):
        assert line in said
    assert said.index("Next:") < said.index("serve: ready")


def test_what_it_writes_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    """But for the signed head, which is made to be sent away."""
    guard = Guard(tmp_path, (PBX, 5060), (CARRIER, 5060))
    with guard:
        guard.process.end()
        guard.start("sh", "-c", 'umask 0; exec "$@"', "sh")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (guard.control, *_files(tmp_path / "state"))}
    loose = {name: oct(mode) for name, mode in modes.items() if mode & 0o077 and name != "ledger.head"}
    assert loose == {}
    assert modes["control.sock"] == 0o600
    assert {"ledger.db", "ledger.key", "ledger.secret", "ledger.lock"} <= modes.keys()


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_port_that_is_taken_is_named_and_nothing_is_left_behind(stage, other):
    other.edit(host_port(other.inside), host_port(stage.guard.inside))
    process = other.start(ready=False)
    assert process.wait(20) == 2
    said = process.said()
    assert f"UDP {host_port(stage.guard.inside)} can't be opened: another program has this port" in said
    assert "--free-port" in said
    assert "Traceback" not in said
    assert not (other.directory / "state").exists()
    assert not other.control.exists()


def test_with_free_port_it_takes_the_next(stage, other):
    other.edit(host_port(other.inside), host_port(stage.guard.inside))
    other.start(options=["--free-port"])
    address = other.status()["sockets"]["inside"]["address"]
    assert address.startswith(f"{GUARD}:")
    assert int(address.rpartition(":")[2]) > stage.guard.inside[1]
    assert f"inside {address}" in other.process.said()


def test_two_guards_cannot_write_one_ledger(stage, other):
    other.edit("state/ledger.db", str(stage.guard.directory / "state" / "ledger.db"))
    process = other.start(ready=False)
    assert process.wait(20) == 2
    assert f"process {stage.guard.process.pid} writes this ledger already; stop it first" in process.said()
    assert "Traceback" not in process.said()
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)


def test_two_guards_cannot_have_one_control_socket(stage, other):
    other.edit("control.sock", str(stage.guard.control))
    process = other.start(ready=False)
    assert process.wait(20) == 2
    assert f"another guard answers at {stage.guard.control}" in process.said()
    assert stage.guard.status()["calls"] == 0


def test_a_policy_with_mistakes_is_told_whole_and_nothing_is_touched(other):
    other.edit(PERMIT, 'permitt = ["US"]\nwhen_down = "never"')
    process = other.start(ready=False)
    assert process.wait(20) == 2
    said = process.said()
    assert re.search(r"policy\.toml:\d+: .*permitt.*permit", said), said
    assert re.search(r"policy\.toml:\d+: .*when_down", said), said
    assert sorted(path.name for path in other.directory.iterdir()) == ["guard1.out", "policy.toml", "rates.csv"]


@pytest.fixture
def unprivileged():
    """How to start a program without root, and a directory that it may write to."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        if os.getuid() != 0:
            yield (), directory
            return
        os.chown(directory, NOBODY, NOBODY)
        wrapper = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")
        probe = [*wrapper, sys.executable, "-c", "import ringfence"]
        tried = subprocess.run(
            probe, cwd=directory, env={**os.environ, **SAME_SOURCES}, capture_output=True, check=False
        )
        if tried.returncode != 0:
            pytest.skip("nobody but root can read this Python or these sources")
        yield wrapper, directory


def test_it_needs_no_root(unprivileged):
    wrapper, directory = unprivileged
    with site(directory, start=False) as stage:
        process = stage.guard.start(*wrapper)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"^CapEff:\s*0+$", status, re.MULTILINE)
        assert re.search(r"^Uid:\s*[1-9]", status, re.MULTILINE)
        _, dialog, _ = stage.connect()
        stage.hang_up(dialog, stage.carrier)
        assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


# --- stop -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_calls_go_on_when_it_stops_and_end_when_it_is_back(stage, number):
    _, ended, _ = stage.connect()
    _, _, hung_up_by_callee = stage.connect()
    stage.connect()
    process = stage.guard.process
    process.signal(number)
    assert process.wait(10) == 0
    assert "stopping; calls in progress go on" in process.said()
    assert not stage.guard.control.exists()
    assert stage.pbx.heard(0.2) + stage.carrier.heard(0.2) == []
    _verified(stage)

    stage.guard.start()
    assert "recovered 3 calls in progress" in stage.guard.process.said()
    assert stage.meters() == Meters(3, 3, 3 * INCREMENT)
    stage.hang_up(ended, stage.carrier)
    stage.hang_up(hung_up_by_callee, stage.pbx)
    (left,) = stage.calls()
    assert stage.guard.cli("calls", "cut", left["id"], "--control", str(stage.guard.control)).returncode == 0
    for side in (stage.pbx, stage.carrier):
        answer_ok(side, side.expect("BYE"))
    assert stage.settled(Meters(0, 3, 3 * INCREMENT)) == Meters(0, 3, 3 * INCREMENT)


def test_a_call_that_rings_through_a_restart_is_answered_after_it(stage):
    made = stage.dial()
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    assert stage.guard.process.end() == 0
    stage.guard.start()
    assert stage.meters() == Meters(1, 1, INCREMENT)
    dialog, _ = stage.answer(made, offered)
    stage.hang_up(dialog, stage.carrier)
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_what_was_spent_still_counts_after_a_restart(tmp_path):
    """Stopping and starting doesn't fill a cap anew."""
    with site(tmp_path, trunk="calls_per_day = { block = 1 }") as stage:
        _, dialog, _ = stage.connect()
        stage.hang_up(dialog, stage.carrier)
        stage.guard.process.end()
        stage.guard.start()
        assert stage.refused(stage.dial()).status == 480
        assert stage.carrier.heard(0.1) == []


def _verified(stage: Site) -> None:
    done = stage.guard.cli("ledger", "verify", "--ledger", "state/ledger.db")
    assert (done.returncode, "intact" in done.stdout) == (0, True), done.stdout + done.stderr


# --- reload ---------------------------------------------------------------------------------------------------------


def hang_up_signal(stage: Site) -> str:
    """SIGHUP, and what the log says of it."""
    before = len(stage.guard.process.said())
    stage.guard.process.signal(signal.SIGHUP)
    stage.guard.process.until(lambda: "in force" in stage.guard.process.said()[before:], "word about the policy")
    return stage.guard.process.said()[before:]


def reload_command(stage: Site) -> str:
    """`ringfence reload`, and what it says."""
    done = stage.guard.cli("reload", "--control", str(stage.guard.control))
    assert done.returncode == (0 if "is in force" in done.stdout else 2)
    return done.stdout + done.stderr


ways = pytest.mark.parametrize("reload", [hang_up_signal, reload_command], ids=lambda way: way.__name__)


@ways
def test_a_good_file_holds_from_the_next_call_on(stage, reload):
    _, dialog, _ = stage.connect()
    assert stage.refused(stage.dial(JAMAICA)).status == 603
    stage.guard.edit(PERMIT, WITH_JAMAICA)
    assert stage.refused(stage.dial(JAMAICA)).status == 603
    assert re.search(r"policy [0-9a-f]{12} is in force", reload(stage))
    stage.offered(stage.dial(JAMAICA)).refuse(486)
    stage.guard.edit(WITH_JAMAICA, 'permit = ["CA"]')
    reload(stage)
    assert stage.refused(stage.dial(NUMBER)).status == 603
    stage.hang_up(dialog, stage.carrier)
    entries = stage.guard.cli("log", "--ledger", "state/ledger.db", "--kind", "policy-changed", "--json").stdout
    assert len(entries.splitlines()) == 3  # The first at the start.


@ways
def test_a_bad_file_changes_nothing_and_is_told_with_file_line_and_key(stage, reload):
    version = stage.guard.status()["policy"]
    stage.guard.edit(PERMIT, 'permitt = ["CA"]\nring_limit_s = "long"')
    line = stage.guard.policy.read_text().splitlines().index('permitt = ["CA"]') + 1
    said = reload(stage)
    assert "the policy has mistakes, the one before stays in force" in said
    assert re.search(rf"policy\.toml:{line}: .*permitt.*permit", said), said
    assert re.search(rf"policy\.toml:{line + 1}: .*ring_limit_s", said), said
    assert stage.guard.status()["policy"] == version
    stage.offered(stage.dial(NUMBER)).refuse(486)
    stage.guard.edit('permitt = ["CA"]\nring_limit_s = "long"', WITH_JAMAICA)
    assert "is in force" in reload(stage)
    stage.offered(stage.dial(JAMAICA)).refuse(486)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('path = "state/ledger.db"', 'path = "elsewhere/ledger.db"', "ledger.path"),
        ("control.sock", "other.sock", "control.socket"),
        (f"{GUARD}:", "127.0.0.9:", "listen.inside"),
    ],
    ids=["ledger", "control", "listen"],
)
def test_what_cannot_change_while_it_runs_is_said(stage, old, new, key):
    stage.guard.edit(old, new)
    said = reload_command(stage)
    assert f"{key} can't change while the guard runs" in said
    assert "restart it" in said
    stage.offered(stage.dial(NUMBER)).refuse(486)
    assert not (stage.guard.directory / "elsewhere").exists()
