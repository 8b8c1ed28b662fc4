"""When a rate over its limit and many calls at once are told together."""

import pytest

from ringfence.testing.trial import Trial

FAST = 'permit = ["US", "GB"]\ncalls_per_second = { block = 1, burst = 4 }\n'
OWN, ABROAD = "12125550123", "011442079460018"


def told(folder, lines: str, dialled: str = OWN, calls: int = 5) -> list[tuple[str, int]]:
    """The texts and weights of the rule's hits on the last of so many calls."""
    trial = Trial(folder, lines)
    for _ in range(calls):
        trial.call(dialled)
    return [(hit.text, hit.weight) for hit in trial.hits if hit.rule == "fast-while-busy"]


def test_both_numbers_are_told(tmp_path):
    [(text, weight)] = told(tmp_path, f"[trunk.carrier]\n{FAST}concurrent = {{ alert = 5, block = 30 }}\n")
    assert text.startswith("5 calls in progress on trunk carrier, many from 5 on, and faster than 1 calls a second on")
    assert weight == 0


def test_abroad_it_weighs(tmp_path):
    [(_, weight)] = told(tmp_path, f"[trunk.carrier]\n{FAST}concurrent = {{ alert = 5, block = 30 }}\n", ABROAD)
    assert weight == 20


@pytest.mark.parametrize(("block", "many"), [(6, True), (7, False)])
def test_without_an_alert_many_are_four_fifths_of_the_cap(tmp_path, block, many):
    assert bool(told(tmp_path, f"[trunk.carrier]\n{FAST}concurrent = {{ block = {block} }}\n")) == many


def test_the_limits_of_two_parties_are_not_mixed(tmp_path):
    lines = f"[trunk.carrier]\n{FAST}\n[source.pbx]\nconcurrent = {{ alert = 2, block = 30 }}\n"
    assert not told(tmp_path, lines)


def test_slow_calls_on_a_busy_trunk_are_not_told(tmp_path):
    assert not told(tmp_path, f"[trunk.carrier]\n{FAST}concurrent = {{ alert = 2, block = 30 }}\n", calls=4)


def test_it_can_be_off(tmp_path):
    busy = f"[trunk.carrier]\n{FAST}concurrent = {{ alert = 2, block = 30 }}\n"
    assert told(tmp_path, busy)
    assert not told(tmp_path, f'{busy}[rules.fast-while-busy]\nmode = "off"\n')
