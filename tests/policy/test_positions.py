"""The scanner finds exactly the paths that tomllib finds, on the lines where they stand."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringfence.policy.positions import Path, positions

TEXT = '''# a comment with [brackets] and = signs
top = 1
"quoted . key".'raw' = "a # b"

[site]
note = """
[not.a.header]
x = 1 \\""" still"""""
when = 1979-05-27 07:32:00 # a space inside
list = [
  "one",  # first
  { a = 1, b.c = [1,
     2] },
]

[[exception]]
what = 'x'
[exception.deep]
y = 1
[[exception]]
what = "y"
[[exception.sub]]
z = 1
[a . b]
'''


def test_lines() -> None:
    lines = positions(TEXT)
    assert lines[("top",)] == 2
    assert lines[("quoted . key", "raw")] == 3
    assert lines[("site",)] == 5
    assert lines[("site", "when")] == 9
    assert lines[("site", "list", 0)] == 11
    assert lines[("site", "list", 1, "b", "c", 1)] == 13
    assert lines[("exception", 0, "deep", "y")] == 19
    assert lines[("exception", 1, "what")] == 21
    assert lines[("exception", 1, "sub", 0, "z")] == 23
    assert lines[("a", "b")] == 24


def paths(value: Any, at: Path = ()) -> set[Path]:
    found: set[Path] = {at} if at else set()
    if isinstance(value, dict):
        return found.union(*(paths(child, (*at, name)) for name, child in value.items()))
    if isinstance(value, list):
        return found.union(*(paths(child, (*at, i)) for i, child in enumerate(value)))
    return found


def test_same_paths_as_tomllib() -> None:
    assert set(positions(TEXT)) == paths(tomllib.loads(TEXT))


SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", '"s"', "'l'", '"a\\"]}b"', "'''m\n'x''''", '"""q\n""\\""""', "2027-01-31", "07:00:00"]
)
KEYS = st.sampled_from(["a", "b", '"c.d"', "'e'", "a.b", "c . a"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda xs: "[ " + ",\n # c ]\n".join(xs) + " ]"),
        st.lists(st.tuples(KEYS, inner), max_size=2).map(
            lambda ps: "{" + ", ".join(f"{k} = {' '.join(v.splitlines()) if '#' in v else v}" for k, v in ps) + "}"
        ),
    ),
    max_leaves=6,
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(lambda p: f"{p[0]} = {p[1]}"),
    KEYS.map(lambda k: f"[ {k} ] # header"),
    KEYS.map(lambda k: f"[[{k}]]"),
    st.just("# comment"),
)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_paths_of_any_document(text: str) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = positions(text)
    assert set(found) == paths(values)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
