"""Settings of a dial plan that can't be meant, and whose numbers are whose."""

import msgspec
import pytest

from ringfence.numbers import DialPlan, PlanError, PlanSettings, calling_code, counts_as, is_domestic


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"home": "us"}, "home 'us' isn't a country code of ISO 3166 in capitals, such as US or GB, did you mean US"),
        ({"home": "Germany"}, "home 'Germany' isn't a country code"),
        ({"home": ""}, "home '' isn't a country code"),
        ({"home": "US", "outside": ("9", "#")}, "outside '#' must be 1 to 15 digits"),
        ({"home": "US", "outside": ("\u0669",)}, "outside '\u0669' must be 1 to 15 digits"),
        ({"home": "US", "area": "2 12"}, "area '2 12' must be 1 to 15 digits"),
        ({"home": "US", "extra_idd": ("+",)}, "extra_idd '+' must be 1 to 15 digits"),
        ({"home": "US", "emergency": ("",)}, "emergency '' must be 1 to 15 digits"),
        ({"home": "US", "ext_len": (4, 3)}, "ext_len [4, 3] must be the shortest and the longest length"),
        ({"home": "US", "ext_len": (0, 3)}, "ext_len [0, 3] must be"),
    ],
)
def test_what_cannot_be_meant(settings: dict[str, object], text: str) -> None:
    with pytest.raises(PlanError) as raised:
        DialPlan(msgspec.convert(settings, PlanSettings))
    assert text in str(raised.value)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(PlanError, match=r"home .*; outside .*; ext_len"):
        DialPlan(PlanSettings(home="XX", outside=("x",), ext_len=(9, 1)))


@pytest.mark.parametrize(
    ("e164", "home", "domestic"),
    [
        ("+12125550142", "US", True),
        ("+16135550142", "US", False),
        ("+18762101230", "US", False),
        ("+17872345670", "US", False),  # carriers bill the territories apart
        ("+18002345670", "CA", True),  # toll-free numbers are at home in all of +1
        ("+18002345670", "GB", False),
        ("+19002345670", "CA", False),
        ("+441534720123", "GB", False),
        ("+77012345670", "RU", False),
        ("+80012345670", "DE", False),
        ("911", "US", True),
    ],
)
def test_domestic_is_the_same_country_not_the_same_code(e164: str, home: str, domestic: bool) -> None:
    found = DialPlan(PlanSettings(home=home)).normalise(e164)
    assert is_domestic(found, home) == domestic
    assert (counts_as(found, home) == home) == domestic


def test_a_refused_number_is_nobodys() -> None:
    assert not is_domestic(DialPlan(PlanSettings(home="LV")).normalise("+37110000000"), "LV")


@pytest.mark.parametrize(
    ("digits", "code"), [("12125550142", "1"), ("441", "44"), ("3531", "353"), ("210", ""), ("", ""), ("0", "")]
)
def test_calling_code(digits: str, code: str) -> None:
    assert calling_code(digits) == code
