"""Toll-free numbers called by a machine: by one extension, by several, over midnight."""

from ringfence.model import SECOND
from ringfence.testing.trial import Trial

ENFORCED = '[trunk.carrier]\npermit = ["US"]\n[behaviour]\nmode = "enforce"\n'
TOLL_FREE, HOME = "18005550123", "12125550123"
MINUTE = 60 * SECOND


def pumped(trial: Trial, calls: int, *extensions: str, every: int = MINUTE) -> list[str]:
    """How calls were answered, by turns from each extension."""
    answers = []
    for number in range(calls):
        answers.append(trial.call(TOLL_FREE, seconds=20, extension=extensions[number % len(extensions)]))
        trial.now += every
    return answers


def test_one_extension_is_refused_once_it_calls_far_more_than_ever(tmp_path):
    answers = pumped(Trial(tmp_path, ENFORCED), 30, "101")
    assert answers[:22] == ["allow"] * 22
    assert set(answers[22:]) == {"suspicious-call"}


def test_a_pump_does_not_make_itself_usual_over_midnight(tmp_path):
    trial = Trial(tmp_path, ENFORCED)
    trial.now += 11 * 60 * MINUTE
    answers = pumped(trial, 180, "101")
    assert set(answers[22:]) == {"suspicious-call"}


def test_several_extensions_are_counted_together_where_the_source_is_known(tmp_path):
    ten = [str(extension) for extension in range(101, 111)]
    assert "suspicious-call" not in pumped(Trial(tmp_path, ENFORCED), 40, *ten)
    trial = Trial(tmp_path, ENFORCED)
    for _ in range(300):
        trial.call(HOME, seconds=20)
        trial.now += 10 * MINUTE
    answers = pumped(trial, 40, *ten)
    assert "suspicious-call" in answers
    assert "calls of source pbx to toll-free numbers within an hour" in "".join(hit.text for hit in trial.hits)


def test_a_desk_that_calls_them_all_day_may(tmp_path):
    trial = Trial(tmp_path, ENFORCED)
    for _ in range(8):
        pumped(trial, 13, "101", every=4 * MINUTE)
        trial.now += 23 * 60 * MINUTE
    assert set(pumped(trial, 14, "101", every=4 * MINUTE)) == {"allow"}
