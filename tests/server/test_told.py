"""What is told of calls that were redirected: by id or Call-ID, each once, and nothing of others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from servekit import NOON, RATES, decide, policy_file

from ringfence.engine.engine import Engine
from ringfence.policy import Loader
from ringfence.server.control import ControlError
from ringfence.server.guard import Guard
from ringfence.server.told import cut, ended


class Told:
    """A guard as far as it is told of."""

    def __init__(self, directory: Path, old: str = "", new: str = "") -> None:
        path = policy_file(directory, old, new)
        (directory / "rates.csv").write_text(RATES)
        self.engine = Engine(Loader(str(path)).load().policy, "n1")
        self.over: list[tuple[str, int]] = []

    def ended(self, call: str, talked_s: int) -> None:
        self.over.append((call, talked_s))

    def tell(self, *calls: dict[str, Any]) -> dict[str, int]:
        return ended(cast("Guard", self), {"calls": list(calls)})


@pytest.fixture
def guard(tmp_path: Path) -> Told:
    made = Told(tmp_path, 'trunks = ["carrier"]', 'trunks = ["carrier"]\nredirect = {}')
    for call in ("a", "b"):
        decide(made.engine, call, NOON, "12125550143")
    return made


def test_by_id_or_call_id_and_each_once(guard: Told) -> None:
    rows = [("a", 5), ("b@pbx", 0), ("a@pbx", 7), ("c", 1)]
    assert guard.tell(*({"call": call, "talked_s": talked_s} for call, talked_s in rows)) == {"ended": 2, "unknown": 2}
    assert guard.over == [("a", 5), ("b", 0)]


def test_a_call_that_passes_through_is_left_alone(tmp_path: Path) -> None:
    guard = Told(tmp_path)
    decide(guard.engine, "a", NOON, "12125550143")
    assert guard.tell({"call": "a", "talked_s": 5}) == {"ended": 0, "unknown": 1}
    through = SimpleNamespace(engine=guard.engine, cut=lambda call, leg, cause: call == "a")
    assert cut(cast("Guard", through), {"id": "a"}) == "call a is being ended"
    with pytest.raises(ControlError, match="no call 'b'"):
        cut(cast("Guard", through), {"id": "b"})


@pytest.mark.parametrize(
    "calls", [None, [{"call": "a"}], [{"call": "a", "talked_s": -1}], [{"call": "a", "talked_s": 10**7}], ["a"]]
)
def test_what_cannot_be_meant_is_refused(guard: Told, calls: Any) -> None:
    with pytest.raises(ControlError):
        ended(cast("Guard", guard), {"calls": calls})
    assert guard.over == []


def test_it_says_why_a_redirected_call_cannot_be_cut(guard: Told) -> None:
    with pytest.raises(ControlError, match=r"was redirected.*calls ended"):
        cut(cast("Guard", SimpleNamespace(engine=guard.engine)), {"id": "a"})
