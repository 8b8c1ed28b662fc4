"""The figures the simulator draws with, read once from `data/parameters.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def parameters() -> dict[str, Any]:
    """All of them, as the file nests them."""
    return tomllib.loads(files(__package__).joinpath("data/parameters.toml").read_text(encoding="utf-8"))


def section(path: str) -> dict[str, Any]:
    """One section, such as `attack.clinic`; raises KeyError for one that isn't there."""
    found = parameters()
    for name in path.split("."):
        found = found[name]
    return found
