"""Block lists and risk scores: what a row says of a number, and what a wrong row is told."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.numbers import BlockList, DialPlan, Number, PlanSettings, RiskTable, TableError
from ringfence.numbers.blocklist import Listed

BLOCK = "prefix,reason,source,date\n"
RISK = "prefix,score,source,date\n"
US = DialPlan(PlanSettings(home="US"))


def test_the_longest_listed_prefix_is_found() -> None:
    listed = BlockList.from_csv(
        BLOCK + "+3716,seen in March,ticket 4711,2026-03-02\n37167,test numbers,feed,2026-03-03\n"
    )
    assert listed.match("37167000000") == Listed("37167", "test numbers", "feed", date(2026, 3, 3))
    assert listed.match("37161000000") == Listed("3716", "seen in March", "ticket 4711", date(2026, 3, 2))
    assert listed.match("37121000000") is None
    assert len(listed) == 2


def test_an_empty_list_is_a_list() -> None:
    assert BlockList.from_csv(BLOCK).match("37167000000") is None


@given(
    st.dictionaries(st.text("0123", min_size=1, max_size=5), st.integers(), max_size=20), st.text("0123", max_size=8)
)
def test_match_is_the_naive_longest(prefixes: dict[str, int], number: str) -> None:
    rows = {prefix: Listed(prefix, "", "", date(2026, 1, 1)) for prefix in prefixes}
    naive = max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default=None)
    assert BlockList(rows).match(number) == (rows[naive] if naive else None)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("LV,seen,feed,2026-03-02", "line 2: prefix 'LV': must be 1 to 15 digits"),
        ("371,,feed,2026-03-02", "line 2: reason '': must say something"),
        ("371,seen,,2026-03-02", "line 2: source '': must say something"),
        ("371,seen,feed,yesterday", "line 2: date 'yesterday': must be a date"),
        ("371,seen,feed,2026-03-02\n+371,again,feed,2026-03-02", "line 3: prefix '371': is on line 2 already"),
    ],
)
def test_a_wrong_row_of_a_block_list_is_named(row: str, problem: str) -> None:
    with pytest.raises(TableError, match="block list") as raised:
        BlockList.from_csv(BLOCK + row)
    assert problem in str(raised.value)


def score(dialled: str, table: RiskTable | None = None, home: str = "US") -> int:
    return (table or RiskTable()).score(US.normalise(dialled), home).score


def test_kinds_countries_and_ways_to_dial_add_up() -> None:
    risk = RiskTable().score(US.normalise("1010288 011 53 5 123 4567"), "US")
    assert [component.what for component in risk.components] == ["type mobile", "country CU", "flag carrier"]
    assert risk.score == sum(component.points for component in risk.components) > 0


def test_home_is_not_abroad() -> None:
    assert score("+447975556677", home="GB") < score("+447975556677", home="US")


def test_what_shares_revenue_scores_over_what_does_not() -> None:
    ordinary = score("12125550142")
    for special in ("19002345670", "+870773123456", "+979123456789", "+447012345670", "+8816 2345 6789"):
        assert score(special) >= ordinary + 40


def test_a_capped_service_charge_is_no_premium_risk() -> None:
    assert score("+448451234567", home="GB") < score("+449098790123", home="GB")


@given(
    st.sampled_from(["ok", "reject", "short"]),
    st.lists(st.sampled_from(["carrier", "service_charge", "clir"]), max_size=9),
)
def test_a_score_stays_between_0_and_100(status: str, flags: list[str]) -> None:
    number = Number(status, "979123456789", "CU", "iprs", "unallocated", tuple(flags))
    assert 0 <= RiskTable().score(number).score <= 100


def test_an_operator_row_replaces_the_score_longest_prefix_first_then_country() -> None:
    table = RiskTable.from_csv(RISK + "LV,5,our supplier,2026-01-01\n+37190,100,feed,2026-01-01\n1,1,us,2026-01-01\n")
    assert score("+37122345678", table) == 5
    assert score("+37190123456", table) == 100
    assert score("19002345670", table) == 1
    assert score("+37110000000", table) == 5, "an unlisted number is scored by its digits and country"
    assert score("+5351234567", table) == score("+5351234567")
    assert RiskTable.from_csv(RISK + "3711,77,feed,2026-01-01").score(US.normalise("+37110000000")).score == 77


def test_a_short_number_is_not_under_an_e164_prefix() -> None:
    table = RiskTable.from_csv(RISK + "4,99,feed,2026-01-01\n")
    assert score("411", table) == score("411")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("XX,5,feed,2026-01-01", "line 2: prefix 'XX': must be E.164 digits or a country code"),
        ("371,101,feed,2026-01-01", "line 2: score '101': must be a whole number from 0 to 100"),
        ("371,-1,feed,2026-01-01", "line 2: score '-1': must be a whole number from 0 to 100"),
        ("371,\u0665,feed,2026-01-01", "line 2: score '\u0665': must be a whole number from 0 to 100"),
        ("371,5,feed,", "line 2: date '': must be a date"),
        ("371,5,feed,2026-01-01\n+371,6,feed,2026-01-01", "line 3: prefix '+371': is named twice"),
    ],
)
def test_a_wrong_risk_row_is_named(row: str, problem: str) -> None:
    with pytest.raises(TableError, match="risk overrides") as raised:
        RiskTable.from_csv(RISK + row)
    assert problem in str(raised.value)


def test_infinite_text_in_a_score_is_refused() -> None:
    with pytest.raises(TableError, match="must be a whole number"):
        RiskTable.from_csv(RISK + f"371,{'9' * 5000},feed,2026-01-01")
