"""The page of a replay: what stands on it, and that nothing from a record becomes part of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from historykit import HOME, LONDON, RIGA, policy, record
from hypothesis import given
from hypothesis import strategies as st
from pagekit import HOSTILE, Page, clean

from ringfence.history.cdr import Broken, Cdr, Tally
from ringfence.history.held import Held
from ringfence.history.placing import Placing
from ringfence.history.replay import Replay
from ringfence.history.report import bars
from ringfence.history.report.replayed import Told, meaning, replayed
from ringfence.history.summary import Summary
from ringfence.model.settings import Policy

RATES = '[trunk.carrier]\npermit = ["US", "GB"]\nbilling = { rates = "rates.csv" }\n'
SHOWN = 3


def page(loaded: Policy, *calls: Cdr, tally: Tally | None = None, unplaced: int = 0) -> str:
    """The page of a replay of these."""
    held, summary = Held(), Summary(zone=loaded.time_zone, shown=SHOWN)
    for judged in Replay(loaded, Placing(loaded)).run(held.counted(calls)):
        summary.add(judged)
    return replayed(summary, Told(loaded, "policy.toml", ["Master.csv"], tally or Tally(), held), unplaced)


def test_what_people_read(tmp_path: Path) -> None:
    lines = RATES + "[trunk.carrier.max_call_s]\ninternational = 300\n"
    found = clean(
        page(
            policy(tmp_path, lines),
            record("a", 0, HOME, 60),
            record("b", 60, RIGA, 600, extension="102"),
            record("c", 120, LONDON, 1200),
        )
    ).text
    assert "2026-11-27 to 2026-11-27, America/New_York time" in found
    assert "calls judged 3 3 answered, 31 minutes" in found
    assert "would be refused 1 would be cut 1 saved 5.35 USD of 5.46" in found
    assert (
        "destination-not-permitted Calls to a country or prefix that trunk, source and tenant don't all permit. 1 0"
        in found
    )
    assert "longest-call" in found
    assert "2026-11-27 12:01:00 pbx/102 → +37167000000 (fixed, LV) talked 10:00, 5.05" in found
    assert "cut after 5:00 of 20:00, 0.30" in found
    assert "Every row could be read." in found
    assert "pbx/102 1 0 5.05" in found


def test_an_empty_replay_is_a_page_too(tmp_path: Path) -> None:
    found = clean(page(policy(tmp_path))).text
    assert "calls judged 0" in found
    assert "No call would have been refused or cut." in found


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_becomes_no_part_of_the_page(text: str, tmp_path: Path) -> None:
    tally = Tally()
    tally.add_broken(Broken(f"{text}:1", text))
    call = record(text, 0, text, 60, caller=text, extension=text, trunk=text, user_agent=text, diverted_from=text)
    number = record(text, 1, RIGA, 60, caller=text, extension=text, trunk=text)
    shown = page(policy(tmp_path), call, number, tally=tally)
    clean(shown)
    assert len(shown) < 100_000
    assert shown.count("49") == page(policy(tmp_path), call, tally=tally).count("49")


@given(text=st.text(max_size=50))
def test_no_text_becomes_part_of_the_page(plain: Policy, text: str) -> None:
    clean(page(plain, record(text, 0, text, 60, caller=text, extension=text)))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("plain"))


def test_of_each_rule_the_dearest_are_shown(tmp_path: Path) -> None:
    calls = [record(f"c{n}", 3600 * n, RIGA, 60 * n) for n in range(1, 9)]
    found = clean(page(policy(tmp_path, RATES), *calls)).text
    assert [f"record c{n}" in found for n in range(1, 9)] == [False] * 5 + [True] * 3
    assert "destination-not-permitted: 8 refused, 0 cut, 18.40" in found


def test_numbers_that_are_called_on_several_days_are_named(tmp_path: Path) -> None:
    day = 86_400
    often = [record(f"o{n}", n * day, RIGA, 60, extension=f"10{n}") for n in range(3)]
    seldom = [record(f"s{n}", n * day, "01137167000001", 60) for n in range(2)]
    silent = [record(f"q{n}", n * day, "01137167000002") for n in range(5)]
    calls = sorted([*often, *seldom, *silent], key=lambda call: call.start)
    found = clean(page(policy(tmp_path, RATES), *calls)).text
    _, _, told = found.partition("Called on several days Numbers")
    told = told.partition("Refused and cut calls")[0]
    assert "+37167000000 (fixed, LV) pbx destination-not-permitted 3 3 3 3:00 1.65" in told
    assert "+37167000001" not in told
    assert "+37167000002" not in told


def test_what_rules_only_observe_is_told_apart(tmp_path: Path) -> None:
    lines = RATES + '[rules.destination-not-permitted]\nmode = "observe"\n'
    found = clean(page(policy(tmp_path, lines), record("a", 0, RIGA, 120))).text
    assert "would be refused 0" in found
    assert "rules only observe 1 more calls they would refuse, worth 1.05" in found
    assert "destination-not-permitted: 1 calls" in found
    assert "record a" in found


def test_what_the_records_cannot_tell(tmp_path: Path) -> None:
    poor = clean(page(policy(tmp_path), record("a", 0, caller="101", talk_s=5), unplaced=7)).text
    rich = clean(
        page(
            policy(tmp_path),
            record("i", 0.5, direction="in", caller="+13035550123"),
            record("a", 1.5, source_ip="192.0.2.1", user_agent="phone", diverted_from="+12125550123"),
        )
    ).text
    assert "1 records have an extension in place of the caller ID" in poor
    assert "7 calls belong to no source of the policy" in poor
    assert "have an extension in place" not in rich
    told = [found.partition("These rules need more")[2] for found in (poor, rich)]
    for rule in ("new-network", "wangiri", "dialled-through", "forwarded-abroad", "failing-calls"):
        assert [f" {rule} " in table for table in told] == [True, False], rule
    assert all(" guessed-password " in table for table in told)


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    tally = Tally()
    tally.rows = 9
    for line in (3, 7):
        tally.add_broken(Broken(f"Master.csv:{line}", "'never' is no time"))
    found = clean(page(policy(tmp_path), tally=tally)).text
    assert "2 of 9 rows can't be used" in found
    assert "2 'never' is no time Master.csv:3" in found


def test_money_that_cannot_be_summed_is_said(tmp_path: Path) -> None:
    two = (
        '[trunk.two]\nlisten = "inside"\ncarrier_addresses = ["127.0.0.4"]\nsend_to = ["sip:127.0.0.4:5060"]\n'
        'billing = { rates = "rates.csv", currency = "EUR" }\n'
    )
    assert "several currencies" in clean(page(policy(tmp_path, two))).text
    assert "1 answered calls have no price" in clean(page(policy(tmp_path), record("a", 0, talk_s=5))).text


def test_every_rule_and_cause_has_a_meaning() -> None:
    assert meaning("wangiri").endswith(".")
    assert "`" not in meaning("suspicious-call")
    assert meaning("money")
    assert meaning("operator") == ""


# Bars.


def test_bars_stand_on_each_other() -> None:
    drawn = bars.bars(
        ["a", "b"], [bars.Part("refused", "refused", {"a": 3}), bars.Part("cut", "cut", {"a": 1, "b": 2})]
    )
    assert drawn.most == 4
    assert [(r.klass, r.y, r.height) for r in drawn.rects] == [("refused", 25, 75), ("cut", 0, 25), ("cut", 50, 50)]
    assert drawn.rects[0].told == "a: 3 refused"
    assert (drawn.first, drawn.last, drawn.width) == ("a", "b", 20)


def test_no_bars_are_none() -> None:
    assert bars.bars([], [bars.Part("x", "x", {})]).rects == []


def test_many_days_are_months() -> None:
    assert bars.days("2026-11-30", "2026-12-02") == ["2026-11-30", "2026-12-01", "2026-12-02"]
    labels = bars.days("1970-01-01", "2099-12-31")
    assert len(labels) == 130 * 12
    assert bars.by_label({"2026-11-01": 2, "2026-11-30": 3, "2026-12-01": 1}, labels) == {"2026-11": 5, "2026-12": 1}


def test_the_page_kit_notices_what_got_in() -> None:
    assert "script" in Page("<p><script>x</script>").tags
    with pytest.raises(AssertionError):
        clean("<p onclick=x>")


def test_nothing_is_said_twice_of_a_call(tmp_path: Path) -> None:
    loaded = policy(tmp_path, RATES.replace('"GB"', '"GB", "LV"') + '[behaviour]\nmode = "enforce"\n')
    summary = Summary(shown=SHOWN)
    calls = [record(f"c{n}", 60 * n, f"011371670{n:05}", 60) for n in range(12)]
    for judged in Replay(loaded, Placing(loaded)).run(calls):
        summary.add(judged)
    assert {"contained", "suspicious-call"} <= set(summary.examples)
    for one in (one for shown in summary.examples.values() for one in shown):
        assert not any(one.why in hit for hit in one.hits)
        assert any(hit.startswith("first-ever-destination (") for hit in one.hits)
    told = [hit for one in summary.examples["contained"] for hit in one.hits if hit.startswith("suspicious-call")]
    assert told
    assert all(hit.startswith("suspicious-call: evidence of") and hit.count(":") == 1 for hit in told)
