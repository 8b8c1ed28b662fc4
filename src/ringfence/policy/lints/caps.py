"""Caps that are missing, or that nobody would notice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil

from ringfence.model.settings import CallRate, Caps, Policy, Source
from ringfence.policy.lints.base import Found, Lint, Subject, abroad, all_caps, all_levels, holders, levels_of


def _no_concurrent_cap(subject: Subject) -> Iterator[Found]:
    for name, trunk in subject.policy.trunks.items():
        if trunk.bounds.caps.concurrent.block is None:
            text = f"trunk {name} has no cap on calls in progress"
            yield Found(
                f"trunk.{name}.concurrent", text, "write concurrent = { alert = 15, block = 20 }, over your peak"
            )


def _alert_without_block(subject: Subject) -> Iterator[Found]:
    """Where another cap of the same table refuses, an alert alone is what was meant."""
    for key, caps in all_caps(subject.policy):
        levels = list(levels_of(key, caps))
        if _spent(caps) or any(each.block is not None for _, each in levels):
            continue
        for name, each in levels:
            if each.alert is not None:
                text = f"{name} alerts at {each.alert:g}, and no cap beside it refuses"
                yield Found(f"{name}.alert", text, "add block")


def _expected_over_alert(subject: Subject) -> Iterator[Found]:
    for key, levels in all_levels(subject.policy):
        if levels.expected is not None and levels.alert is not None and levels.expected > levels.alert:
            text = f"{key} expects {levels.expected:g}, over its alert level of {levels.alert:g}: it alerts every day"
            yield Found(f"{key}.expected", text, "raise alert or lower expected")


def _no_burst(subject: Subject) -> Iterator[Found]:
    for key, levels in all_levels(subject.policy):
        if isinstance(levels, CallRate) and levels.block is not None and levels.block >= 1:
            apart_ms = 1000 / levels.block
            if levels.burst == 1 and levels.pace_ms < apart_ms:
                text = f"{key} refuses a call less than {apart_ms - levels.pace_ms:.0f} ms after the one before"
                yield Found(f"{key}.block", text, f"write burst = {ceil(levels.block)}, or pace_ms")


def _spent(caps: Caps) -> bool:
    return caps.spend.per_day is not None or caps.spend.per_month is not None


def _no_spend_cap(subject: Subject) -> Iterator[Found]:
    for name, trunk in subject.policy.trunks.items():
        bounds = trunk.bounds
        capped = _spent(bounds.caps) or (
            "international" in bounds.class_caps and _spent(bounds.class_caps["international"])
        )
        if abroad(trunk, subject.policy) and not capped:
            text = f"trunk {name} may spend any amount on calls abroad"
            hint = "write spend = { international = { per_day = 50, per_month = 500 } }"
            yield Found(f"trunk.{name}.spend", text, f"{hint} and billing" if trunk.deck is None else hint)


def _spend_without_rates(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    for name, source in policy.sources.items():
        unpriced = [trunk for trunk in source.trunks if policy.trunks[trunk].deck is None]
        caps = [source.bounds.caps, source.per_caller, *source.bounds.class_caps.values()]
        if unpriced and any(_spent(each) for each in caps):
            text = f"source {name} has a spend cap, but calls on trunk {', '.join(unpriced)} have no price"
            yield Found(f"source.{name}.spend", text, 'give the trunk billing = { rates = "FILE.csv" }')


def _month_under_day(subject: Subject) -> Iterator[Found]:
    for key, caps in all_caps(subject.policy):
        day, month = caps.spend.per_day, caps.spend.per_month
        if day is not None and month is not None and month < day:
            spend = _spend_key(key)
            text = f"{spend} allows less in a month than in a day: the daily cap never matters"
            yield Found(f"{spend}.per_month", text, "raise per_month or lower per_day")


def _spend_key(key: str) -> str:
    """`trunk.a.class.international` keeps its money in `trunk.a.spend.international`."""
    holder, found, klass = key.partition(".class.")
    return f"{holder}.spend.{klass if found else 'total'}"


def _cap_without_effect(subject: Subject) -> Iterator[Found]:
    yield from _shorter_over_longer(subject.policy)
    yield from _part_over_whole(subject.policy)


def _shorter_over_longer(policy: Policy) -> Iterator[Found]:
    """More calls allowed in a minute than in a day."""
    for key, caps in all_caps(policy):
        windows = [("minute", caps.calls.per_minute), ("hour", caps.calls.per_hour), ("day", caps.calls.per_day)]
        capped = [(name, levels.block) for name, levels in windows if levels.block is not None]
        for (short, most), (long, fewer) in pairwise(capped):
            if fewer < most:
                text = f"{key} allows {most:g} calls in a {short} and {fewer:g} in a {long}: the former never matters"
                yield Found(
                    f"{key}.calls_per_{short}.block", text, f"raise calls_per_{long} or lower calls_per_{short}"
                )


def _part_over_whole(policy: Policy) -> Iterator[Found]:
    """More calls in progress allowed to a class or a caller than to all."""
    for key, holder in holders(policy):
        whole = holder.bounds.caps.concurrent.block
        parts = [(f"{key}.class.{klass}", caps) for klass, caps in holder.bounds.class_caps.items()]
        if isinstance(holder, Source):
            parts.append((f"{key}.per_caller", holder.per_caller))
            ways = [policy.trunks[name].bounds.caps.concurrent.block for name in holder.trunks]
            if ways and None not in ways:
                most = sum(filter(None, ways))
                whole = most if whole is None else min(whole, most)
        for name, caps in parts:
            block = caps.concurrent.block
            if block is not None and whole is not None and block > whole:
                text = (
                    f"{name} allows {block:g} calls in progress where all together may have {whole:g}: it never matters"
                )
                yield Found(f"{name}.concurrent.block", text, f"lower it, under {whole:g}")


def _no_price_ceiling(subject: Subject) -> Iterator[Found]:
    for name, trunk in subject.policy.trunks.items():
        if abroad(trunk, subject.policy) and trunk.deck is not None and trunk.max_price_per_min is None:
            text = f"trunk {name} permits calls abroad at any price per minute"
            yield Found(
                f"trunk.{name}.max_price_per_min", text, "write max_price_per_min = 0.50, over what you really call"
            )


def _no_longest_call(subject: Subject) -> Iterator[Found]:
    for key, holder in holders(subject.policy):
        name = key.partition(".")[2]
        if not key.startswith("trunk.") or not abroad(subject.policy.trunks[name], subject.policy):
            continue
        users = [source for source in subject.policy.sources.values() if name in source.trunks]
        if "international" not in holder.bounds.max_call_s and not all(
            "international" in s.bounds.max_call_s for s in users
        ):
            yield Found(
                f"{key}.max_call_s", f"a call abroad on trunk {name} may last for ever", "write max_call_s = 3600"
            )


LINTS = (
    Lint(
        code="POL-101",
        slug="no-concurrent-cap",
        why="Calls in progress are what fraud needs many of; without a cap one stolen extension takes the whole trunk.",
        find=_no_concurrent_cap,
    ),
    Lint(
        code="POL-102",
        slug="alert-without-block",
        why="Fraud happens at night and at weekends, when nobody reads alerts.",
        find=_alert_without_block,
    ),
    Lint(
        code="POL-103",
        slug="expected-over-alert",
        why="An alert that comes every day is an alert that nobody reads.",
        find=_expected_over_alert,
    ),
    Lint(
        code="POL-104",
        slug="no-spend-cap",
        why="Money is the one limit that holds whatever way fraud takes.",
        find=_no_spend_cap,
    ),
    Lint(
        code="POL-105",
        slug="spend-without-rates",
        why="Without a rate deck a call has no price, and a cap on money counts nothing.",
        find=_spend_without_rates,
    ),
    Lint(
        code="POL-106",
        slug="month-under-day",
        why="One of the two numbers was probably meant otherwise.",
        find=_month_under_day,
    ),
    Lint(
        code="POL-107",
        slug="no-price-ceiling",
        why="Within a permitted country the ranges that pay the fraudster are the dear ones.",
        find=_no_price_ceiling,
    ),
    Lint(
        code="POL-108",
        slug="no-longest-call",
        why="A call left open to a number that pays by the minute earns all night.",
        find=_no_longest_call,
    ),
    Lint(
        code="POL-109",
        slug="no-burst",
        why="People don't dial in step: two who call at the same moment are no fraud.",
        find=_no_burst,
    ),
    Lint(
        code="POL-110",
        slug="cap-without-effect",
        why="Another cap is always reached before this one; whoever wrote it believes in a limit that isn't there.",
        find=_cap_without_effect,
    ),
)
