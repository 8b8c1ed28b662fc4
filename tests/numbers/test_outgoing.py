"""What goes to the carrier, written by hand; that it reads back is in test_properties."""

import pytest

from ringfence.numbers import DialPlan, Number, OutgoingFormat, PlanError, PlanSettings


@pytest.mark.parametrize(
    ("dial_format", "home", "tech", "e164", "user"),
    [
        ("+E164", "US", "", "441614960123", "+441614960123"),
        ("E164", "US", "", "441614960123", "441614960123"),
        ("011E164", "US", "", "441614960123", "011441614960123"),
        ("00E164", "DE", "", "12125550142", "0012125550142"),
        ("+E164", "US", "8899#", "441614960123", "8899#+441614960123"),
        ("national", "US", "", "12125550142", "2125550142"),
        ("national", "US", "99", "12125550142", "992125550142"),
        ("national", "US", "", "18092345670", "8092345670"),
        ("national", "US", "", "441614960123", "011441614960123"),
        ("national", "GB", "", "441614960123", "01614960123"),
        ("national", "JE", "", "441614960123", "01614960123"),
        ("national", "GB", "", "12125550142", "0012125550142"),
        ("national", "DE", "", "493023125000", "03023125000"),
        ("national", "FR", "", "33199001234", "0199001234"),
        ("national", "FR", "", "590590201234", "00590590201234"),
        ("national", "IT", "", "39055123456", "055123456"),
        ("national", "IT", "", "393401234567", "3401234567"),
        ("national", "RU", "", "74951234567", "84951234567"),
        ("national", "KZ", "", "74951234567", "84951234567"),
        ("national", "RU", "", "12125550142", "81012125550142"),
        ("national", "AR", "", "5491123456789", "0111523456789"),
        ("national", "MX", "", "523312345678", "3312345678"),
        ("national", "HU", "", "3613456789", "0613456789"),
        ("national", "AU", "", "61255501234", "0255501234"),
        ("national", "AU", "", "441614960123", "0011441614960123"),
        ("national", "JP", "", "441614960123", "010441614960123"),
        ("national", "BR", "", "441614960123", "0021441614960123"),
        ("national", "SG", "", "6561234567", "61234567"),
        ("national", "HK", "", "12125550142", "00112125550142"),
        ("national", "BO", "", "12125550142", "001012125550142"),
        ("national", "GB", "", "870773123456", "00870773123456"),
    ],
)
def test_form(dial_format: str, home: str, tech: str, e164: str, user: str) -> None:
    number = DialPlan(PlanSettings(home=home)).normalise(f"+{e164}")
    assert OutgoingFormat(dial_format, home, tech).number(number) == user


@pytest.mark.parametrize(
    ("home", "e164", "second"),
    [
        ("GA", "2417556732", "24107556732"),  # an old number whose 0 makes it a new one
        ("QA", "97400801393665", ""),  # a toll-free number that begins with the international prefix
        ("FR", "33263148695", "262263148695"),
    ],
)
def test_a_national_form_that_reads_as_another_number_is_not_sent(home: str, e164: str, second: str) -> None:
    plan, outgoing = DialPlan(PlanSettings(home=home)), OutgoingFormat("national", home)
    national = next(iter(outgoing._forms(e164)))
    assert plan.normalise(national).e164 == second
    assert outgoing.digits(e164) == f"00{e164}"
    assert plan.normalise(f"00{e164}").e164 == e164


def test_emergency_and_short_numbers_go_as_they_are() -> None:
    plan = DialPlan(PlanSettings(home="US", outside=("9",)))
    for dialled, user in (("9911", "911"), ("urn:service:sos", "911"), ("9411", "411")):
        assert OutgoingFormat("+E164", "US", "8899#").number(plan.normalise(dialled)) == user


def test_a_refused_number_has_no_form() -> None:
    number = DialPlan(PlanSettings(home="US")).normalise("+37110000000")
    with pytest.raises(ValueError, match=r"unallocated.*no outgoing form"):
        OutgoingFormat("+E164", "US").number(number)


def test_what_the_caller_added_is_not_sent() -> None:
    number = DialPlan(PlanSettings(home="US")).normalise(
        "tel:+12125550142;rn=+5351234567;npdi;cic=+10288;tgrp=x;isub=9"
    )
    assert OutgoingFormat("+E164", "US").number(number) == "+12125550142"


@pytest.mark.parametrize("dial_format", ["", "e164", "E.164", "++E164", "0x11E164", "011", "123456789E164", "E164 "])
def test_a_format_that_does_not_exist(dial_format: str) -> None:
    with pytest.raises(PlanError, match=r"must be \+E164, E164, national, or digits"):
        OutgoingFormat(dial_format, "US")


@pytest.mark.parametrize("tech", ["a", "8899;", "9" * 16, "8 9"])
def test_a_technical_prefix_that_does_not_exist(tech: str) -> None:
    with pytest.raises(PlanError, match="tech_prefix"):
        OutgoingFormat("+E164", "US", tech)


def test_caller_ids_have_no_technical_prefix() -> None:
    assert OutgoingFormat("national", "GB", "8899#").digits("441614960123") == "01614960123"


def test_number_of_no_home_has_no_national_form() -> None:
    assert (
        OutgoingFormat("national", "US").number(Number("ok", "881623456789", "001", "satellite")) == "011881623456789"
    )
