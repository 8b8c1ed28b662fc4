"""What a number counts as, where the string was made to pass for something else."""

import pytest

from ringfence.engine.destinations import classify, usable
from ringfence.numbers import DialPlan, PlanSettings


@pytest.mark.parametrize(
    ("dialled", "home", "klass"),
    [
        ("tel:999;phone-context=+44", "US", "unusable"),  # an emergency call in another country only
        ("tel:118500;phone-context=+44", "US", "unusable"),
        ("tel:911;phone-context=pbx.example.com", "US", "emergency"),
        ("+1911", "US", "emergency"),
        ("09271234567", "GB", "special"),  # not listed, and all beside it is premium
        ("05351234567", "GB", "domestic"),
        ("19001234567", "US", "special"),
        ("0900123456789012", "DE", "unusable"),  # surplus digits behind a premium number
    ],
)
def test_class(dialled: str, home: str, klass: str) -> None:
    number = DialPlan(PlanSettings(home=home)).for_call(dialled)
    assert classify(number, home) == klass
    assert usable(number) == (klass != "unusable")
