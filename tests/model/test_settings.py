"""Settings are safe where the administrator said nothing."""

import msgspec
import pytest

from ringfence.model.settings import Source, Trunk
from ringfence.numbers.plan import PlanSettings

TRUNK = Trunk(name="t", listen="outside", carrier_addresses=("198.51.100.0/28",), send_to=("sip:sbc.example",))
SOURCE = Source(name="s", zone="vendor", listen="inside", addresses=("10.0.0.1/32",), plan=PlanSettings(home="US"))


def test_a_trunk_left_alone_permits_nothing_special_and_fails_to_national_only() -> None:
    assert (TRUNK.bounds.permit, TRUNK.bounds.special, TRUNK.when_down) == (None, frozenset(), "national_only")


def test_a_source_left_alone_owns_no_caller_id_and_reaches_no_trunk() -> None:
    assert (SOURCE.caller_ids, SOURCE.caller_id_policy, SOURCE.trunks, SOURCE.mode) == ((), "owned", (), "enforce")


@pytest.mark.parametrize("settings", [TRUNK, SOURCE])
def test_settings_do_not_change(settings: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        settings.name = "other"  # type: ignore[attr-defined]
