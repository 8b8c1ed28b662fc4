"""What speaks for a cheap call, where something speaks against it."""

from ringfence.testing.trial import Trial

POLICY = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\nbilling = { rates = "rates.csv" }\n'
LONDON, LATVIA = "011442079460018", "01137167000000"


def weights(trial: Trial) -> dict[str, int]:
    return {hit.rule: hit.weight for hit in trial.hits if hit.weight}


def test_a_cheap_call_is_allowed_for(tmp_path):
    trial = Trial(tmp_path, POLICY)
    trial.call(LONDON)
    assert weights(trial) == {"first-ever-destination": 45, "little-to-lose": -60}
    assert next(hit.text for hit in trial.hits if hit.rule == "little-to-lose") == "only 0.02 USD a minute"


def test_a_dear_call_is_not(tmp_path):
    trial = Trial(tmp_path, POLICY)
    trial.call(LATVIA)
    assert "little-to-lose" not in weights(trial)


def test_where_nothing_speaks_against_a_call_nothing_is_said_for_it(tmp_path):
    trial = Trial(tmp_path, POLICY)
    trial.used_to(LONDON, 30)
    trial.call(LONDON)
    assert not weights(trial)


def test_without_it_the_call_is_as_suspect_as_a_dear_one(tmp_path):
    trial = Trial(tmp_path, POLICY + '[rules.little-to-lose]\nmode = "off"\n')
    trial.call(LONDON)
    assert weights(trial) == {"first-ever-destination": 45}


def test_what_is_cheap_depends_on_the_currency(tmp_path):
    trial = Trial(tmp_path, POLICY.replace('"rates.csv"', '"rates.csv", currency = "JPY"'))
    trial.call(LATVIA)
    assert weights(trial)["little-to-lose"] < 0
