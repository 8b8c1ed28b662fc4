"""What the file says is what the settings say: defaults, money, profiles, hours, ends, places, versions."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringfence.model.settings import CallRate, Levels, Spend, Window
from ringfence.policy import Loader, PolicyErrors, load
from ringfence.policy.kinds import Wrong
from ringfence.policy.leaves import micros
from ringfence.policy.leaves_time import HOURS

EXAMPLE = Path(__file__).parents[2] / "examples" / "policy.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
RATES = (EXAMPLE.parent / "rates.csv").read_text(encoding="utf-8")


def written(tmp_path: Path, text: str = TEXT, **others: str) -> str:
    (tmp_path / "rates.csv").write_text(RATES)
    for name, content in others.items():
        path = tmp_path / name.replace("__", "/").replace("_toml", ".toml").replace("_csv", ".csv")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "policy.toml").write_text(text)
    return str(tmp_path / "policy.toml")


def test_example() -> None:
    policy = load(str(EXAMPLE))
    trunk, source = policy.trunks["carrier"], policy.sources["pbx"]
    assert trunk.bounds.caps.concurrent == Levels(expected=2, alert=4, block=5, carrier_cap=10)
    assert trunk.bounds.caps.calls_per_second == CallRate(alert=4, block=5, burst=10, pace_ms=300)
    assert trunk.bounds.class_caps["international"].spend == Spend(per_day=20_000_000, per_month=200_000_000)
    assert trunk.bounds.permit == {"US", "CA", "GB"}
    assert trunk.max_price_per_min == 250_000
    assert trunk.risk_alert == 60
    assert trunk.deck is not None
    rate = trunk.deck.rate("442079460000", 0)
    assert rate is not None
    assert rate.price_micros_per_min == 12_000
    assert source.per_caller.concurrent.block == 4
    assert source.caller_ids == (("12125550100", "12125550199"),)
    assert source.addresses == ("127.0.0.2/32",)
    assert source.plan.home == "US"
    assert {(name, listen.host, listen.port) for name, listen in policy.listens.items()} == {
        ("inside", "127.0.0.1", 5060),
        ("outside", "127.0.0.1", 5080),
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.1", 100_000),
        ("400", 400_000_000),
        ("0.000001", 1),
        ('"0.07"', 70_000),
        ("1e-6", 1),
        ("0", 0),
        ("0.10", 100_000),
    ],
)
def test_money_is_exact(tmp_path: Path, value: str, expected: int) -> None:
    policy = load(written(tmp_path, TEXT.replace("max_price_per_min = 0.25", f"max_price_per_min = {value}")))
    assert policy.trunks["carrier"].max_price_per_min == expected


@given(st.integers(0, 10**18 - 1))
def test_every_micro_unit_is_exact(amount: int) -> None:
    assert micros(f"{amount // 10**6}.{amount % 10**6:06}") == amount


@pytest.mark.parametrize(
    ("text", "days", "since", "until"),
    [
        ("Mon-Fri 08:00-18:00", {0, 1, 2, 3, 4}, 480, 1080),
        ("Sat Sun 22:00-06:00", {5, 6}, 1320, 360),
        ("Fri-Mon 00:00-24:00", {4, 5, 6, 0}, 0, 1440),
        ("daily 12:30-13:15", set(range(7)), 750, 795),
    ],
)
def test_hours(text: str, days: set[int], since: int, until: int) -> None:
    assert HOURS.parse(text) == (Window(days=frozenset(days), since=since, until=until),)


def test_several_windows_and_classes(tmp_path: Path) -> None:
    hours = 'hours = { international = "Mon-Fri 08:00-12:00, Mon-Fri 13:00-17:00" }\n'
    policy = load(written(tmp_path, TEXT.replace('zone = "internal"\n', 'zone = "internal"\n' + hours)))
    windows = policy.sources["pbx"].bounds.hours
    assert list(windows) == ["international"]
    assert [window.since for window in windows["international"]] == [480, 780]


@given(st.text(max_size=30))
def test_hours_of_any_text(text: str) -> None:
    try:
        windows = HOURS.parse(text)
    except Wrong:
        return
    assert all(w.days <= set(range(7)) and 0 <= w.since < 1440 and w.until <= 1440 for w in windows)


EXCEPTION = "\n[[exception]]\nwhat = '+37167000000'\nowner = 'noc'\nwhy = 'x'\nuntil = "


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2027-01-31", datetime(2027, 2, 1, 5, tzinfo=UTC)),  # the whole day in New York
        ("2027-03-13", datetime(2027, 3, 14, 5, tzinfo=UTC)),  # the clocks change in the next night
        ("2027-03-14", datetime(2027, 3, 15, 4, tzinfo=UTC)),
        ("2027-01-31T18:00:00", datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_until(tmp_path: Path, until: str, expected: datetime) -> None:
    policy = load(written(tmp_path, TEXT + EXCEPTION + until))
    assert policy.exceptions[0].until == int(expected.timestamp()) * 1_000_000


HOME_OFFICE = """
[source.home]
zone = "remote"
listen = "inside"
addresses = ["10.8.0.0/24", "203.0.113.77"]
trunks = ["carrier"]
[[address_exception]]
source = "home"
addresses = ["203.0.113.0/24"]
owner = "noc"
why = "no VPN yet, ticket 9"
until = 2027-01-31
"""


def test_remote_source_outside_the_vpn_by_exception(tmp_path: Path) -> None:
    policy = load(written(tmp_path, TEXT + HOME_OFFICE))
    (exception,) = policy.address_exceptions
    assert (exception.source, exception.addresses) == ("home", ("203.0.113.0/24",))
    assert exception.until == int(datetime(2027, 2, 1, 5, tzinfo=UTC).timestamp()) * 1_000_000
    assert policy.exceptions == ()


def test_remote_source_within_a_vpn_of_its_own(tmp_path: Path) -> None:
    text = TEXT.replace("[site]\n", '[site]\nvpn = ["10.8.0.0/16", "203.0.113.77"]\n')
    policy = load(written(tmp_path, text + HOME_OFFICE.partition("[[")[0]))
    assert policy.vpn == ("10.8.0.0/16", "203.0.113.77/32")
    with pytest.raises(PolicyErrors, match=r"10\.8\.0\.0/24 isn't in site\.vpn"):
        load(written(tmp_path, text.replace("10.8.0.0/16", "10.9.0.0/16") + HOME_OFFICE))


def test_profile_is_merged_key_by_key(tmp_path: Path) -> None:
    own = "per_caller = { concurrent = { block = 9 } }\ncaller_id_policy = 'any'\nmax_call_s = 60\n"
    loaded = Loader(written(tmp_path, TEXT.replace('zone = "internal"\n', f'zone = "internal"\n{own}'))).load()
    source = loaded.policy.sources["pbx"]
    assert source.per_caller.concurrent == Levels(alert=3, block=9)
    assert source.caller_id_policy == "any"
    assert set(source.bounds.max_call_s.values()) == {60}
    line = _line(Path(loaded.where("source.pbx.zone").rpartition(":")[0]), "[profile.office]")
    assert loaded.where("source.pbx.per_caller.concurrent.alert").endswith(f":{line + 2}")


def _line(path: Path, start: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("trunk.carrier.permit", "permit ="),
        ("trunk.carrier.spend.international.per_day", "international = { per_day"),
        ("trunk.carrier.max_call_s.special", "special = 600"),
        ("trunk.carrier.risk_alert", "[trunk.carrier]"),
        ("source.pbx.bounds.anything", "[source.pbx]"),
    ],
)
def test_where(key: str, start: str) -> None:
    loaded = Loader(str(EXAMPLE)).load()
    assert loaded.where(key) == f"{EXAMPLE}:{_line(EXAMPLE, start)}"


def test_where_of_nothing() -> None:
    assert Loader(str(EXAMPLE)).load().where("nowhere.at.all") == ""


def test_version_follows_decisions_not_spelling(tmp_path: Path) -> None:
    version = load(written(tmp_path)).version
    assert re.fullmatch("[0-9a-f]{64}", version)
    same = TEXT.replace("#", "# more").replace("0.25", '"0.250"').replace('["US", "CA", "GB"]', '["GB", "CA", "US"]')
    assert load(written(tmp_path, same)).version == version
    assert load(written(tmp_path, TEXT.replace("0.25", "0.26"))).version != version
    path = written(tmp_path)
    (tmp_path / "rates.csv").write_text(RATES.replace("0.92", "0.93"))
    assert load(path).version != version


TENANT = """
[tenant.{name}]
concurrent = {{ block = {block} }}
[source.{name}]
zone = "remote"
listen = "inside"
addresses = ["10.0.{net}.0/24"]
trunks = ["carrier"]
tenant = "{name}"
"""
INCLUDING = 'include = ["tenants/*.toml"]\n' + TEXT


def tenant(name: str, net: int, block: int = 5) -> str:
    return TENANT.format(name=name, net=net, block=block)


def test_include(tmp_path: Path) -> None:
    path = written(tmp_path, INCLUDING, tenants__a_toml=tenant("a", 1), tenants__b_toml=tenant("b", 2))
    loaded = Loader(path).load()
    assert set(loaded.policy.tenants) == {"a", "b"}
    assert loaded.where("tenant.b.concurrent.block") == f"{tmp_path}/tenants/b.toml:3"
    assert set(loaded.files) == {
        path,
        f"{tmp_path}/rates.csv",
        f"{tmp_path}/tenants/a.toml",
        f"{tmp_path}/tenants/b.toml",
    }


def test_how_it_is_cut_into_files_does_not_matter(tmp_path: Path) -> None:
    whole = load(written(tmp_path, TEXT + tenant("a", 1))).version
    assert load(written(tmp_path, INCLUDING, tenants__a_toml=tenant("a", 1))).version == whole


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ("[site]\nhome_country = 'GB'", "a.toml:1: site: is allowed in the main file only; move it there"),
        ("include = ['b.toml']", "a.toml:1: include: is allowed in the main file only; move it there"),
        ("[source.pbx]", "a.toml:1: source.pbx: is there twice: first in policy.toml:{line}; rename or remove one"),
        ("[tenant.x]\nmode = 1", "a.toml:2: tenant.x.mode: is not a known key"),
    ],
)
def test_wrong_include(tmp_path: Path, included: str, expected: str) -> None:
    with pytest.raises(PolicyErrors) as failed:
        load(written(tmp_path, INCLUDING, tenants__a_toml=included))
    said = str(failed.value).replace(f"{tmp_path}/", "").replace("tenants/", "").splitlines()
    expected = expected.format(line=_line(tmp_path / "policy.toml", "[source.pbx]"))
    assert any(line.startswith(expected) for line in said), said


def test_reload_keeps_the_file_that_is_wrong_and_takes_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, INCLUDING, tenants__a_toml=tenant("a", 1), tenants__b_toml=tenant("b", 2))
    loader = Loader(path)
    loader.load()
    written(tmp_path, INCLUDING, tenants__a_toml=tenant("a", 1, block=7), tenants__b_toml=tenant("b", 2) + "x =")
    loaded = loader.reload()
    assert loaded.policy.tenants["a"].bounds.caps.concurrent.block == 7
    assert loaded.policy.tenants["b"].bounds.caps.concurrent.block == 5
    assert [error.place for error in loaded.kept] == [f"{tmp_path}/tenants/b.toml:10"]
    written(tmp_path, INCLUDING, tenants__b_toml=tenant("b", 2, block=8))
    mended = loader.reload()
    assert mended.policy.tenants["b"].bounds.caps.concurrent.block == 8
    assert mended.kept == ()


def test_reload_keeps_a_file_that_contradicts_another(tmp_path: Path) -> None:
    path = written(tmp_path, INCLUDING, tenants__a_toml=tenant("a", 1), tenants__b_toml=tenant("b", 2))
    loader = Loader(path)
    loader.load()
    written(tmp_path, INCLUDING, tenants__b_toml=tenant("b", 1))
    loaded = loader.reload()
    assert loaded.policy.sources["b"].addresses == ("10.0.2.0/24",)
    assert "overlaps 10.0.1.0/24 of source.a" in str(loaded.kept[0])


def test_reload_of_a_wrong_main_file_raises_and_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    loader = Loader(path)
    version = loader.load().policy.version
    written(tmp_path, TEXT.replace("block = 5", "blok = 5"))
    with pytest.raises(PolicyErrors, match='did you mean "block"'):
        loader.reload()
    written(tmp_path)
    assert loader.reload().policy.version == version


def test_reload_with_a_new_file_that_is_wrong_raises(tmp_path: Path) -> None:
    path = written(tmp_path, INCLUDING)
    loader = Loader(path)
    loader.load()
    written(tmp_path, INCLUDING, tenants__new_toml="[tenant.n]\npermitt = []")
    with pytest.raises(PolicyErrors, match=r"new\.toml:2: tenant\.n\.permitt"):
        loader.reload()


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in leaves(child)]
    return [leaf for child in value for leaf in leaves(child)] if isinstance(value, list) else [value]


LINES = TEXT.splitlines()
TOKENS = sorted(
    {str(leaf) for leaf in leaves(tomllib.loads(TEXT))} | {*'[]{}="#,.', "[[", "]]", "true", "1e9", "''", "\\"}
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The example with lines lost, doubled, swapped, or with a token put in somewhere."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case 2:
                column = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:column] + draw(st.sampled_from(TOKENS)) + lines[at][column:]
            case _:
                token = draw(st.sampled_from(TOKENS))
                lines[at] = re.sub(r"[\w.\"+-]+", lambda _, t=token: t, lines[at], count=1)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


@given(mutations())
@example(TEXT)
def test_any_mutation_loads_or_is_refused_with_a_line_of_the_file(workplace: Path, text: str) -> None:
    path = written(workplace, text)
    lines = {path: text.count("\n") + 1, f"{workplace}/rates.csv": RATES.count("\n")}
    try:
        load(path)
    except PolicyErrors as failed:
        assert failed.errors
        for error in failed.errors:
            assert 1 <= error.line <= lines[error.path], error
