"""Destinations: risky ones, and trunks that don't agree on them (control C9)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from ringfence.model.settings import Bounds, Policy, Source, Trunk
from ringfence.model.time import Instant
from ringfence.numbers import Number, RiskTable, calling_code, overlay
from ringfence.numbers.table import Label
from ringfence.policy.lints.base import Found, Lint, Subject, holders, originating, permitted
from ringfence.rules.base import money
from ringfence.rules.price_over_ceiling import first_minute_micros

HIGH_RISK = 15
"""Points of a country in the risk table from which permitting it is worth a second thought."""

SHOWN = 6
"""Destinations that a finding names."""

_ORDINARY = ("fixed", "mobile", "fixed_or_mobile")


@cache
def _examples() -> dict[str, str]:
    """An ordinary number of each region, from the numbering table."""
    found: dict[str, str] = {}
    table = overlay.table()
    for start, row in zip(table.starts, table.rows, strict=True):
        for number, label in _ordinary(start, row):
            found.setdefault(label.region, number)
    return found


def _ordinary(start: str, row: tuple[Label, ...]) -> Iterator[tuple[str, Label]]:
    """The first ordinary number of each length in one range of the table."""
    for length, label in enumerate(row):
        if label.type in _ORDINARY and length >= len(start):
            yield start.ljust(length, "0"), label


def witness(what: str) -> str:
    """A number that the entry of a permit list admits: E.164 digits, empty where the table has none."""
    if not what.startswith("+"):
        return _examples().get(what, "")
    prefix, table = what[1:], overlay.table()
    first = bisect_right(table.starts, prefix) - 1
    for start, row in zip(table.starts[first:], table.rows[first:], strict=True):
        if start > prefix and not start.startswith(prefix):
            break
        for number, _ in _ordinary(max(start, prefix), row):
            return number
    return prefix


def admits(permit: frozenset[str], what: str) -> bool:
    """Whether a permit list holds all of a country or prefix."""
    if what in permit:
        return True
    if not what.startswith("+"):
        return False
    inside = any(entry.startswith("+") and what.startswith(entry) for entry in permit)
    return inside or _region(what[1:]) in permit


def _region(prefix: str) -> str:
    """The region of all numbers under a prefix; empty where there are several."""
    regions = _regions(prefix)
    return regions.pop() if calling_code(prefix) and len(regions) == 1 else ""


def _regions(prefix: str) -> set[str]:
    return {label.region for row in overlay.table().rows_under(prefix) for label in row if label.region}


def _prefix_of_many(subject: Subject) -> Iterator[Found]:
    for key, holder in holders(subject.policy):
        for what in sorted(holder.bounds.permit or ()):
            regions = sorted(_regions(what[1:])) if what.startswith("+") else []
            if len(regions) > 1:
                text = (
                    f"{key.replace('.', ' ', 1)} permits {what}, which is {len(regions)} countries: {_named(regions)}"
                )
                yield Found(f"{key}.permit", text, "write the countries that are meant")


def _permits_high_risk(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    table = policy.risks or RiskTable()
    for name, trunk in policy.trunks.items():
        risky = {what: _risk(table, what, policy) for what in permitted(trunk.bounds, policy.home_country)}
        risky = {what: score for what, score in risky.items() if score >= HIGH_RISK}
        if risky:
            named = ", ".join(f"{what} ({score})" for what, score in sorted(risky.items()))
            text = f"trunk {name} permits destinations of high risk: {named}"
            yield Found(f"trunk.{name}.permit", text, "permit the numbers you need, as an exception with an end")


def _risk(table: RiskTable, what: str, policy: Policy) -> int:
    """Risk of an ordinary number there."""
    number = witness(what)
    region = what if not what.startswith("+") else overlay.table().label(number).region
    return table.score(Number("ok", number, region, "fixed"), policy.home_country).score


def _trunks_disagree(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    for source in originating(policy):
        trunks = [policy.trunks[name] for name in source.trunks]
        for one in trunks:
            yield from (found for other in trunks for found in _more(one, other, source, policy))


def _more(one: Trunk, other: Trunk, source: Source, policy: Policy) -> Iterator[Found]:
    """What one trunk lets this source call and another refuses."""
    home = policy.home_country
    mine, others = permitted(one.bounds, home), permitted(other.bounds, home)
    own = _own_bounds(source, policy)
    more = [what for what in sorted(mine) if not admits(others, what) and _reachable(what, own)]
    if more:
        text = f"{_refused(source, _named(more), one, other)}: for instance +{witness(more[0])}"
        yield Found(f"trunk.{one.name}.permit", text, "make the lists equal, or narrow the source's permit")
    kinds = [
        kind
        for kind in sorted(one.bounds.special - other.bounds.special)
        if all(not bounds.special or kind in bounds.special for bounds in own)
    ]
    if kinds:
        text = _refused(source, f"{', '.join(kinds)} numbers", one, other)
        yield Found(f"trunk.{one.name}.special", text, "make the lists equal")


def _own_bounds(source: Source, policy: Policy) -> list[Bounds]:
    """What confines a source on every trunk."""
    return [source.bounds, *([policy.tenants[source.tenant].bounds] if source.tenant is not None else [])]


def _reachable(what: str, own: list[Bounds]) -> bool:
    return all(bounds.permit is None or admits(bounds.permit, what) for bounds in own)


def _refused(source: Source, what: str, one: Trunk, other: Trunk) -> str:
    return f"source {source.name} is refused {what} on trunk {other.name} and gets them on trunk {one.name}"


def _named(what: list[str]) -> str:
    """Some of many, and how many there are."""
    return ", ".join(what[:SHOWN]) + (f" and {len(what) - SHOWN} more" if len(what) > SHOWN else "")


def _permitted_too_dear(subject: Subject) -> Iterator[Found]:
    home = subject.policy.home_country
    for name, trunk in subject.policy.trunks.items():
        refused = [_refused_by_price(trunk, what, subject.now) for what in sorted(permitted(trunk.bounds, home))]
        if any(refused):
            text = f"trunk {name} permits what its prices refuse: {', '.join(filter(None, refused))}"
            yield Found(f"trunk.{name}.permit", text, "raise max_price_per_min, add the rate, or take it out of permit")


def _refused_by_price(trunk: Trunk, what: str, now: Instant) -> str:
    """An ordinary number there that is refused by its price or for want of one; empty where it passes."""
    number, ceiling = witness(what), trunk.max_price_per_min
    if trunk.deck is None or ceiling is None or not number:
        return ""
    price = trunk.deck.rate(number, now)
    if price is None:
        return f"{what} has no rate (+{number})"
    cost = first_minute_micros(price)
    return f"{what} costs {money(cost)} in its first minute (+{number})" if cost > ceiling else ""


def _permit_in_vain(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    for source in originating(policy):
        lists = [permitted(policy.trunks[name].bounds, policy.home_country) for name in source.trunks]
        vain = [what for what in sorted(source.bounds.permit or ()) if not any(_touches(p, what) for p in lists)]
        if vain:
            text = f"source {source.name} permits {', '.join(vain)}, which no trunk of its permits"
            yield Found(f"source.{source.name}.permit", text, "add it to the trunk, or take it out here")


def _touches(permit: frozenset[str], what: str) -> bool:
    """Whether a permit list admits a country or prefix at least in part."""
    if admits(permit, what):
        return True
    prefixes = [entry[1:] for entry in permit if entry.startswith("+")]
    if what.startswith("+"):
        return (
            any(prefix.startswith(what[1:]) for prefix in prefixes)
            or overlay.table().label(witness(what)).region in permit
        )
    return any(overlay.table().label(witness(f"+{prefix}")).region == what for prefix in prefixes)


LINTS = (
    Lint(
        code="POL-201",
        slug="permits-high-risk",
        why="Numbers in these countries are the ones fraud calls most; few businesses call them every day.",
        find=_permits_high_risk,
    ),
    Lint(
        code="POL-202",
        slug="trunks-disagree",
        why="A call that one trunk refuses is tried on the next: the weakest list is the one that holds (C9).",
        find=_trunks_disagree,
    ),
    Lint(
        code="POL-203",
        slug="permit-in-vain",
        why="Whoever wrote it believes that these calls pass, and they don't.",
        find=_permit_in_vain,
    ),
    Lint(
        code="POL-204",
        slug="permitted-too-dear",
        why="Calls to a country that is permitted are refused all the same: the ceiling is under the carrier's price.",
        find=_permitted_too_dear,
    ),
    Lint(
        code="POL-205",
        slug="prefix-of-many-countries",
        why="+1 is not one country: it has the Caribbean in it, whose numbers look like those at home (C4).",
        find=_prefix_of_many,
    ),
)
