"""`ringfence status` has a word for everything that the edge says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import ringfence
from ringfence.cli.edge_words import COUNTED, TABLES, edge_rows
from ringfence.edge.core import EdgeCore
from ringfence.testing.trial import Trial

EDGE = Path(ringfence.__file__).parent / "edge"


def test_every_counter_has_words() -> None:
    """A counter is told in `cli/edge_words.py`, or nobody would know what it counts."""
    counted = {name for path in EDGE.glob("*.py") for name in re.findall(r'\.count\("(\w+)"\)', path.read_text())}
    assert counted == COUNTED.keys()


def test_every_table_has_words(tmp_path: Path) -> None:
    found = EdgeCore(Trial(tmp_path).engine.policy, "n1", b"s" * 32).status()
    assert found.keys() - {"overloaded"} == TABLES.keys()
    assert [row[0] for row in edge_rows(found)] == list(TABLES)
    assert ("refused", 2, "calls refused, since the start") in list(edge_rows({**found, "refused": 2}))
