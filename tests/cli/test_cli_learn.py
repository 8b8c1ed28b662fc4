"""`ringfence learn`: the draft it writes is a policy that passes its own check, and its baseline can be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ringfence.cli.app import app, main
from ringfence.policy import Loader
from ringfence.testing.trial import RATES

HEADER = "call_id,start,answer,end,caller,extension,dialled,trunk,direction\n"
MONDAY = datetime(2026, 10, 5, tzinfo=ZoneInfo("America/New_York"))
FOREIGN = ("011442079460018", "01137167000000")


def office(days: int, outside: str = "") -> Iterator[str]:
    """Lines of an office: home calls all day, one abroad each morning, an inbound one."""
    ids = itertools.count(1)
    for day in range(days):
        at = MONDAY + timedelta(days=day, hours=9)
        for minute in range(0, 480, 20):
            dialled = FOREIGN[day % 2] if minute == 60 else f"1212555{1000 + minute}"
            yield line(next(ids), at + timedelta(minutes=minute), outside + dialled, 120)
        yield line(next(ids), at + timedelta(minutes=5), "12125550100", 60, direction="in", caller="+13035550123")


def line(number: int, at: datetime, dialled: str, talk_s: int, **changes: str) -> str:
    answer, end = at + timedelta(seconds=5), at + timedelta(seconds=5 + talk_s)
    fields = {"caller": f"+121255501{number % 3:02}", "extension": f"{100 + number % 3}", "dialled": dialled}
    fields |= {"trunk": "way", "direction": "out"}
    return ",".join([f"c{number}", *(t.isoformat() for t in (at, answer, end)), *{**fields, **changes}.values()])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.csv").write_text(RATES)
    (tmp_path / "calls.csv").write_text(HEADER + "\n".join(office(35)) + "\n")
    return tmp_path


def learn(*words: str) -> object:
    return app(["learn", "--cdr", "calls.csv", "--home", "US", "--out", "made.toml", *words])


@pytest.mark.parametrize("words", [[], ["--rates", "rates.csv"], ["--enforce"], ["--rates", "rates.csv", "--enforce"]])
def test_the_draft_passes_the_check_of_policies(words: list[str]) -> None:
    assert learn(*words) == 0
    assert app(["policy", "check", "made.toml"]) == 0
    assert app(["replay", "--policy", "made.toml", "--cdr", "calls.csv"]) == 0, "it refuses what it was made of"


def test_what_is_in_the_draft() -> None:
    learn("--rates", "rates.csv", "--enforce")
    loaded = Loader("made.toml").load().policy
    (trunk,) = loaded.trunks.values()
    (source,) = loaded.sources.values()
    assert trunk.name == "way"
    assert trunk.bounds.permit == {"US", "GB", "LV"}
    assert loaded.time_zone == "America/New_York"
    assert source.caller_ids == (("12125550100", "12125550102"),)
    assert source.directions == {"out", "in"}
    assert loaded.behaviour.mode == "enforce"
    spend = trunk.bounds.class_caps["international"].spend
    assert spend.per_day == 2_000_000  # One call to LV a day: 1.05, half more, rounded up.
    caps = trunk.bounds.caps.concurrent
    assert caps.alert is not None and caps.block is not None and 1 <= caps.alert < caps.block


def busy(weeks: Iterable[int]) -> Iterator[str]:
    """So many calls at once on the Tuesday at ten of each week, and one at three."""
    ids = itertools.count(1)
    for week, many in enumerate(weeks):
        tuesday = MONDAY + timedelta(weeks=week, days=1)
        for number in range(many):
            yield line(next(ids), tuesday + timedelta(hours=10, seconds=number), "12125551000", 600)
        yield line(next(ids), tuesday + timedelta(hours=15), "12125551000", 60)


def test_the_deck_is_named_relative_to_the_policy(folder: Path) -> None:
    (folder / "etc").mkdir()
    assert app(["learn", "--cdr", "calls.csv", "--home", "US", "--out", "etc/made.toml", "--rates", "rates.csv"]) == 0
    assert 'billing = { rates = "../rates.csv", currency = "USD" }' in Path("etc/made.toml").read_text()
    assert app(["policy", "check", "etc/made.toml"]) == 0


def test_peaks_are_expected_by_hour_of_the_week() -> None:
    Path("calls.csv").write_text(HEADER + "\n".join(busy([8, 8, 16, 8])) + "\n")
    learn()
    text = Path("made.toml").read_text()
    assert "concurrent = { expected = 10, alert = 13, block = 19 }   # at most 16 at once" in text
    tuesday = next(row.split()[2:] for row in text.splitlines() if row.startswith("# Tue"))
    assert tuesday == ["10" if hour == 10 else "1" if hour == 15 else "." for hour in range(24)]
    monday = next(row.split()[2:] for row in text.splitlines() if row.startswith("# Mon"))
    assert set(monday) == {"."}


@pytest.mark.parametrize(("weeks", "levels"), [([1], (1, 2, 3)), ([16], (16, 18, 19)), ([100], (100, 114, 115))])
def test_the_alert_is_over_what_is_expected_and_under_the_block(weeks: list[int], levels: tuple[int, int, int]) -> None:
    Path("calls.csv").write_text(HEADER + "\n".join(busy(weeks)) + "\n")
    learn()
    (trunk,) = Loader("made.toml").load().policy.trunks.values()
    found = trunk.bounds.caps.concurrent
    assert (found.expected, found.alert, found.block) == levels


def test_hours_are_proposed_where_there_are_any() -> None:
    learn()
    assert '# international = "Mon-Fri ' not in Path("made.toml").read_text(), "35 calls are few"
    calls = [line(n, MONDAY + timedelta(days=n % 30, hours=9 + n % 9), FOREIGN[0], 60) for n in range(90)]
    Path("calls.csv").write_text(HEADER + "\n".join(calls) + "\n")
    learn()
    assert '# international = "Mon-Fri 09:00-18:00"' in Path("made.toml").read_text()
    calls = [line(n, MONDAY + timedelta(days=n % 30, hours=n % 24), FOREIGN[0], 60) for n in range(90)]
    Path("calls.csv").write_text(HEADER + "\n".join(calls) + "\n")
    learn()
    assert '# international = "Mon-Fri ' not in Path("made.toml").read_text()


def test_a_country_of_one_day_is_named_but_not_permitted() -> None:
    once = line(9999, MONDAY + timedelta(days=3, hours=10, minutes=7), "0114930901820", 60)
    Path("calls.csv").write_text(HEADER + "\n".join([*office(35), once]) + "\n")
    learn()
    text = Path("made.toml").read_text()
    assert "# called on one day only, and not permitted: DE (1)" in text
    assert "DE" not in (Loader("made.toml").load().policy.trunks["way"].bounds.permit or ())


@pytest.mark.parametrize(("outside", "plan"), [("9", ("9",)), ("", ())])
def test_the_outside_prefix_is_told_from_what_was_dialled(outside: str, plan: tuple[str, ...]) -> None:
    Path("calls.csv").write_text(HEADER + "\n".join(office(14, outside)) + "\n")
    learn()
    assert next(iter(Loader("made.toml").load().policy.sources.values())).plan.outside == plan


def test_its_baseline_is_known_to_replay(capsys: pytest.CaptureFixture[str]) -> None:
    assert learn("--baseline", "b", "--enforce") == 0
    assert "b: habits of 6 extensions, sources and trunks" in capsys.readouterr().err
    again = line(1, MONDAY + timedelta(days=35, hours=10), FOREIGN[0], 60)
    Path("next.csv").write_text(HEADER + again + "\n")
    words = ["replay", "--policy", "made.toml", "--cdr", "next.csv", "--out", "d.jsonl"]
    app(words)
    assert '"first-ever-destination"' in Path("d.jsonl").read_text()
    app([*words, "--baseline", "b"])
    assert '"hits": []' in Path("d.jsonl").read_text()


def test_fraud_in_the_history_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    night = MONDAY + timedelta(days=33, hours=2)
    pumped = [line(5000 + n, night + timedelta(seconds=20 * n), f"0113716700{n:04}", 900) for n in range(60)]
    Path("calls.csv").write_text(HEADER + "\n".join([*office(35), *pumped]) + "\n")
    assert learn() == 1
    assert "fraud-like: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--home", "USA"], "home 'USA' isn't a country code"),
        (["--home", "US", "--time-zone", "Nowhere"], "--time-zone Nowhere: no such time zone"),
        (["--home", "US", "--format", "sox"], "--format sox: write one of"),
        (["--home", "US", "--rates", "gone.csv"], "gone.csv: No such file or directory"),
        (["--home", "US", "--out", "gone/made.toml"], "gone/made.toml: No such file or directory"),
        (["--home", "US", "--cdr", "gone.csv"], "gone.csv: No such file or directory"),
        (["--home", "US", "--cdr", "none.csv"], "there is no outbound call in these files that could be read"),
    ],
)
def test_what_cannot_be_done(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("none.csv").write_text(HEADER)
    files = [] if "--cdr" in words else ["--cdr", "calls.csv"]
    with pytest.raises(SystemExit) as stopped:
        main(["learn", *files, *words])
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err
