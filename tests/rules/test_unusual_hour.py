"""What calls at an unusual hour weigh, and whose hours the text speaks of."""

import msgspec
from rulecase import LV, at, make_case

from ringfence.rules.traits import Traits
from ringfence.rules.unusual_hour import UnusualHour

NIGHT = at("2026-12-01T03:00")


def found(**traits):
    case = msgspec.structs.replace(make_case(LV, now=NIGHT), traits=Traits(foreign=True, **traits))
    return [(finding.weight, finding.text) for finding in UnusualHour().find(case)]


def test_the_hours_of_a_source_are_its_own_once_its_calls_are_known():
    [(weight, text)] = found(hour_share=0.04, new_number="source", history=400)
    assert weight == 45
    assert text.endswith("03:00 America/New_York is an hour with 4% of the usual calls of source pbx")


def test_an_office_is_said_to_be_assumed_while_little_is_known():
    [(_, text)] = found(hour_share=0.04, new_number="source", history=3)
    assert text.endswith("4% of the usual calls of an office, assumed of source pbx until 30 of its calls are known")


def test_a_number_called_before_weighs_little():
    [(weight, _)] = found(hour_share=0.04, new_number="", history=400)
    assert weight == 10


def test_an_hour_with_calls_weighs_nothing():
    assert not found(hour_share=0.9, foreign_hour_share=0.5, new_number="source", history=400)


def test_an_hour_without_calls_abroad_weighs_less_than_one_without_calls():
    [(weight, text)] = found(hour_share=0.9, foreign_hour_share=0.05, new_number="source", history=400)
    assert weight == 20
    assert "5% of the usual calls abroad of source pbx" in text
