"""`ringfence serve`: what a person wants to know at the start."""

import re
from pathlib import Path

import pytest

from ringfence.cli.serve import EXAMPLE, what_next

ROOT = Path(__file__).parents[2]


def test_make_try_is_named_where_make_run_starts_the_guard() -> None:
    served = re.search(r"serve --policy (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert served is not None
    assert Path(served[1]) == EXAMPLE
    assert "make try" in what_next(EXAMPLE)


@pytest.mark.parametrize("policy", ["policy.toml", "/etc/ringfence/policy.toml"])
def test_make_try_is_not_for_a_guard_of_ones_own(policy: str) -> None:
    told = what_next(Path(policy))
    assert "make try" not in told
    assert "ringfence log" in told
