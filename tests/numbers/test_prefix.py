"""Longest prefixes by bisection are the longest prefixes one finds by trying them all."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.numbers import PrefixTable, numbering
from ringfence.numbers.table import Breakpoints, Label, Rewrite, unpack

digits = st.text("0129", max_size=7) | st.text("0123456789", max_size=15)
tables = st.dictionaries(digits, st.integers(), max_size=40)


@given(tables, digits)
def test_longest_is_the_naive_longest(values: dict[str, int], number: str) -> None:
    table = PrefixTable(values)
    naive = sorted((prefix for prefix in values if number.startswith(prefix)), key=len, reverse=True)
    assert table.longest(number) == (naive[0] if naive else None)
    assert table.get(number) == (values[naive[0]] if naive else None)
    assert list(table.chain(number)) == [values[prefix] for prefix in naive]
    assert len(table) == len(values)


def test_a_number_shorter_than_a_prefix_is_not_under_it() -> None:
    table = PrefixTable({"44": 1, "4490": 2})
    assert (table.get("44"), table.get("449"), table.get("4490"), table.get("4")) == (1, 1, 2, None)


rows = st.lists(st.sampled_from([None, ("US", "fixed"), ("US", "mobile"), ("CA", "fixed")]), min_size=9, max_size=9)
rewrites = st.builds(
    Rewrite,
    start=st.text("0129", min_size=1, max_size=4),
    regions=st.sampled_from([frozenset(), frozenset({"US"})]),
    types=st.sampled_from([frozenset(), frozenset({"fixed"})]),
    region=st.sampled_from(["", "JM"]),
    type=st.sampled_from(["", "premium"]),
    flags=st.sampled_from([(), ("marked",)]),
)


def label(stored: tuple[str, str] | None) -> Label:
    return Label(*stored) if stored else Label("", "")


@given(
    st.dictionaries(st.text("0129", max_size=4).map(lambda text: text.rstrip("0")), rows, max_size=8),
    st.lists(rewrites, max_size=6, unique_by=lambda row: row.start),
    st.text("0129", min_size=1, max_size=8),
)
def test_the_overlay_cut_into_the_table_is_the_overlay_looked_up(
    cells: dict[str, list[tuple[str, str] | None]], overlay: list[Rewrite], number: str
) -> None:
    starts = sorted({"", *cells})
    table = Breakpoints(starts, [tuple(map(label, cells.get(start, [None] * 9))) for start in starts])
    plain = table.label(number)
    longest_first = [row for row in sorted(overlay, key=lambda row: -len(row.start)) if number.startswith(row.start)]
    fitting = [row for row in longest_first if plain.type and row._fits(plain)]  # also one that changes nothing
    assert table.rewritten(overlay).label(number) == (fitting[0].of(plain) if fitting else plain)


def test_a_number_shorter_than_an_overlay_prefix_with_zeros_is_not_under_it() -> None:
    fixed = Label("US", "fixed")
    table = Breakpoints([""], [(fixed,) * 9]).rewritten([Rewrite("200", frozenset(), frozenset(), "", "premium", ())])
    assert [table.label(number).type for number in ("2", "20", "200", "2001", "201")] == [
        *("fixed", "fixed", "premium", "premium", "fixed")
    ]


@given(st.text("0123456789", min_size=1, max_size=9))
def test_rows_under_a_prefix_hold_the_labels_of_its_numbers(prefix: str) -> None:
    table = numbering().plain
    found = table.rows_under(prefix)
    for tail in ("", "0", "5", "99", "000000"):
        number = (prefix + tail)[:15]
        assert any(row[len(number)] == table.label(number) for row in found)


def test_the_short_numbers_of_every_country_unpack() -> None:
    for region in numbering().region_names:
        shorts = unpack(numbering().region(region).shorts, 10)
        assert shorts.label("1" * 9).type == ""
