"""`make try`: SIPp plays a PBX and a carrier, and places telling calls through the guard that `make run` started.

    PBX (SIPp) ──► guard ──► carrier (SIPp)

Each call is shown with what was dialled, what number that is, the verdict and its reason from the ledger, and what the
PBX got as answer on the wire. Nothing leaves this machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ringfence.cli.tables import coloured, console, show
from ringfence.errors import RingfenceError
from ringfence.ledger.reading import Reader
from ringfence.model import Decided
from ringfence.model.settings import Policy, Source, Trunk
from ringfence.policy import Loader
from ringfence.server.control import ask
from ringfence.sip.uri import parse_uri
from ringfence.testing import scenarios
from ringfence.testing.process import ProcessError, listens, polls
from ringfence.testing.sipp import Sipp, Statistics, callee, caller
from ringfence.testing.wire import Address, host_port

OWN, FOREIGN = "+12125550100", "+442079460000"
HELD_MS = 4_000


class Telling(NamedTuple):
    """One call, or several, and what it shows."""

    what: str
    dialled: str
    callers: tuple[str, ...] = (OWN,)


TELLING = (
    Telling("a permitted call, answered and hung up", "2125550123"),
    Telling("Cuba, dialled by 011", "0115372041000"),
    Telling("a premium number", "19005551234"),
    Telling("Baton Rouge: area code 225", "12255550123"),
    Telling("Ivory Coast: country code 225", "0112250123456789"),
    Telling("Jamaica, dialled as if at home", "18765550123"),
    Telling("a caller ID that isn't owned", "2125550123", (FOREIGN,)),
)
EMERGENCY = Telling("emergency, while every cap is full", "911", ("101",))
BURST = "a burst over the cap"


class Stage:
    """The running guard, and the two parties played beside it."""

    def __init__(self, policy: Path, directory: Path) -> None:
        self.policy: Policy = Loader(str(policy)).load().policy
        self.source: Source = next(iter(self.policy.sources.values()))
        self.trunk: Trunk = self.policy.trunks[self.source.trunks[0]]
        self.directory = directory
        self.control = Path(self.policy.control)
        self._count = 0

    def guard(self) -> Address:
        """Where the guard listens for the PBX."""
        try:
            shown = ask(self.control, "status")["sockets"][self.source.listen]["address"]
        except RingfenceError as error:
            raise RingfenceError(f"{error}\nStart the guard first: `make run` in another terminal.") from None
        host, _, port = shown.rpartition(":")
        return host.strip("[]"), int(port)

    def carrier(self) -> Sipp:
        """The carrier, where the policy says it is; it answers every call."""
        uri = parse_uri(self.trunk.send_to[0].encode())
        port = uri.port or 5060
        if listens(port, uri.host):
            where = host_port((uri.host, port))
            raise RingfenceError(f"no carrier can be played at {where} (send_to): another program has this UDP port")
        return callee(scenarios.callee(), self.directory, host=uri.host, port=port)

    def call(self, telling: Telling, calls: int = 1, talk_ms: int = 300) -> Sipp:
        """The PBX begins to call."""
        self._count += 1
        return caller(
            scenarios.caller(),
            self.directory,
            self.guard(),
            calls=calls,
            rate=calls,
            numbers=[(telling.dialled, shown) for shown in telling.callers],
            talk_ms=talk_ms,
            name=f"pbx{self._count}",
            host=self.source.addresses[0].partition("/")[0],
        )

    def written(self) -> int:
        """Number of the last entry in the guard's ledger."""
        with Reader(self.policy.ledger.path) as reader:
            return reader.last()

    def verdict(self, telling: Telling, after: int) -> Decided:
        """The last verdict on what was dialled, of those that come after an entry; a refusal is written in a moment."""
        with Reader(self.policy.ledger.path) as reader:
            for _ in polls(5.0):
                for call in reader.calls(limit=50):
                    if call.seq > after and call.decided.attempt.dialled == telling.dialled:
                        return call.decided
        raise RingfenceError(f"the guard decided nothing about {telling.dialled}: is it the one of this policy?")


def answer(counted: Statistics) -> str:
    """What the PBX got, in words."""
    refused = [name.removeprefix("refused_") for name, count in counted.counters.items() if count and "refused" in name]
    found = ["200 OK"] * bool(counted["answered"]) + refused
    return ", ".join(found) or "none"


def play(stage: Stage) -> Iterator[tuple[object, ...]]:
    """Place the calls one after the other; gives the rows of the table."""
    for telling in TELLING:
        before = stage.written()
        with stage.call(telling) as pbx:
            yield _row(stage, telling, before, answer(pbx.finish(20)))
    yield from _full(stage)


def _full(stage: Stage) -> Iterator[tuple[object, ...]]:
    """A burst that fills the cap, and an emergency call meanwhile."""
    cap = stage.trunk.bounds.caps.concurrent.block or 5
    extensions = tuple(f"+1212555{number:04}" for number in range(100, 110))
    burst = Telling(f"{BURST} of {cap} calls: {cap * 2} at once", "2125550143", extensions)
    before = stage.written()
    with stage.call(burst, calls=cap * 2, talk_ms=HELD_MS) as pbx:
        time.sleep(1.5)  # The calls that passed are talking, the others were refused.
        with stage.call(EMERGENCY) as phone:
            row = _row(stage, EMERGENCY, before, answer(phone.finish(20)))
        counted = pbx.finish(30)
    refused = sum(count for name, count in counted.counters.items() if "refused" in name)
    told = f"{counted['answered']} times 200 OK, {refused} times 480"
    yield _row(stage, burst, before, told)
    yield row


def _row(stage: Stage, telling: Telling, before: int, answered: str) -> tuple[object, ...]:
    verdict = stage.verdict(telling, before).verdict
    number = verdict.destination.number.e164
    shown = f"+{number}" if number and not verdict.emergency else number
    return telling.what, telling.dialled, shown, coloured(verdict.outcome), verdict.reason, answered


def main(policy: Path) -> int:
    """Play all of it against the guard that runs with this policy."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(policy, Path(folder))
        host, port = stage.guard()
        print(f"The guard is at {host}:{port}; SIPp plays PBX {stage.source.name} and carrier {stage.trunk.name}.")
        with stage.carrier():
            rows = list(play(stage))
        show(("call", "dialled", "E.164", "verdict", "reason", "answer to the PBX"), rows)
    print("\nEach of them is in the ledger:  .venv/bin/ringfence log    and why:  .venv/bin/ringfence explain ID")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except (RingfenceError, ProcessError) as problem:
        console(stderr=True).print(str(problem), style="red", markup=False)
        sys.exit(2)
