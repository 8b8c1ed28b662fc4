"""Seeded draws: counts, talk times, weights. Nothing here keeps state but the generator it is given."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from ringfence.testing.simulate.parameters import section

T = TypeVar("T")

LONGEST_S = 36_291
"""The longest call of the Israeli bank's agents: no draw of a log-normal's tail goes beyond it."""


def generator(*names: object) -> Random:
    """A generator of its own for whatever these names name; equal names give equal draws."""
    return Random("/".join(map(str, names)))


class Weighted(Generic[T]):
    """A choice by weight, in logarithmic time."""

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        kept = [(item, weight) for item, weight in pairs if weight > 0]
        self.items = [item for item, _ in kept]
        self._sums = list(accumulate(weight for _, weight in kept))

    def draw(self, rng: Random) -> T:
        """One item; raises IndexError where there is none to choose."""
        return self.items[bisect_right(self._sums, rng.random() * self._sums[-1])]


def zipf(items: Sequence[T], s: float) -> Weighted[T]:
    """A choice in which the n-th item has the weight n^-s."""
    return Weighted((item, (rank + 1) ** -s) for rank, item in enumerate(items))


def poisson(rng: Random, mean: float) -> int:
    """A Poisson count; beyond 60 the normal approximation, which is off by less than one in a hundred there."""
    if mean > 60:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def bursty(rng: Random, mean: float, dispersion: float) -> int:
    """A gamma-Poisson count whose variance is `dispersion` times its mean (Brown et al. 2004 find calls so)."""
    if mean <= 0:
        return 0
    return poisson(rng, rng.gammavariate(mean / (dispersion - 1), dispersion - 1))


@cache
def _talk(kind: str) -> tuple[float, float, float, float, float, float]:
    found = section(f"talk.{kind}")
    long = (found.get("long", 0.0), found.get("long_mu", 0.0), found.get("long_sigma", 0.0))
    return found["short"], found["mu"], found["sigma"], *long


def talk_s(rng: Random, kind: str) -> int:
    """Seconds of talk of an answered call of one kind."""
    short, mu, sigma, long, long_mu, long_sigma = _talk(kind)
    which = rng.random()
    if which < short:
        return rng.randint(1, 10)
    if which > 1 - long:
        mu, sigma = long_mu, long_sigma
    return max(1, min(LONGEST_S, round(rng.lognormvariate(mu, sigma))))


@cache
def mean_talk_s(kind: str) -> float:
    """The mean of `talk_s`, but for the cut of its tail."""
    short, mu, sigma, long, long_mu, long_sigma = _talk(kind)
    body = (1 - short - long) * math.exp(mu + sigma**2 / 2)
    return short * 5.5 + body + long * math.exp(long_mu + long_sigma**2 / 2)


def between(rng: Random, bounds: Sequence[float]) -> float:
    """Evenly between two bounds."""
    return rng.uniform(bounds[0], bounds[1])


def whole(rng: Random, bounds: Sequence[int]) -> int:
    """A whole number between two bounds, both included."""
    return rng.randint(bounds[0], bounds[1])
