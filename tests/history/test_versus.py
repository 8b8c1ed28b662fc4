"""Two policies over the same records: how each call differs, what it is worth, and that none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from historykit import HOME, LONDON, RIGA, START, policy, record
from hypothesis import given
from hypothesis import strategies as st
from pagekit import HOSTILE, clean

from ringfence.history.cdr import Cdr, Tally
from ringfence.history.held import Held
from ringfence.history.placing import Placing
from ringfence.history.replay import Replay
from ringfence.history.report.replayed import Told
from ringfence.history.report.versus import versus_page
from ringfence.history.versus import Change, Compared, Duel, Lone, Pair, Way
from ringfence.model.settings import Policy

HOME_ONLY = '[trunk.carrier]\npermit = ["US"]\nbilling = { rates = "rates.csv" }\n'
ABROAD = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\nbilling = { rates = "rates.csv" }\n'
SHORT = ABROAD + "[trunk.carrier.max_call_s]\ninternational = 300\n"
LONGER = ABROAD + "[trunk.carrier.max_call_s]\ninternational = 400\n"


class Match:
    """A comparison of two policies over records, and what came out by id."""

    def __init__(self, folder: Path, one: str, two: str, *calls: Cdr) -> None:
        self.policies = tuple(loaded(folder / name, lines) for name, lines in (("one", one), ("two", two)))
        sides = [Replay(found, Placing(found)) for found in self.policies]
        self.duel = Duel(*sides)
        self.compared = Compared("America/New_York", 5)
        self.pairs: list[Pair] = []
        self.kinds: dict[str, str | None] = {}
        for pair in self.duel.run(calls):
            self.pairs.append(pair)
            self.kinds[pair.one.call.call_id] = self.compared.add(pair)

    def page(self) -> str:
        told = [Told(found, f"{n}.toml", ["Master.csv"], Tally(), Held()) for n, found in enumerate(self.policies)]
        return versus_page(self.compared, told[0], told[1], self.duel.lone)


def loaded(folder: Path, lines: str) -> Policy:
    folder.mkdir(parents=True, exist_ok=True)
    return policy(folder, lines)


@pytest.mark.parametrize(
    ("one", "two", "talk_s", "kind", "way", "more"),
    [
        (ABROAD, HOME_ONLY, 600, "refused", Way("refused", "", "destination-not-permitted"), 200_000),
        (HOME_ONLY, ABROAD, 600, "allowed", Way("allowed", "destination-not-permitted", ""), -200_000),
        (ABROAD, SHORT, 600, "cut", Way("cut", "", "longest-call"), 100_000),
        (SHORT, ABROAD, 600, "allowed", Way("allowed", "longest-call", ""), -100_000),
        (HOME_ONLY, SHORT, 600, "other", Way("other", "destination-not-permitted", "longest-call"), -100_000),
        (SHORT, LONGER, 600, "other", Way("other", "longest-call", "longest-call"), -40_000),
        (SHORT, LONGER, 200, None, None, 0),
        (SHORT, SHORT, 600, None, None, 0),
        (HOME_ONLY, HOME_ONLY, 600, None, None, 0),
    ],
)
def test_how_a_call_differs(
    one: str, two: str, talk_s: int, kind: str | None, way: Way | None, more: int, tmp_path: Path
) -> None:
    match = Match(tmp_path, one, two, record("home", 0, HOME, 60), record("a", 1, LONDON, talk_s))
    assert match.kinds == {"home": None, "a": kind}
    assert match.compared.ways == ({way: Change(1, more)} if way is not None else {})
    assert (match.compared.calls, match.compared.different) == (2, int(kind is not None))


def test_each_side_has_its_own_past(tmp_path: Path) -> None:
    tight = ABROAD.replace("billing", "concurrent = { block = 1 }\nbilling")
    shut = HOME_ONLY.replace("billing", "concurrent = { block = 1 }\nbilling")
    match = Match(tmp_path, tight, shut, record("long", 0, LONDON, 600), record("next", 60, HOME, 60))
    assert match.kinds == {"long": "refused", "next": "allowed"}
    assert [way.before for way, _ in match.compared.ordered()] == ["", "concurrent-calls"]


def test_sums_of_both_sides(tmp_path: Path) -> None:
    calls = [record(f"c{n}", 86_400 * n, RIGA, 60, extension=f"10{n % 2}") for n in range(4)]
    compared = Match(tmp_path, ABROAD, HOME_ONLY, *calls).compared
    assert (compared.one.total.refused, compared.two.total.refused) == (0, 4)
    assert compared.by_country["LV"]["refused"] == Change(4, 4 * 550_000)
    assert {name: kinds["refused"].calls for name, kinds in compared.by_extension.items()} == {
        "pbx/100": 2,
        "pbx/101": 2,
    }
    assert sorted(compared.by_day) == ["2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"]
    assert [number.calls for number in compared.numbers.on_several_days()] == [4]


OTHER = (
    '[source.branch]\nzone = "internal"\nlisten = "inside"\naddresses = ["10.9.0.0/16"]\ntrunks = ["carrier"]\n'
    'caller_ids = ["+12125550200"]\n'
)


def test_calls_of_one_side_only_are_counted_and_not_compared(tmp_path: Path) -> None:
    calls = [
        record("both", 0, LONDON, 60, source_ip="127.0.0.2"),
        record("one", 1, LONDON, 60, source_ip="192.0.2.1"),
        record("in", 2, direction="in", source_ip="192.0.2.1"),
    ]
    match = Match(tmp_path, ABROAD, HOME_ONLY + OTHER, *calls)
    assert match.kinds == {"both": "refused"}
    assert match.duel.lone == Lone(1, 0, 0)
    assert "1 calls belong to a source of 0.toml only" in clean(match.page()).text
    assert Match(tmp_path / "x", ABROAD + OTHER, HOME_ONLY + OTHER, calls[1]).duel.lone == Lone(0, 0, 1)


def test_the_same_id_twice_is_two_calls(tmp_path: Path) -> None:
    match = Match(tmp_path, ABROAD, HOME_ONLY, record("a", 0, LONDON, 600), record("a", 1, HOME, 60))
    assert sorted((p.one.call.start - START) // 1_000_000 for p in match.pairs) == [0, 1]
    assert all(pair.one.call is pair.two.call for pair in match.pairs)


def test_what_people_read(tmp_path: Path) -> None:
    found = clean(Match(tmp_path, ABROAD, HOME_ONLY, record("a", 0, LONDON, 600), record("b", 1, HOME, 60)).page()).text
    assert "Before: 0.toml" in found
    assert "calls judged by both 2 1 treated differently newly refused 1 +0.20 saved" in found
    assert "newly refused let through destination-not-permitted 1 +0.20" in found
    assert "newly refused: 1 calls, +0.20" in found
    assert "destination-not-permitted: +442079460018 (fixed, GB)" in found


def test_a_chart_without_bars_is_left_out(tmp_path: Path) -> None:
    calls = record("a", 0, LONDON, 600), record("b", 1, HOME, 60)
    assert "Differences by day" in clean(Match(tmp_path, ABROAD, HOME_ONLY, *calls).page()).text
    stopped_both_ways = clean(Match(tmp_path, HOME_ONLY, SHORT, *calls).page()).text
    assert "stopped otherwise" in stopped_both_ways and "Differences by day" not in stopped_both_ways


def test_policies_that_do_the_same(tmp_path: Path) -> None:
    assert "Both policies treat every call alike." in clean(Match(tmp_path, ABROAD, ABROAD).page()).text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_becomes_no_part_of_the_page(text: str, tmp_path: Path) -> None:
    call = record(text, 0, RIGA, 60, caller=text, extension=text, trunk=text)
    clean(Match(tmp_path, ABROAD, HOME_ONLY, call).page())


ROWS = st.lists(
    st.tuples(
        st.integers(0, 300), st.sampled_from([HOME, LONDON, RIGA, "911", "junk"]), st.integers(0, 900),
        st.sampled_from(["in", "out", "out"]), st.sampled_from(["carrier", "nobody's"]),
    ),
    max_size=25,
)  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Policy]:
    folder = tmp_path_factory.mktemp("pair")
    tight = SHORT + '[behaviour]\nmode = "enforce"\n[trunk.carrier.spend]\ninternational = { per_day = 2 }\n'
    return [loaded(folder / "one", ABROAD), loaded(folder / "two", tight)]


@given(rows=ROWS)
def test_every_outbound_call_comes_out_once_as_it_does_alone(
    pair: list[Policy], rows: list[tuple[int, str, int, str, str]]
) -> None:
    calls = [
        record(f"c{n}", at, to, talk, direction=way, trunk=over) for n, (at, to, talk, way, over) in enumerate(rows)
    ]
    calls.sort(key=lambda call: (call.start, call.call_id))
    duel = Duel(*(Replay(found, Placing(found)) for found in pair))
    found = {p.one.call.call_id: p for p in duel.run(calls)}
    assert sorted(found) == sorted(call.call_id for call in calls if call.direction == "out")
    for side, loaded_policy in enumerate(pair):
        alone = {j.call.call_id: j for j in Replay(loaded_policy, Placing(loaded_policy)).run(calls)}
        assert {name: both[side] for name, both in found.items()} == alone
    assert not duel._waiting
