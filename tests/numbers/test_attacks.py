"""Strings made to be read as one number here and as another behind us. Each test is named after what it broke or tried.

The last line of defence is that what was dialled is never sent on, only what was judged, in a form that reads back.
"""

import pytest

from ringfence.numbers import DialPlan, Number, OutgoingFormat, PlanSettings, RiskTable
from ringfence.numbers.number import FLAGS, SUSPECT

US, GB, DE = (DialPlan(PlanSettings(home=home)) for home in ("US", "GB", "DE"))


def read(dialled: str, home: str = "US", **settings: object) -> Number:
    return DialPlan(PlanSettings(home=home, **settings)).normalise(dialled)  # type: ignore[arg-type]


def sent(number: Number, dial_format: str, home: str) -> str:
    """What goes out once an exception or being at home has let an unlisted range through."""
    known = number._replace(status="ok", e164=number.e164 or number.candidate)
    return OutgoingFormat(dial_format, home).number(known)


class TestEmergencyAsADisguise:
    @pytest.mark.parametrize(
        "dialled", ["tel:999;phone-context=+44", "sip:110;phone-context=+49@x", "tel:15;phone-context=+33"]
    )
    def test_an_emergency_number_of_another_country_is_none_here(self, dialled: str) -> None:
        assert US.normalise(dialled).type == "emergency"
        assert US.for_call(dialled).reason == "foreign_short"
        assert not US.is_emergency(dialled)

    def test_a_premium_short_number_of_another_country_is_not_sent_as_ours(self) -> None:
        assert US.for_call("tel:118500;phone-context=+44").reason == "foreign_short"

    @pytest.mark.parametrize(
        "dialled", ["911115351234567", "9110115351234567", "0119115351234567", "911-5351234567", "9115"]
    )
    def test_a_longer_string_that_begins_with_it_is_none(self, dialled: str) -> None:
        assert US.normalise(dialled).type != "emergency"

    @pytest.mark.parametrize(
        "dialled",
        [
            "911",
            "tel:911;phone-context=+1",
            "sip:911;phone-context=pbx.example.com@x",
            "tel:911;phone-context=+999",
            "tel:911;phone-context=+53",
            "+1911",
            "011 1 911",
            "urn:service:sos",
            "*67911",
            "911#",
        ],
    )
    def test_but_ours_gets_out_whatever_the_pbx_adds(self, dialled: str) -> None:
        number = US.for_call(dialled)
        assert (number.status, number.e164, number.region, number.type) == ("short", "911", "US", "emergency")
        assert US.is_emergency(dialled)

    def test_one_of_both_countries_is_ours(self) -> None:
        assert US.for_call("tel:112;phone-context=+49")[:4] == ("short", "112", "US", "emergency")


class TestAtHomeButNot:
    """At home an unlisted range only scores (control C5): a door for what isn't a new range."""

    def test_an_international_prefix_behind_a_spare_trunk_zero(self) -> None:
        number = GB.normalise("00053512345")
        assert (number.reason, number.flags, number.candidate) == ("unallocated", ("trunk_digit",), "440053512345")
        assert sent(number, "national", "GB") != "0053512345"

    @pytest.mark.parametrize(
        ("home", "dialled"),
        [
            ("GB", "00053512345"),
            ("GB", "05351234567"),
            ("GB", "+440053512345"),
            ("DE", "0110"),
            ("IT", "+3905"),
            ("DE", "011833"),
            ("RU", "88105351234567"),
            ("MY", "0060012345"),
            ("FR", "0005351234"),
            ("HU", "0006535123"),
        ],
    )
    def test_what_is_sent_of_an_unlisted_range_reads_back_as_itself(self, home: str, dialled: str) -> None:
        plan = DialPlan(PlanSettings(home=home))
        number = plan.normalise(dialled)
        assert number.candidate
        for dial_format in ("national", "+E164"):
            again = plan.normalise(sent(number, dial_format, home))
            assert (again.status, again.candidate) == ("reject", number.candidate)

    @pytest.mark.parametrize("dialled", ["+4911833", "011833", "+44118500", "0118500"])
    def test_a_premium_short_number_behind_a_code_or_a_zero(self, dialled: str) -> None:
        plan = GB if "118500" in dialled else DE
        number = plan.normalise(dialled)
        assert number.rejected
        assert number.reason != "unallocated" or number.suspect

    @pytest.mark.parametrize(
        ("home", "dialled"),
        [
            ("DE", "0900 1 123456 78"),
            ("AU", "13 00 00 12"),
            ("DE", "0180 1 234567 89012"),
            ("DE", "0800 1234567 89012"),
        ],
    )
    def test_surplus_digits_behind_a_number_that_is_complete(self, home: str, dialled: str) -> None:
        assert read(dialled, home).reason == "too_long"

    @pytest.mark.parametrize(
        ("home", "dialled"),
        [
            ("GB", "0927 123 4567"),
            ("US", "1 900 123 4567"),
            ("US", "1 500 011 4567"),
            ("ES", "905 123 456"),
            ("US", "+8815 12345678"),
            ("US", "+88232 12345"),
            ("AU", "0145 999 999"),
            ("KR", "060 123 4567"),
        ],
    )
    def test_an_unlisted_range_among_premium_numbers(self, home: str, dialled: str) -> None:
        number = read(dialled, home)
        assert (number.reason, number.flags, number.suspect) == ("unallocated", ("special_range",), True)

    @pytest.mark.parametrize(
        ("home", "dialled"), [("LV", "+37110000000"), ("US", "12121550100"), ("GB", "05351234567")]
    )
    def test_an_ordinary_unlisted_range_is_not_suspect(self, home: str, dialled: str) -> None:
        number = read(dialled, home)
        assert (number.reason, number.suspect) == ("unallocated", False)
        assert number.candidate

    def test_suspect_ranges_score_higher(self) -> None:
        risk = RiskTable()
        assert risk.score(read("09271234567", "GB"), "GB").score > risk.score(read("05351234567", "GB"), "GB").score


class TestNeighbours:
    """National forms that reach another country without its code."""

    @pytest.mark.parametrize(
        ("home", "dialled", "e164", "region"),
        [
            ("IT", "0549 886377", "390549886377", "SM"),
            ("IE", "048 9012 3456", "442890123456", "GB"),
            ("MY", "02 6555 1234", "6565551234", "SG"),
            ("IL", "059 912 3456", "972599123456", "PS"),
            ("IL", "+972 59 912 3456", "972599123456", "PS"),
            ("IL", "056 912 3456", "972569123456", "PS"),
            ("FR", "0596 50 12 34", "596596501234", "MQ"),
            ("FR", "0269 60 12 34", "262269601234", "YT"),
            ("FR", "0263 12 34 56", "262263123456", "RE"),
            ("RU", "8 701 234 56 70", "77012345670", "KZ"),
            ("GB", "01534 720123", "441534720123", "JE"),
        ],
    )
    def test_is_abroad(self, home: str, dialled: str, e164: str, region: str) -> None:
        number = read(dialled, home)
        assert (number.e164, number.region) == (e164, region)

    @pytest.mark.parametrize(("home", "dialled"), [("FR", "0263 14 86 95"), ("IE", "048 4631 1447")])
    def test_the_e164_form_that_has_another_meaning_at_home_is_sent_abroad_wise(self, home: str, dialled: str) -> None:
        code = {"FR": "33", "IE": "353"}[home]
        e164 = code + dialled.replace(" ", "")[1:]
        assert read("+" + e164, home).e164 == e164
        assert OutgoingFormat("national", home).digits(e164) == f"00{e164}"


class TestStacked:
    CUBA = "5351234567"

    @pytest.mark.parametrize(
        "dialled",
        [
            "011{}",
            "+{}",
            "+011{}",
            "+00{}",
            "01{}",
            "1010288011{}",
            "*67011{}",
            "1167011{}",
            "0 1 1 {}",
            "sip:%2B{}@x",
            "sip:011{}@x;user=phone",
            "tel:+{};phone-context=+1",
            "tel:{};phone-context=+53",
            "++{}",
            "\uff0b{}",
            ",011{}",
        ],
    )
    def test_forms_that_reach_cuba_are_read_as_cuba(self, dialled: str) -> None:
        short = "51234567" if "phone-context=+53" in dialled else self.CUBA
        assert US.normalise(dialled.format(short))[:3] == ("ok", self.CUBA, "CU")

    @pytest.mark.parametrize(
        "dialled",
        [
            "1011{}",
            "1 011 {}",
            "+1011{}",
            "00{}",
            "00011{}",
            "011011{}",
            "01100{}",
            "011+{}",
            "1+{}",
            "9+{}",
            "9011{}",
            "99011{}",
            "1010288 1010333 011{}",
            "*72011{}",
            "*72+{}",
            "**21*011{}#",
            "*21*{}#",
            "#21#{}",
            "1172011{}",
            "*67*72011{}",
            "8899011{}",
            "12125550123+{}",
            "1212%2B{}",
            "sip:%252B{}@x",
            "tel:sip:+{}@x",
            "sip:alice+{}@x",
            "011O{}",
            "01l{}",
            "{}\x00",
            "+1%00{}",
            "tel:%00{}",
            "sip:011{}%00@x",
            "sip:011%0A{}@x",
            "+{}@x",
            "0.1.1=+{}",
            "+53\u00b2{}",
            "\u2460{}",
            "011\u2464{}",
            "011&{}",
            "011:{}",
            "011?{}",
            "011!{}",
        ],
    )
    def test_forms_that_no_switch_reads_alike_are_refused(self, dialled: str) -> None:
        assert US.normalise(dialled.format(self.CUBA)).rejected

    @pytest.mark.parametrize(
        ("dialled", "e164"),
        [
            ("tel:+12125550142;rn=+5351234567;npdi", "12125550142"),
            ("sip:+12125550142;cic=+10288@x", "12125550142"),
            ("sip:+12125550142;tgrp=cheap;trunk-context=x@x", "12125550142"),
            ("tel:+12125550142;isub=0115351", "12125550142"),
            ("tel:+12125550142;postd=,0115351234567", "12125550142"),
            ("sip:2125550142:0115351234567@x", "12125550142"),
            ("12125550142,0115351234567", "12125550142"),
            ("12125550142#0115351234567", "12125550142"),
            ("12125550142 ext. 011535123", "12125550142"),
            ('"+5351234567" <tel:+12125550142>', "12125550142"),
            ("<sip:+12125550142@x>;tag=+5351234567", "12125550142"),
        ],
    )
    def test_what_a_switch_could_follow_instead_is_not_part_of_the_number(self, dialled: str, e164: str) -> None:
        assert US.normalise(dialled).e164 == e164
        assert OutgoingFormat("+E164", "US", "8899").number(US.normalise(dialled)) == f"8899+{e164}"

    @pytest.mark.parametrize(
        "dialled", ["1 809 234 5670", "809 234 5670", "1 1 809 234 5670", "0 809 234 5670", "1010288 1 809 234 5670"]
    )
    def test_the_caribbean_dialled_as_if_domestic(self, dialled: str) -> None:
        assert US.normalise(dialled)[:3] == ("ok", "18092345670", "DO")

    @pytest.mark.parametrize("dialled", ["0" * n + "5351234567" for n in range(2, 12)])
    def test_leading_zeros_make_no_number_at_home(self, dialled: str) -> None:
        for home in ("US", "CA", "MX", "AU", "JP", "IN", "SG"):
            number = read(dialled, home)
            assert number.rejected or number.region != home

    @pytest.mark.parametrize("digits", ["1212555014" + "2" * n for n in (2, 3, 5, 6, 7, 40, 400)])
    def test_more_digits_than_the_plan_has(self, digits: str) -> None:
        for form in (digits, "+" + digits, "011" + digits):
            assert US.normalise(form).reason == "too_long"


def test_every_suspicion_is_a_flag() -> None:
    assert set(SUSPECT) <= set(FLAGS)
