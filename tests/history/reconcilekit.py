"""A ledger of some calls, made by the engine itself, and what a carrier writes of them."""

from __future__ import annotations

from pathlib import Path

from historykit import LONDON, START, iso, policy

from ringfence.engine.engine import Engine
from ringfence.history.reconcile.bill import Billed
from ringfence.ledger.ledger import Ledger
from ringfence.model import SECOND, Answered, Attempt, Decided, Ended, Fact
from ringfence.model.settings import Ledger as Settings
from ringfence.model.settings import Policy

LINES = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\nbilling = { rates = "rates.csv" }\n'
RING_S = 5
HEADER = "Connect Time,Called Number,Duration (s),Charge,Call ID"
LONDON_E164 = "+442079460018"


class Book:
    """A policy, and the facts of calls under it."""

    def __init__(self, folder: Path, lines: str = LINES) -> None:
        self.folder = folder
        self.policy: Policy = policy(folder, lines)
        self.engine = Engine(self.policy, "n1")
        self.facts: list[Fact] = []
        self.ledgers = 0

    def call(
        self, name: str, after_s: float, talk_s: float = 0, dialled: str = LONDON, *, trunk: str = "carrier"
    ) -> None:
        """A call that is decided so long after noon; it rings, and is answered if it has talk."""
        at = START + int(after_s * SECOND)
        decided = self._decided(name, at, dialled, trunk)
        self.facts.append(decided)
        if decided.verdict.outcome != "allow":
            return
        answer = at + RING_S * SECOND
        if talk_s:
            self.facts.append(Answered(at=answer, id=name, leg="t1"))
        end = answer + int(talk_s * SECOND)
        cause = "bye-caller" if talk_s else "no-answer"
        self.facts.append(Ended(at=end, id=name, leg="t1" if talk_s else "", cause=cause))

    def _decided(self, name: str, at: int, dialled: str, trunk: str) -> Decided:
        attempt = Attempt(
            id=name,
            call_id=f"{name}@pbx",
            listener="inside",
            peer="127.0.0.2:5060",
            source="pbx",
            verified="address",
            caller="+12125550100",
            extension="101",
            dialled=dialled,
            trunk=trunk,
        )
        judgement = self.engine.judge(attempt, now=at)
        reading = self.engine.meters.reserve(judgement.hold, now=at)
        verdict = self.engine.conclude(judgement, reading)
        return Decided(
            at=at, attempt=attempt, hold=judgement.hold, reading=reading, verdict=verdict, policy="p", numbers="n"
        )

    def written(self) -> Path:
        """A ledger with all of it."""
        self.ledgers += 1
        path = self.folder / f"ledger-{self.ledgers}.db"
        ledger = Ledger.open(Settings(path=str(path)), "n1", wake=lambda call: call(), clock=lambda: START)
        for fact in sorted(self.facts, key=lambda fact: fact.at):
            ledger.append(fact)
        ledger.close()
        return path


def answered(after_s: float) -> str:
    """When a call that is decided so long after noon is answered, as the carrier writes it."""
    return iso(START + int((after_s + RING_S) * SECOND))


def line(after_s: float, seconds: int, cost: str = "", number: str = LONDON_E164, call_id: str = "") -> str:
    """The carrier's row for it."""
    return f"{answered(after_s)},{number},{seconds},{cost},{call_id}"


def bill(folder: Path, *lines: str, header: str = HEADER) -> Path:
    """The carrier's file."""
    path = folder / "bill.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def billed(after_s: float, seconds: int, micros: int = -1, number: str = LONDON_E164) -> Billed:
    """The same as it is read."""
    at = START + int((after_s + RING_S) * SECOND)
    return Billed(f"bill:{after_s:g}", at, True, seconds, number, "", micros, f"bill:{after_s:g}")
