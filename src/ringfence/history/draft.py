"""A commented policy from what was learned (D6).

Block 15 % over the highest that ever was; alert under it, 25 % over what is expected at the busiest hour of the week.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ringfence.history.learned import Learning, Way
from ringfence.model import SECOND, Instant
from ringfence.rules.base import money
from ringfence.rules.currencies import currency_of

BLOCK, ALERT = 1.15, 1.25
OFTEN_DAYS = 2
"""A country is permitted if it was called on so many days."""
MOST_IDS = 200
DAYS = tuple(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
SHORT_MAX_S = 3600

HEAD = """\
# Made by `ringfence learn` from {calls} outbound calls, {first} to {last}.
# Read it whole. What is marked CHECK can't be known from call records. Then: ringfence policy check; ringfence replay.

[site]
home_country = "{home}"
time_zone = "{zone}"
holidays = []                         # CHECK: days on which nobody is there

[behaviour]
mode = "{mode}"                       # "enforce" refuses calls against which too much speaks; see docs/rules.md

[listen.inside]
bind = "127.0.0.1:5060"               # CHECK: where the PBX sends its calls

[listen.outside]
bind = "127.0.0.1:5080"               # CHECK: where the guard speaks with the carrier
"""


def draft(learning: Learning, home: str, zone: str, outside: Sequence[str], rates: str, *, enforce: bool) -> str:
    """The policy as TOML."""
    calls = sum(way.calls for way in learning.ways.values())
    parts = [
        HEAD.format(
            calls=calls,
            first=_day(learning.first),
            last=_day(learning.last),
            home=home,
            zone=zone,
            mode="enforce" if enforce else "observe",
        )
    ]
    parts += [_trunk(name, way, home, rates, learning.weeks) for name, way in learning.ways.items()]
    parts += [_source(names, learning, outside) for names in learning.sources()]
    return "\n".join(parts)


def key(name: str) -> str:
    """A name as the policy takes it."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:64] or "trunk"


def source_name(trunks: Sequence[str]) -> str:
    """What the source of these trunks is called."""
    return f"pbx-{key(trunks[0])}"[:64]


def permitted(way: Way) -> list[str]:
    """Countries that were called on several days."""
    return sorted(name for name, country in way.countries.items() if len(country.days) >= OFTEN_DAYS and name.isalpha())


def _trunk(name: str, way: Way, home: str, rates: str, weeks: int) -> str:
    permit = sorted({home, *permitted(way)})
    seldom = [f"{c} ({found.calls})" for c, found in sorted(way.countries.items()) if c not in permit]
    lines = [
        f"[trunk.{key(name)}]",
        'listen = "outside"',
        'carrier_addresses = ["127.0.0.3"]     # CHECK: the carrier\'s addresses',
        'send_to = ["sip:127.0.0.3:5060"]      # CHECK: where it takes calls',
        f"permit = {_list(permit)}",
    ]
    if seldom:
        lines.append(f"# called on one day only, and not permitted: {', '.join(seldom)}")
    if way.special:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in way.special.most_common())
        lines.append(f"# special numbers were called, and stay refused: {kinds}")
    lines += _caps(way, weeks)
    if rates:
        currency = currency_of(home) or "USD"
        lines.append(f'billing = {{ rates = "{rates}", currency = "{currency}" }}   # CHECK: the currency of the deck')
    if way.dearest:
        ceiling = math.ceil(way.dearest * 1.25 / 10_000) / 100
        lines.append(f"# max_price_per_min = {ceiling:.2f}   # the dearest call was at {money(way.dearest)}")
    lines += ["", *_longest(name, way), *_spend(name, way), *_hours(name, way)]
    return "\n".join(lines)


def _caps(way: Way, weeks: int) -> list[str]:
    if not way.peak:
        return []
    expected = {hour: math.ceil(total / weeks) for hour, total in way.hour_peaks.items()}
    burst = max(2, math.ceil(way.peak_second * BLOCK))
    return [
        f"concurrent = {_levels(way.peak, max(expected.values()))}   # at most {way.peak} at once",
        *_by_hour(expected, weeks),
        f"calls_per_hour = {{ alert = {math.ceil(way.peak_hour * 1.25)} }}   # at most {way.peak_hour}",
        f"calls_per_second = {{ block = {burst}, burst = {2 * burst} }}   # at most {way.peak_second}",
    ]


def _levels(peak: int, expected: int) -> str:
    block = max(peak + 2, math.ceil(peak * BLOCK))
    alert = min(block - 1, max(1, math.ceil(expected * ALERT)))
    return f"{{ expected = {expected}, alert = {alert}, block = {block} }}"


def _by_hour(expected: dict[int, int], weeks: int) -> list[str]:
    """What is expected in each hour of the week, as a table to read: a replay or guard has it from --baseline."""
    rows = [
        f"# {day}" + "".join(f"{expected.get(24 * n + hour, 0) or '.':>4}" for hour in range(24)) for n, day in DAYS
    ]
    span = f"the mean of {weeks} weeks' peaks" if weeks > 1 else "the peaks of one week"
    head = "#    " + "".join(f"{hour:>4}" for hour in range(24))
    return [f"# expected at once by hour of the week, {span}; --baseline keeps them:", head, *rows]


def _longest(name: str, way: Way) -> list[str]:
    longest = {klass: s for klass, s in way.longest_s.items() if klass in ("domestic", "international")}
    if not longest:
        return []
    rows = [f"{klass} = {max(SHORT_MAX_S, math.ceil(s * 1.25 / 600) * 600)}" for klass, s in sorted(longest.items())]
    return [f"[trunk.{key(name)}.max_call_s]   # the longest took {max(longest.values())} s", *rows, ""]


def _spend(name: str, way: Way) -> list[str]:
    if not way.spend_abroad_day:
        return []
    cap = math.ceil(way.spend_abroad_day * 1.5 / 1_000_000)  # Whole: a minute is reserved before it begins.
    return [
        f"[trunk.{key(name)}.spend]   # at most {money(way.spend_abroad_day)} in a day",
        f"international = {{ per_day = {cap} }}",
        "",
    ]


def _hours(name: str, way: Way) -> list[str]:
    """Opening hours as a proposal: unusual hours weigh by the behaviour rules already."""
    total = sum(way.hours.values())
    if total < 50:
        return []
    weekday = Counter[int]()
    for hour, count in way.hours.items():
        if hour < 5 * 24:
            weekday[hour % 24] += count
    open_hours = [hour for hour in range(24) if weekday[hour] >= total * 0.002]
    if not open_hours or open_hours[-1] - open_hours[0] == 23:
        return []
    outside = total - sum(weekday[hour] for hour in range(open_hours[0], open_hours[-1] + 1))
    return [
        f"# [trunk.{key(name)}.hours]   # {outside} of {total} calls abroad were outside of these",
        f'# international = "Mon-Fri {open_hours[0]:02d}:00-{open_hours[-1] + 1:02d}:00"',
        "",
    ]


def _source(names: Sequence[str], learning: Learning, outside: Sequence[str]) -> str:
    ways = [learning.ways[name] for name in names]
    callers = sum((way.callers for way in ways), Counter[str]())
    owned, policy, remark = _caller_ids(callers, any(way.diverted for way in ways))
    inbound = any(way.inbound for way in ways)
    lines = [
        f"[source.{source_name(names)}]",
        'zone = "internal"',
        'listen = "inside"',
        'addresses = ["127.0.0.2"]             # CHECK: the PBX\'s address',
        f"trunks = {_list([key(name) for name in names])}",
        f'caller_id_policy = "{policy}"{remark}',
    ]
    if inbound:
        lines.append('directions = ["out", "in"]')
    if owned:
        lines.append(f"caller_ids = {_list(owned)}")
    if outside:
        lines.append(f"plan = {{ outside = {_list(outside)} }}")
    return "\n".join(lines) + "\n"


def _caller_ids(callers: Counter[str], diverted: bool) -> tuple[list[str], str, str]:
    """Owned numbers, the policy on others, and why."""
    numbers = sorted({caller.lstrip("+") for caller, count in callers.items() if count >= 2 and _is_e164(caller)})
    share = sum(count for caller, count in callers.items() if _is_e164(caller)) / max(1, sum(callers.values()))
    if not numbers or share < 0.99 or len(numbers) > MOST_IDS:
        return [], "any", "            # CHECK: no short list of numbers was shown; name yours"
    return (
        [f"+{a}-+{b}" if a != b else f"+{a}" for a, b in _ranges(numbers)],
        ("owned_or_forwarded" if diverted else "owned"),
        "",
    )


def _is_e164(caller: str) -> bool:
    return caller.startswith("+") and caller[1:].isdigit() and 8 <= len(caller) <= 16


def _ranges(numbers: Iterable[str]) -> list[tuple[str, str]]:
    """Numbers next to each other, up to a gap of ten, as ranges."""
    found: list[tuple[str, str]] = []
    for number in numbers:
        if found and len(number) == len(found[-1][1]) and int(number) - int(found[-1][1]) <= 10:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _day(at: Instant) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).date().isoformat()
