"""A person is forgotten: as called, as calling, as the name of an extension; and nobody else is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ringfence.engine.forget import forget
from ringfence.engine.snapshot import dump
from ringfence.model import SECOND
from ringfence.testing.trial import Trial

PERSON, OTHER = "442079460018", "441214960018"


def told(trial: Trial, number: str) -> bool:
    """Whether a snapshot's memory of behaviour has the number anywhere."""
    return number.encode() in msgspec.msgpack.encode(msgspec.msgpack.decode(dump(trial.engine))["behaviour"])


def test_numbers_called_and_calling_are_forgotten(tmp_path: Path) -> None:
    trial = Trial(tmp_path, '[trunk.carrier]\npermit = ["US", "GB"]\n')
    for number in (PERSON, OTHER):
        trial.used_to(f"011{number}", 5)
        trial.inbound(number, "101", ringing_s=2)
    assert told(trial, PERSON)
    forget(trial.engine.behaviour, {PERSON})
    assert not told(trial, PERSON)
    assert told(trial, OTHER)
    trial.now += 60 * SECOND
    trial.call(f"011{OTHER}")
    assert not [hit for hit in trial.hits if hit.rule == "first-ever-destination"]  # Still known.


def test_an_extension_named_by_the_number_is_forgotten(tmp_path: Path) -> None:
    trial = Trial(tmp_path, '[trunk.carrier]\npermit = ["US", "GB"]\n')
    for extension in ("+12125550177", "102"):
        trial.call(f"011{OTHER}", extension=extension, seconds=60)
        trial.call("18005550123", extension=extension, seconds=60)
    assert told(trial, "12125550177")
    forget(trial.engine.behaviour, {"12125550177"})
    assert not told(trial, "12125550177")
    assert "caller:pbx/102" in trial.engine.behaviour.habits
    assert "source:pbx" in trial.engine.behaviour.habits
