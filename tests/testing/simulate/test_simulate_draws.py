"""What is drawn agrees with the published figures it is drawn from."""

from __future__ import annotations

import statistics
from datetime import date, datetime

import pytest

from ringfence.numbers.overlay import table
from ringfence.testing.simulate import directory
from ringfence.testing.simulate.days import Clock, at_ms, holidays
from ringfence.testing.simulate.draws import Weighted, bursty, generator, mean_talk_s, poisson, talk_s, zipf
from ringfence.testing.simulate.parameters import parameters

DRAWS = 30_000


def test_every_figure_has_a_source() -> None:
    for section in parameters().values():
        for found in [section] if "source" in section else section.values():
            assert found["source"]
            assert found["evidence"] in ("measured", "published", "assumed")


def test_talk_times_of_agents_are_the_measured_ones() -> None:
    """The Israeli bank: mean 185 s, p50 111, p90 387, p95 557, p99 1,181; 1.8 % over 15 minutes."""
    rng = generator("talk")
    drawn = sorted(talk_s(rng, "agent") for _ in range(DRAWS))
    assert statistics.fmean(drawn) == pytest.approx(185, rel=0.1)
    for share, published in ((0.5, 111), (0.9, 387), (0.95, 557), (0.99, 1181), (0.999, 3707)):
        assert drawn[int(share * DRAWS)] == pytest.approx(published, rel=0.12)
    assert sum(seconds > 900 for seconds in drawn) / DRAWS == pytest.approx(0.018, abs=0.004)


@pytest.mark.parametrize("kind", sorted(parameters()["talk"]))
def test_mean_talk_is_the_mean_of_draws(kind: str) -> None:
    rng = generator("mean", kind)
    assert statistics.fmean(talk_s(rng, kind) for _ in range(DRAWS)) == pytest.approx(mean_talk_s(kind), rel=0.04)


@pytest.mark.parametrize("mean", [0.2, 5.0, 60.0, 190.0])
def test_counts_are_as_dispersed_as_the_measured_bins(mean: float) -> None:
    """The US bank: the variance of a five-minute bin is 1.61 times its mean."""
    rng = generator("counts", mean)
    counts = [bursty(rng, mean, 1.61) for _ in range(DRAWS)]
    assert statistics.fmean(counts) == pytest.approx(mean, rel=0.05)
    assert statistics.variance(counts) / statistics.fmean(counts) == pytest.approx(1.61, rel=0.05)


@pytest.mark.parametrize("mean", [0.5, 30.0, 61.0, 400.0])
def test_poisson_counts_have_equal_mean_and_variance(mean: float) -> None:
    rng = generator("poisson", mean)
    counts = [poisson(rng, mean) for _ in range(DRAWS)]
    assert statistics.fmean(counts) == pytest.approx(mean, rel=0.03)
    assert statistics.variance(counts) == pytest.approx(mean, rel=0.05)


def test_no_calls_at_an_hour_without_any() -> None:
    assert bursty(generator("none"), 0.0, 1.61) == 0


def test_weights_are_kept() -> None:
    rng = generator("weights")
    choice = Weighted([("often", 3.0), ("never", 0.0), ("rarely", 1.0)])
    drawn = [choice.draw(rng) for _ in range(DRAWS)]
    assert drawn.count("often") / DRAWS == pytest.approx(0.75, abs=0.01)
    assert "never" not in drawn
    ranked = zipf(["first", "second"], 1.2)
    assert [ranked.draw(rng) for _ in range(DRAWS)].count("first") / DRAWS == pytest.approx(1 / (1 + 2**-1.2), abs=0.01)


def test_names_tell_generators_apart() -> None:
    assert generator(1, "a").random() == generator(1, "a").random() != generator(1, "b").random()


def test_numbers_are_of_the_country_and_kind_that_is_asked_for() -> None:
    rng = generator("numbers")
    for country in directory.countries():
        for kind in ("fixed", "mobile", "fixed_or_mobile", "premium", "toll_free"):
            if directory.has(country, kind):
                label = table().label(directory.number(rng, country, kind))
                assert (label.region, label.type) == (country, kind)


def test_numbers_of_an_area_begin_as_it_does() -> None:
    assert directory.number(generator("area"), "US", "fixed_or_mobile", under="1212").startswith("1212")


def test_a_country_without_the_kind_gives_an_ordinary_number() -> None:
    assert not directory.has("CU", "premium")
    assert table().label(directory.number(generator("none"), "CU", "premium")).region == "CU"


def test_bad_numbers_are_in_no_plan() -> None:
    rng = generator("bad")
    for country in ("CU", "SO", "LV", "GB", "JM"):
        assert not table().label(directory.unallocated(rng, country)).type
    lengths = {len(directory.wrong_length(rng, "447400123456")) for _ in range(50)}
    assert lengths == {14, 10, 9}


def test_numbers_in_order_are_valid_and_follow_each_other() -> None:
    found = directory.in_order(generator("order"), "LV", ("mobile",), 50)
    assert [int(number) - int(found[0]) for number in found] == list(range(50))
    assert {table().label(number) for number in found} == {table().label(found[0])}


def test_a_number_beside_another_is_of_its_range() -> None:
    found = directory.beside(generator("beside"), "447400123456", 3)
    assert found != "447400123456"
    assert found.startswith("447400123")


@pytest.mark.parametrize(
    ("home", "year", "day"),
    [
        ("US", 2026, date(2026, 11, 26)),
        ("US", 2026, date(2026, 5, 25)),
        ("GB", 2026, date(2026, 4, 6)),
        ("GB", 2026, date(2026, 8, 31)),
        ("DE", 2026, date(2026, 4, 3)),
        ("DE", 2026, date(2026, 5, 14)),
    ],
)
def test_holidays(home: str, year: int, day: date) -> None:
    assert day in holidays(home, year)


def test_instants_are_written_with_the_offset_of_their_day() -> None:
    zone, clock = "America/New_York", Clock("America/New_York")
    before, after = at_ms(zone, date(2026, 10, 31), 12.5), at_ms(zone, date(2026, 11, 1), 12.5)
    assert clock.iso(before) == "2026-10-31T12:30:00.000-04:00"
    assert clock.iso(after + 7) == "2026-11-01T12:30:00.007-05:00"
    assert datetime.fromisoformat(clock.iso(after)).timestamp() * 1000 == after
