"""What holds for every string, in every plan."""

import re
import unicodedata

import pytest
from dialling import HOMES, REGIONS, dialled, digits, listed, reachable, settings_of_a_plan
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ringfence.numbers import (
    FLAGS,
    REASONS,
    SHORT_TYPES,
    TYPES,
    DialPlan,
    Number,
    OutgoingFormat,
    PlanSettings,
    RiskTable,
    calling_code,
)
from ringfence.numbers.national import national

PLANS = {home: DialPlan(PlanSettings(home=home)) for home in REGIONS}


def check(number: Number) -> None:
    """The fields agree with each other."""
    assert set(number.flags) <= set(FLAGS)
    assert number.status in ("ok", "short", "reject")
    if number.status == "reject":
        assert (number.e164, number.type) == ("", "")
        assert number.reason in REASONS
        assert number.candidate == "" or number.candidate.isdigit()
        return
    assert (number.reason, number.candidate) == ("", "")
    assert number.e164.isascii() and number.e164.isdigit()
    if number.status == "short":
        assert number.type in SHORT_TYPES
    else:
        assert number.type in TYPES
        assert len(number.e164) <= 15
        assert calling_code(number.e164)


@given(settings_of_a_plan, dialled)
def test_any_string_is_a_number_or_has_a_reason(of_a_plan: PlanSettings, text: str) -> None:
    plan = DialPlan(of_a_plan)
    number = plan.normalise(text)
    check(number)
    check(plan.for_call(text))
    assert plan.normalise(text) == number


@given(settings_of_a_plan, dialled)
def test_what_is_explained_is_what_is_judged(of_a_plan: PlanSettings, text: str) -> None:
    plan = DialPlan(of_a_plan)
    number, steps = plan.normalise(text), plan.explain(text)
    assert (steps[-1].stage, steps[-1].left) == ("result", number.e164)
    assert number.reason in steps[-1].text
    assert all(step.text for step in steps)


@settings(max_examples=400)
@given(st.sampled_from(HOMES).map(PLANS.get) | settings_of_a_plan.map(DialPlan), reachable())
def test_a_number_reads_as_itself_everywhere(plan: DialPlan, text: str) -> None:
    """Most plans read most forms as no number; asking for those that do with `assume` is a health check that fails."""
    number = plan.normalise(text)
    if number.status != "ok":
        return
    for home in HOMES:
        again = PLANS[home].normalise(f"+{number.e164}")
        assert again[:4] == number[:4]
        assert PLANS[home].normalise(f"sip:+{number.e164}@192.0.2.1").e164 == number.e164
        assert PLANS[home].normalise(f"tel:+{number.e164}").e164 == number.e164


@given(st.sampled_from(HOMES).map(PLANS.get) | settings_of_a_plan.map(DialPlan), reachable())
def test_no_digit_at_the_end_is_lost_unless_it_is_dialled_after_the_answer(plan: DialPlan, text: str) -> None:
    number = plan.normalise(text)
    whole = not {"post_dial", "vanity"} & set(number.flags) and not re.search("[:;@%<]", text)
    if number.status == "ok" and whole:
        typed = "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())
        assert number.e164.endswith(typed[-5:])


@given(st.data(), st.sampled_from(REGIONS), st.text("0123456789", min_size=1, max_size=9))
def test_a_string_that_goes_on_behind_an_emergency_number_is_none(data: st.DataObject, home: str, tail: str) -> None:
    known = national(home).emergency
    first = data.draw(st.sampled_from(sorted(known)))
    assert PLANS[home].is_emergency(first)
    assert PLANS[home].is_emergency(first + tail) == (first + tail in known)


@given(digits, st.sampled_from(HOMES))
def test_short_numbers_of_elsewhere_are_never_emergency_calls_here(number: str, home: str) -> None:
    for context in ("+44", "+1", "+49", "+81"):
        found = PLANS[home].for_call(f"tel:{number};phone-context={context}")
        if found.type == "emergency":
            assert found.region == home
            assert PLANS[home].is_emergency(number)


PREFIXES = {"US": "011", "GB": "00", "DE": "00", "AU": "0011", "JP": "010", "RU": "810"}
TECH = st.sampled_from(["", "99", "8899#", "*7", "+"])


@given(listed() | digits, st.sampled_from(sorted(PREFIXES)), TECH)
def test_what_is_sent_is_what_was_judged(text: str, home: str, tech: str) -> None:
    number = PLANS[home].normalise(f"+{text}")
    judged = number.e164 or number.candidate
    assume(judged and number.status != "short")
    # What no plan knows and begins like the way abroad reads as a repeated way abroad: it is refused either way.
    assume(number.status == "ok" or not judged.startswith(PREFIXES[home]))
    known = number._replace(status="ok", e164=judged)
    for form in ("+E164", "E164", f"{PREFIXES[home]}E164", "national"):
        user = OutgoingFormat(form, home, tech).number(known)
        assert user.startswith(tech)
        user = user[len(tech) :]
        again = PLANS[home].normalise(f"+{user}" if form == "E164" else user)
        assert judged in (again.e164, again.candidate), (form, user)
        assert again.status == number.status


@given(listed(), st.sampled_from(REGIONS))
def test_every_country_can_send_nationally(text: str, home: str) -> None:
    number = PLANS[home].normalise(f"+{text}")
    assume(number.status == "ok")
    user = OutgoingFormat("national", home).number(number)
    assert PLANS[home].normalise(user).e164 == number.e164


@given(st.sampled_from(HOMES), dialled)
def test_risk_is_a_sum_between_nothing_and_a_hundred(home: str, text: str) -> None:
    number = PLANS[home].normalise(text)
    risk = RiskTable().score(number, home)
    assert 0 <= risk.score <= 100
    assert risk.score == min(100, max(0, sum(component.points for component in risk.components)))
    assert all(component.source and component.date for component in risk.components)


@pytest.mark.parametrize("home", REGIONS)
def test_every_country_has_a_plan_that_works(home: str) -> None:
    plan = PLANS[home]
    assert plan.normalise("+441614960123").e164 == "441614960123"
    sos = plan.normalise("urn:service:sos")
    assert sos.type == "emergency"
    assert plan.is_emergency(sos.e164)
    assert plan.normalise("").reason == "empty"
