"""The calls that a behaviour rule says it looks at are all that it can say something of: others aren't shown to it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulecase import LV, make_case

from ringfence.rules import BEHAVIOUR_RULES
from ringfence.rules.traits import WIDER, Calls, Traits

VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(0, 100),
    float: st.floats(0, 2),
    str: st.sampled_from(["", "x"]),
    tuple: st.sampled_from([(), ((50, 1), (1, 1)), ((1, 1), (1, 1), (90, 3))]),
}
NOTHING_NEW = {"new_region": "", "new_area": "", "new_number": "", "new_block": False}
SAID: dict[Calls, dict[str, Any]] = {
    "all": {"foreign": False, **NOTHING_NEW},
    "abroad": {"foreign": True, **NOTHING_NEW},
    "new": {"foreign": True, "new_number": "source"},
}
CASE = make_case(LV)


def traits_of(calls: Calls) -> st.SearchStrategy[Traits]:
    """Anything that can be said of calls of a kind."""
    drawn = {
        field.name: VALUES[type(field.default)]
        for field in msgspec.structs.fields(Traits)
        if field.default is not msgspec.NODEFAULT
    }
    drawn["tier"] = st.integers(-1, 4)
    return st.builds(Traits, **{**drawn, **{name: st.just(value) for name, value in SAID[calls].items()}})


@pytest.mark.parametrize("calls", SAID)
@given(data=st.data())
def test_a_rule_says_nothing_of_calls_that_it_does_not_look_at(calls: Calls, data: st.DataObject) -> None:
    traits = data.draw(traits_of(calls))
    assert traits.calls == calls
    case = msgspec.structs.replace(CASE, traits=traits)
    said = {rule.slug for rule in BEHAVIOUR_RULES if list(rule.find(case))}
    assert said <= {rule.slug for rule in BEHAVIOUR_RULES if rule.calls in WIDER[calls]}
