"""Which sources share nothing, and how they are spread over processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from historykit import policy
from hypothesis import given
from hypothesis import strategies as st

from ringfence.history.groups import groups, spread


def source(name: str, trunk: str, tenant: str = "") -> str:
    """A source, its trunk and its tenant; a table that is written twice is merged."""
    number = sum(map(ord, name))
    lines = [
        f'[source.{name}]\nzone = "internal"\nlisten = "inside"\naddresses = ["10.9.{number % 250}.1"]',
        f'caller_ids = ["+1212555{number:04}"]\ntrunks = ["{trunk}"]',
        *([f'tenant = "{tenant}"\n[tenant.{tenant}]\ntime_zone = "UTC"'] if tenant else []),
    ]
    way = f'[trunk.{trunk}]\nlisten = "inside"\ncarrier_addresses = ["127.0.0.3"]\nsend_to = ["sip:127.0.0.3:5060"]\n'
    return "\n".join(lines) + "\n" + way


A = '[tenant.acme]\ntime_zone = "UTC"\n[source.pbx]\ntenant = "acme"\n'


@pytest.mark.parametrize(
    ("lines", "parted"),
    [
        ("", [{"pbx"}]),
        (A + source("b", "two", "other"), [{"pbx"}, {"b"}]),
        (A + source("b", "two", "acme"), [{"pbx", "b"}]),
        (A + source("b", "carrier", "other"), [{"pbx", "b"}]),
        (A + source("b", "two"), [{"pbx"}, {"b"}]),
        (source("b", "two") + source("c", "three"), [{"pbx", "b", "c"}]),
        (A + source("b", "two", "other") + source("c", "two", "third"), [{"pbx"}, {"b", "c"}]),
    ],
    ids=["one", "apart", "one tenant", "one trunk", "no tenant beside one", "no tenants", "joined by a trunk"],
)
def test_who_shares_something(lines: str, parted: list[set[str]], tmp_path: Path) -> None:
    found = groups(policy(tmp_path, lines))
    assert [{name for name in found if found[name] == number} for number in dict.fromkeys(found.values())] == parted


@given(st.dictionaries(st.integers(0, 50), st.integers(1, 1000), min_size=1), st.integers(1, 8))
def test_no_process_has_more_than_it_must(calls: dict[int, int], many: int) -> None:
    way = spread(Counter(calls), many)
    assert set(way) == set(calls)
    loads = [sum(calls[group] for group in way if way[group] == number) for number in range(many)]
    assert max(loads) <= sum(calls.values()) / many + max(calls.values())
