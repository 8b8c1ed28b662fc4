"""Sums are bounded, are of the site's days, and are the same from however many parts they are put together."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from historykit import LONDON, RIGA, policy, record

from ringfence.history import again, sums
from ringfence.history.again import Numbers
from ringfence.history.placing import Placing
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Summary
from ringfence.history.sums import Sum, under, worst

HOUR = 3600


@pytest.fixture
def judged(tmp_path: Path) -> list[Judged]:
    """Refused, observed and allowed calls of three days."""
    loaded = policy(tmp_path, '[trunk.carrier]\nbilling = { rates = "rates.csv" }\npermit = ["US", "GB"]\n')
    calls = [record(f"c{n}", n * 5 * HOUR, (RIGA, LONDON)[n % 2], 60 * n, extension=f"{n % 3}") for n in range(15)]
    return list(Replay(loaded, Placing(loaded)).run(calls))


def summed(judged: list[Judged], zone: str = "America/New_York") -> Summary:
    summary = Summary(zone=zone, shown=4)
    for one in judged:
        summary.add(one)
    return summary


def test_days_and_hours_are_those_of_the_site(judged: list[Judged]) -> None:
    here, there = summed(judged[:1]), summed(judged[:1], "Asia/Kathmandu")
    assert (list(here.by_day), list(here.by_hour)) == (["2026-11-27"], [12])
    assert (list(there.by_day), list(there.by_hour)) == (["2026-11-27"], [22])
    assert list(summed(judged[:1], "Pacific/Auckland").calls_by_day) == ["2026-11-28"]


@pytest.mark.parametrize("cut", [0, 1, 7, 15])
def test_parts_put_together_are_the_whole(cut: int, judged: list[Judged]) -> None:
    part, rest = summed(judged[:cut]), summed(judged[cut:])
    for other in (rest, msgspec.msgpack.decode(msgspec.msgpack.encode(rest), type=Summary)):
        both = msgspec.convert(msgspec.to_builtins(part), Summary)
        both.merge(other)
        assert both == summed(judged)


def test_a_table_that_is_full_sums_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MAX_HEADINGS", 2)
    table: dict[str, Sum] = {}
    for name in ("a", "b", "c", "d", "a"):
        under(table, name).refused += 1
    assert {name: found.refused for name, found in table.items()} == {"a": 2, "b": 1, "(others)": 2}


def test_the_worst_have_most_money_then_most_calls() -> None:
    table = {"a": Sum(5, 0, 10), "b": Sum(1, 0, 20), "c": Sum(2, 9, 10), "d": Sum(2, 9, 10)}
    assert [name for name, _ in worst(table, 3)] == ["b", "c", "d"]


def test_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "MAX_NUMBERS", 2)
    monkeypatch.setattr(again, "MAX_DAYS", 3)
    numbers = Numbers()
    assert numbers._of("pbx", "1", "+1", "r") is not None
    assert numbers._of("pbx", "2", "+2", "r") is not None
    assert numbers._of("pbx", "3", "+3", "r") is None
    kept = numbers._of("pbx", "1", "+1", "r")
    assert kept is not None
    for day in range(9):
        kept.add(str(day), "x" * 500, 60, 1, observed=False)
    assert (len(numbers.found), numbers.over, len(kept.days), kept.calls) == (2, 1, 3, 9)
    assert all(len(name) <= 64 for name in kept.extensions)


def test_without_calls_to_show_only_often_called_numbers_are_kept(judged: list[Judged]) -> None:
    summary = Summary()
    for one in judged:
        summary.add(one)
    assert summary.total.refused == 8
    assert not summary.examples
    assert summary.numbers.doubtful() == (8, 28_350_000)
