"""Nobody fills our disk: whatever strangers send, a day costs a bounded number of bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import START, Clock, guard

from ringfence.ledger import strangers
from ringfence.ledger.records import encode
from ringfence.ledger.strangers import DAY_US, PERIOD_US, StrangerQuota
from ringfence.model import Strangers


def row(at: int, address: str, requests: dict[str, int] | None = None, listener: str = "outside") -> Strangers:
    return Strangers(at=at, listener=listener, address=address, requests=requests or {"OPTIONS": 1})


def total(rows: list[Strangers]) -> Counter[str]:
    return sum((Counter(found.requests) for found in rows), Counter())


ROWS = st.builds(
    row,
    st.integers(START, START + 3 * PERIOD_US),
    st.sampled_from(["", "192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    st.dictionaries(st.sampled_from(["INVITE", "REGISTER", "malformed"]), st.integers(1, 5), min_size=1),
    st.sampled_from(["outside", "inside"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=40).map(lambda rows: sorted(rows, key=lambda found: found.at)), st.integers(0, 5))
def test_every_request_is_counted_once_and_rows_are_bounded(rows: list[Strangers], most: int) -> None:
    quota = StrangerQuota(most)
    out = [kept for found in rows for kept in quota.admit(found)]
    out += quota.flush(START + 4 * PERIOD_US)
    assert total(out) == total(rows)
    named = Counter(kept.at // PERIOD_US for kept in out if kept.address)
    assert all(count <= most for count in named.values())


def test_a_day_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "DAY_BYTES", 10_000)
    quota = StrangerQuota(1000)
    out: list[Strangers] = []
    for number in range(5000):
        out += quota.admit(row(START + number * PERIOD_US // 100, f"198.51.100.{number}"))
    named = sum(len(encode(found)) for found in out if found.address)
    assert 9_000 < named <= 10_000
    assert len([found for found in out if not found.address]) <= 50 + 1
    assert quota.admit(row(START + DAY_US, "198.51.100.1"))[-1].address  # The next day has a quota of its own.


def test_what_one_row_holds_is_bounded() -> None:
    quota = StrangerQuota(100)
    out: list[Strangers] = []
    for number in range(200):
        methods = {f"M{number}-{one}" + "X" * (one % 40): 1 for one in range(50)}
        out += quota.admit(row(START, "203.0.113.1", methods, listener=f"listener{number}" * 10))
    out += quota.flush(START + PERIOD_US)
    assert sum(sum(found.requests.values()) for found in out) == 200 * 50
    assert len(out) <= strangers.MAX_LISTENERS + 1
    assert max(len(encode(found)) for found in out) <= strangers.MAX_ROW_BYTES


def test_a_flood_doesnt_grow_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "DAY_BYTES", 20_000)
    clock, path = Clock(), tmp_path / "l.db"
    for run in range(3):  # Starting again renews no quota.
        with guard(path, clock=clock, stranger_rows_per_10s=1000) as owner:
            for number in range(3000):
                clock.at += PERIOD_US // 500
                address = f"2001:db8::{run}:{number:x}"
                owner.ledger.append(row(clock.at, address))
            owner.append(row(clock.at, "192.0.2.1"))
    with guard(path, clock=clock) as owner:
        facts = [fact for _, fact in owner.ledger.replay() if isinstance(fact, Strangers)]
        assert sum(found.requests["OPTIONS"] for found in facts) == 3 * 3001
        assert sum(len(encode(found)) for found in facts if found.address) <= 20_000
        assert len(facts) < 20_000 / 60 + 3 * 8
    assert path.stat().st_size < 300_000
