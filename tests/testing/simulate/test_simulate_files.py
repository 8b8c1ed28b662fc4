"""The files of a run: same seed, same bytes; labels that fit; policies that are right; every attack in it."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ringfence.cli.app import app
from ringfence.cli.simulate import SimulateError
from ringfence.numbers import DialPlan, PlanSettings
from ringfence.policy import Loader
from ringfence.testing.simulate import attacks
from ringfence.testing.simulate.deck import deck
from ringfence.testing.simulate.honest import Day
from ringfence.testing.simulate.kinds import BY_NAME
from ringfence.testing.simulate.negatives import NEGATIVES
from ringfence.testing.simulate.plan import customers, planned
from ringfence.testing.simulate.stream import traffic
from ringfence.testing.simulate.write import CDR, LABELS, Run, write_customer

FIRST = date(2026, 10, 5)
SMALL = ("office", "medical", "hotel", "exporter")


def written(folder: Path, *options: str) -> Path:
    """Files of four small customers over two weeks."""
    kinds = [option for kind in SMALL for option in ("--kind", kind)]
    assert app(["simulate", "--out", str(folder), "--customers", "4", "--weeks", "2", *kinds, *options]) == 0
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("simulated") / "run")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_same_bytes(run: Path, tmp_path: Path) -> None:
    assert contents(run) == contents(written(tmp_path / "again", "--jobs", "2"))
    other = contents(written(tmp_path / "other", "--seed", "2"))
    assert all(other.get(name) != found for name, found in contents(run).items() if "week" in name)


def test_every_row_has_one_label(run: Path) -> None:
    for folder in customers_of(run):
        calls = [row for week in (1, 2) for row in rows(folder / f"week-{week}.csv")]
        labels = rows(folder / "labels.csv")
        assert tuple(calls[0]) == CDR
        assert tuple(labels[0]) == LABELS
        assert [row["call_id"] for row in calls] == [row["call_id"] for row in labels]
        assert len({row["call_id"] for row in labels}) == len(labels)


def test_labels_say_what_they_must(run: Path) -> None:
    for folder in customers_of(run):
        labels = rows(folder / "labels.csv")
        kinds = {
            "fraud": {attack.kind for attack in attacks.ATTACKS},
            "honest": {"", *(negative.kind for negative in NEGATIVES)},
        }
        assert {row["label"] for row in labels} == {"fraud", "honest"}
        assert all(row["kind"] in kinds[row["label"]] for row in labels)
        assert all(bool(row["kind"]) == bool(row["campaign"]) for row in labels)
        assert {row["customer"] for row in labels} == {folder.name}


def test_money_is_what_the_deck_says(run: Path) -> None:
    for folder in customers_of(run):
        policy = Loader(str(folder / "open.toml")).load().policy
        source, trunk = policy.sources[folder.name], policy.trunks[folder.name]
        plan, money = DialPlan(source.plan), {row["call_id"]: row for row in rows(folder / "labels.csv")}
        for row in rows(folder / "week-2.csv"):
            number = plan.normalise(row["dialled"])
            if row["direction"] == "in" or row["billsec"] == "0" or number.status != "ok":
                continue
            rate = trunk.deck.rate(number.e164, 0) if trunk.deck else None
            assert rate is not None
            assert int(money[row["call_id"]]["money_micros"]) == rate.cost_micros(int(row["billsec"]))


def test_rows_are_in_the_order_in_which_calls_end_and_their_instants_agree(run: Path) -> None:
    for path in run.rglob("week-*.csv"):
        found = rows(path)
        ends = [datetime.fromisoformat(row["end"]) for row in found]
        assert all(before <= after for before, after in pairwise(ends))
        for row, end in zip(found, ends, strict=True):
            start = datetime.fromisoformat(row["start"])
            assert start.utcoffset() is not None
            assert (end - start).total_seconds() == pytest.approx(int(row["duration"]), abs=0.51)
            assert bool(row["answer"]) == (row["disposition"] == "ANSWERED") == (row["billsec"] != "0")


def test_policies_are_right_and_permit_what_the_customer_does(run: Path) -> None:
    for folder in customers_of(run):
        for name in ("policy", "open"):
            policy = Loader(str(folder / f"{name}.toml")).load().policy
            assert policy.sources[folder.name].trunks == (folder.name,)
            assert policy.trunks[folder.name].deck is not None


@pytest.mark.parametrize("name", ["policy", "open"])
def test_one_policy_holds_all_customers(run: Path, name: str) -> None:
    """Each call's trunk names its customer; homes and zones are the customers' own."""
    joint = Loader(str(run / f"{name}.toml")).load().policy
    for folder in customers_of(run):
        own = Loader(str(folder / f"{name}.toml")).load().policy
        assert joint.sources[folder.name].plan == own.sources[folder.name].plan
        assert joint.trunks[folder.name].bounds == own.trunks[folder.name].bounds
        assert joint.tenants[folder.name].time_zone == own.time_zone
        assert {row["trunk"] for row in rows(folder / "week-1.csv")} == {folder.name}


def customers_of(run: Path) -> list[Path]:
    return [path for path in run.iterdir() if path.is_dir()]


def test_fraud_begins_in_the_last_week(run: Path) -> None:
    for folder in customers_of(run):
        fraud = {row["call_id"] for row in rows(folder / "labels.csv") if row["label"] == "fraud"}
        assert not any(row["call_id"] in fraud for row in rows(folder / "week-1.csv"))


def test_every_attack_and_hard_negative_happens_to_somebody() -> None:
    owners = customers(1, 10)
    plan = planned(1, owners, FIRST + timedelta(weeks=5))
    found = {one.what.kind for campaigns in plan.values() for one in campaigns}
    assert found == {one.kind for one in (*attacks.ATTACKS, *NEGATIVES)}


def test_an_attack_changes_no_other_call() -> None:
    owner = customers(1, 1)[0]
    plan = planned(1, [owner], FIRST)[owner.name]
    campaigns = [one.calls(1, owner) for one in plan]
    calm = [call for _, call in traffic(1, owner, FIRST, 7)]
    mixed = [call for _, call in traffic(1, owner, FIRST, 7, campaigns) if not call.mark.kind]
    assert mixed == calm


def test_ids_tell_nothing() -> None:
    """They count calls in order of start, fraud or not."""
    owner = customers(1, 1)[0]
    campaigns = [one.calls(1, owner) for one in planned(1, [owner], FIRST)[owner.name]]
    found = sorted(traffic(1, owner, FIRST, 7, campaigns), key=lambda row: int(row[0].rpartition("-")[2]))
    assert all(before[1].start_ms <= after[1].start_ms for before, after in pairwise(found))


def test_everyday_traffic_keeps_to_its_week_and_outcome() -> None:
    """An office: a few calls at the weekend, an answer-seizure ratio of 60 to 72 %, most calls at home."""
    owner = customers(5, 1, [BY_NAME["exporter"]])[0]
    day = Day(5, owner)
    week = [day.calls(FIRST + timedelta(days=n)) for n in range(7)]
    assert sum(map(len, week[5:])) < 0.05 * sum(map(len, week[:5]))
    out = [call for calls in week for call in calls if call.direction == "out"]
    assert 0.55 < sum(call.disposition == "ANSWERED" for call in out) / len(out) < 0.75


def test_as_many_calls_go_abroad_as_they_should() -> None:
    """Over several customers: one's week has a few busy people in it."""
    found = expected = 0.0
    for owner in customers(5, 8, [BY_NAME["exporter"]]):
        day = Day(5, owner)
        calls = [call for n in range(5) for call in day.calls(FIRST + timedelta(days=n)) if call.direction == "out"]
        found += sum(deck_name(owner.home, call.e164) != owner.home for call in calls)
        expected += owner.abroad * len(calls)
    assert found == pytest.approx(expected, rel=0.1)


def deck_name(home: str, e164: str) -> str:
    rate = deck(home).rate(e164, 0)
    return rate.name.split()[0] if rate else home


def test_everybody_dials_what_is_meant() -> None:
    for owner in customers(2, 10):
        outside = (owner.kind.outside,) if owner.kind.outside else ()
        plan = DialPlan(PlanSettings(home=owner.home, outside=outside))
        calls = [call for call in Day(2, owner).calls(FIRST) if call.direction == "out"]
        wrong = [call for call in calls if plan.normalise(call.dialled).e164 != call.e164]
        assert len(wrong) <= 0.02 * len(calls) + 2, "mistyped numbers"
        assert all(call.disposition == "FAILED" for call in wrong)


def test_calls_that_last_beyond_a_day_are_held_and_no_others(tmp_path: Path) -> None:
    """A weekend of hour-long calls comes out in order of end all the same."""
    owner = customers(1, 1)[0]
    one = next(attack for attack in attacks.ATTACKS if attack.kind == "weekend-burst")
    plan = planned(1, [owner], FIRST, attacks=[one])[owner.name]
    found = write_customer(tmp_path, Run(1, FIRST, 1), owner, plan)
    assert found.fraud > 100
    assert found.fraud_micros > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--out"),
        (("--first", "2026-10-06", "--out", "x"), "2026-10-05 is"),
        (("--weeks", "0", "--out", "x"), "at least 1"),
        (("--customers", "0", "--out", "x"), "at least 1"),
        (("--jobs", "0", "--out", "x"), "at least 1"),
        (("--kind", "bank", "--out", "x"), "there are office"),
        (("--attack", "magic", "--out", "x"), "there are weekend-burst"),
        (("--attack", "register-slow", "--out", "x"), "isn't in call records: play it with --live"),
    ],
)
def test_what_cannot_be_meant_is_said(options: tuple[str, ...], said: str) -> None:
    with pytest.raises(SimulateError, match=said):
        app(["simulate", *options])


def test_a_directory_with_files_is_left_alone(run: Path) -> None:
    with pytest.raises(SimulateError, match="isn't empty"):
        app(["simulate", "--out", str(run)])


def test_the_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    app(["simulate", "--list"])
    said = capsys.readouterr().out
    assert all(name in said for name in (*BY_NAME, *attacks.BY_KIND, *(one.kind for one in NEGATIVES)))
