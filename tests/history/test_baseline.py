"""What was learned goes to a file and comes back, also under other names; what is no baseline says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from historykit import LONDON, RIGA, policy, record

from ringfence.engine.engine import Engine
from ringfence.history import baseline
from ringfence.history.baseline import DAY_US
from ringfence.history.cdr import Cdr, CdrError
from ringfence.history.placing import Placing
from ringfence.history.replay import Judged, Replay
from ringfence.policy import Loader

ABROAD = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\n'
RENAMED = """\
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[trunk.{trunk}]
listen = "inside"
carrier_addresses = ["127.0.0.3"]
send_to = ["sip:127.0.0.3:5060"]
permit = ["US", "GB", "LV"]
[source.{source}]
zone = "internal"
listen = "inside"
addresses = ["127.0.0.2"]
caller_ids = ["+12125550100-+12125550199"]
trunks = ["{trunk}"]
"""
MONTH = [record(f"d{day}", day * 86_400, LONDON, talk_s=300) for day in range(20)]
AFTER = record("after", 20 * 86_400, LONDON, talk_s=300)


def learned(folder: Path) -> Path:
    """A baseline of a month in which London was called every day."""
    loaded = policy(folder, ABROAD)
    player = Replay(loaded, Placing(loaded))
    assert len(list(player.run(MONTH))) == 20
    baseline.save(folder / "b", player.engine)
    return folder / "b"


def replayed(path: Path, call: Cdr, known: Path | None) -> Judged:
    loaded = Loader(str(path)).load().policy
    engine = Engine(loaded, "n")
    if known is not None:
        assert (
            baseline.load(known, engine) == 4
        )  # The extension, its source, the trunk, the tenant of all that have none.
    (judged,) = Replay(loaded, Placing(loaded), engine).run([call])
    return judged


@pytest.mark.parametrize(
    ("trunk", "source"), [("carrier", "pbx"), ("other", "pbx"), ("carrier", "exchange"), ("x", "y")]
)
def test_what_was_learned_is_known_under_the_names_of_the_policy(trunk: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "named.toml"
    path.write_text(RENAMED.format(trunk=trunk, source=source))
    known = learned(tmp_path)
    assert "first-ever-destination" in {hit.rule for hit in replayed(path, AFTER, None).verdict.hits}
    assert replayed(path, AFTER, known).verdict.hits == ()


def test_names_are_not_guessed_where_there_are_several(tmp_path: Path) -> None:
    known = learned(tmp_path)
    path = tmp_path / "named.toml"
    second = RENAMED.format(trunk="two", source="second").replace("127.0.0.2", "127.0.0.9")
    path.write_text(RENAMED.format(trunk="one", source="first") + second[second.index("[trunk") :])
    assert "first-ever-destination" in {
        hit.rule for hit in replayed(path, msgspec.structs.replace(AFTER, trunk="one"), known).verdict.hits
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "b: is no baseline of `ringfence learn --baseline`"),
        (b"[site]\n", "b: is no baseline of"),
        (msgspec.msgpack.encode([1]), "b: is no baseline of"),
        (msgspec.msgpack.encode({"format": 1}), "b: is no baseline of"),
        (msgspec.msgpack.encode({"format": 1, "habits": {"caller:pbx/1": 5}}), "b: is no baseline of"),
        (msgspec.msgpack.encode({"format": 99, "habits": {}}), "b: of another version; make it again with"),
    ],
)
def test_what_is_no_baseline(data: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(data)
    with pytest.raises(CdrError) as error:
        baseline.load(tmp_path / "b", Engine(policy(tmp_path), "n"))
    assert str(error.value).startswith(f"{tmp_path}/{text}")


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    engine = Engine(policy(tmp_path), "n")
    with pytest.raises(CdrError, match="gone: No such file or directory"):
        baseline.load(tmp_path / "gone", engine)
    with pytest.raises(CdrError, match="gone/b: No such file or directory"):
        baseline.save(tmp_path / "gone/b", engine)


NOW = MONTH[-1].start + DAY_US


def test_a_guard_takes_a_baseline_over_once(tmp_path: Path) -> None:
    found = baseline.read(learned(tmp_path))
    loaded = policy(tmp_path, ABROAD)
    engine = Engine(loaded, "n")
    assert baseline.take_over(found, engine, NOW) is True
    assert next(iter(Replay(loaded, Placing(loaded), engine).run([AFTER]))).verdict.hits == ()
    engine.behaviour.habits.clear()  # As if everybody had asked to be forgotten.
    assert baseline.take_over(found, engine, NOW) is False
    assert not engine.behaviour.habits


def test_what_the_guard_knows_itself_stays(tmp_path: Path) -> None:
    found = baseline.read(learned(tmp_path))
    loaded = policy(tmp_path, ABROAD)
    engine = Engine(loaded, "n")
    riga = [record(f"r{day}", day * 86_400, RIGA, talk_s=300) for day in range(20)]
    list(Replay(loaded, Placing(loaded), engine).run(riga))
    assert baseline.take_over(found, engine, NOW)
    for number in (LONDON, RIGA):
        call = record("after", 20 * 86_400 + 60, number, talk_s=300)
        (judged,) = Replay(loaded, Placing(loaded), engine).run([call])
        assert "first-ever-destination" not in {hit.rule for hit in judged.verdict.hits}, number


def test_a_baseline_of_days_to_come_is_refused(tmp_path: Path) -> None:
    found = baseline.read(learned(tmp_path))
    engine = Engine(policy(tmp_path, ABROAD), "n")
    with pytest.raises(CdrError, match="knows days to come; are the records' dates right"):
        baseline.take_over(found, engine, MONTH[0].start)
    assert not engine.behaviour.habits
