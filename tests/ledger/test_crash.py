"""Killed in the middle: everything that was told committed is there, and the chain holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ledgerkit import Guard, guard

from ringfence.ledger.messages import messages
from ringfence.ledger.verify import verify
from ringfence.model import Ended, Fact

WRITER = """
import sys
from functools import partial
sys.path.insert(0, sys.argv[2])
from ledgerkit import Guard, story
from ringfence.ledger.segments import Message
owner = Guard(sys.argv[1])
waiting = 0
def tell(call, error):
    global waiting
    waiting -= 1
    print(call, error, flush=True)
for number in range(100_000):
    call = f"{sys.argv[3]}-{number}"
    for fact in story(call):
        waiting += 1
        owner.ledger.append(fact, partial(tell, call))
    message = Message(owner.clock.now(), call, call + "@pbx", "in 10.0.0.1:5060", b"INVITE sip:x SIP/2.0")
    owner.ledger.store_message(message)
    if number % 50 == 0:
        owner.ledger.write_snapshot({"engine": call.encode()}, owner.clock.now())
    owner.ledger.hurry()
    owner.loop.until(lambda: waiting < 100)
"""


def killed_after(lines: int, path: Path, run: int) -> list[str]:
    """Run a writer, kill it after so many lines; the calls of which it was told committed, as often as it was."""
    command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        told += [line for line in process.stdout if line.endswith("\n")]
    pairs = [line.split() for line in told]
    assert {error for _, error in pairs} == {"None"}
    return [call for call, _ in pairs]


def calls_of(owner: Guard) -> list[str]:
    return [call_of(fact) for _, fact in owner.ledger.replay(since_snapshot=False)]


def call_of(fact: Fact) -> str:
    return fact.attempt.id if hasattr(fact, "attempt") else fact.id  # type: ignore[union-attr]


def test_killed_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    told: list[str] = []
    for run, lines in enumerate((1, 100, 1000, 331)):
        told += killed_after(lines, path, run)
        found = verify(path)
        assert found.broken is None
        with guard(path) as owner:
            kept = calls_of(owner)
            missing = set(told) - set(kept)
            assert not missing
            assert all(kept.count(call) >= told.count(call) for call in set(told[-50:]))
            snapshot = owner.ledger.load_snapshot()
            tail = [call_of(fact) for _, fact in owner.ledger.replay()]
            assert tail == kept[len(kept) - len(tail) :]
            if snapshot is not None:  # The state is that after the call it names.
                at = snapshot.state["engine"].decode()
                assert at in kept
                assert at not in tail
        assert verify(path).broken is None


def test_messages_outlive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    told = killed_after(4000, path, 0)
    with guard(path):
        pass
    found = verify(path)
    assert found.broken is None
    segments = list((tmp_path / "l.messages").glob("*.seg"))
    assert found.segments == len(segments)
    assert not list((tmp_path / "l.messages").glob("*.open"))
    for segment in segments:
        kept = list(messages(segment.parent, told[0]))
        assert [message.data for message in kept] == [b"INVITE sip:x SIP/2.0"]


def test_an_end_says_the_last_that_was_told(tmp_path: Path) -> None:
    told = killed_after(300, tmp_path / "l.db", 0)
    with guard(tmp_path / "l.db") as owner:
        ended = [fact.id for _, fact in owner.ledger.replay(since_snapshot=False) if isinstance(fact, Ended)]
    assert [call for call in dict.fromkeys(told) if told.count(call) == 3] == ended[: len(told) // 3]
