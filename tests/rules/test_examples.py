"""The Before and After of every rule are true: they are played as they stand in its docstring."""

from __future__ import annotations

import inspect
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ringfence.model import SECOND
from ringfence.model.media import Media, Stream
from ringfence.rules import ALL
from ringfence.rules.base import Named
from ringfence.testing.trial import Trial

CALL = re.compile(
    r"(?:call|transfer to) (?P<dialled>\S+?)"
    r"(?: from (?P<caller>\S+?))?(?: peer (?P<peer>\S+))?(?: forwarded by (?P<forwarder>\S+))?"
    r"(?: by (?P<transfer>carrier|source|both))?"
    r"(?: media (?P<media>\S+))?(?: over (?P<trunk>\S+))?"
    r"(?: at (?P<at>\S+))?(?: for (?P<seconds>\d+) s)?(?: (?P<times>\d+) times)?"
    r": (?P<expected>\S+)(?:, (?P<evidence>\S+))?"
)
USED = re.compile(r"used to (\S+) since (\d+) days(?: with (\d+) at once)?")
INBOUND = re.compile(r"(inbound|missed) (\S+) to (\S+)")
WRONG = re.compile(r"wrong password (\d+) times(?: peer (\S+))?")
REGISTERED = re.compile(r"registered(?: peer (\S+))?")
STEPS = ("call ", "transfer to ", "contain ", "used to ", "inbound ", "missed ", "wrong password ", "registered", "#")
HEADINGS = ["Why it matters", "Before", "After", "References"]
HERE = "127.0.0.2:5060"
OWN = "+12125550100"


def sections(rule: Named) -> dict[str, str]:
    doc = inspect.cleandoc(type(rule).__doc__ or "")
    _, *parts = re.split(r"^\*([A-Z][a-z ]+)\*$", doc, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def play(folder: Path, text: str) -> list[tuple[str, str]]:
    """What was expected and what came, for each call."""
    lines = [line.strip() for line in text.splitlines()]
    toml = [line for line in lines if not line.startswith(STEPS)]
    trial, results = Trial(folder, "\n".join(toml)), []
    for line in lines:
        if line.startswith("contain "):
            trial.contain(*line.split()[1:])
        elif line.startswith(("call ", "transfer to ")):
            results += play_call(trial, line)
        elif used := USED.fullmatch(line):
            trial.used_to(used[1], int(used[2]), int(used[3] or 1))
        elif inbound := INBOUND.fullmatch(line):
            trial.inbound(inbound[2], inbound[3], ringing_s=3 if inbound[1] == "missed" else None)
        elif wrong := WRONG.fullmatch(line):
            trial.wrong_password(int(wrong[1]), wrong[2] or HERE)
        elif registered := REGISTERED.fullmatch(line):
            trial.registered(registered[1] or HERE)
    return results


def play_call(trial: Trial, line: str) -> list[tuple[str, str]]:
    match = CALL.fullmatch(line)
    assert match is not None, f"not a call: {line}"
    if match["at"]:
        local = datetime.fromisoformat(match["at"]).replace(tzinfo=ZoneInfo("America/New_York"))
        trial.now = int(local.timestamp()) * SECOND
    changes: dict[str, object] = {
        "peer": match["peer"],
        "forwarded_by": match["forwarder"],
        "transfer": match["transfer"],
        "trunk": match["trunk"],
    }
    seconds = int(match["seconds"]) if match["seconds"] else None
    if match["media"]:
        protection, _, host = match["media"].partition("@")
        changes["media"] = Media(streams=(Stream("audio", protection),), hosts=(host or "127.0.0.2",))
    results = []
    for _ in range(int(match["times"] or 1)):
        given = {name: value for name, value in changes.items() if value}
        came = trial.call(match["dialled"], match["caller"] or OWN, seconds, **given)
        found = [hit.rule for hit in trial.hits if hit.rule == match["evidence"]]
        results.append((" ".join(filter(None, (match["expected"], match["evidence"]))), " ".join([came, *found])))
    return results


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.slug)
@pytest.mark.parametrize("heading", ["Before", "After"])
def test_the_examples_of_a_rule_are_true(tmp_path: Path, rule: Named, heading: str) -> None:
    results = play(tmp_path, sections(rule)[heading])
    assert results, "no call in the example"
    assert [expected for expected, _ in results] == [came for _, came in results]
    assert any(rule.slug in expected.split() for expected, _ in results) == (heading == "After")


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.slug)
def test_a_rule_is_documented_and_lives_in_the_file_and_class_of_its_slug(rule: Named) -> None:
    words = rule.slug.split("-")
    assert type(rule).__module__ == f"ringfence.rules.{'_'.join(words)}"
    assert type(rule).__name__ == "".join(word.capitalize() for word in words)
    assert list(sections(rule)) == HEADINGS and all(text.strip() for text in sections(rule).values())
    assert rule.status in (603, 488, 480) and rule.public
