"""`ringfence policy enforce` and `observe` change one line of the file and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ringfence.cli.app import main
from ringfence.cli.policy_mode import changed
from ringfence.testing.trial import BASE

COMMENTED = "# ours\n" + BASE + "\n# the rest\n[behaviour]  # learned\nblock = 90 # high\n"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["policy", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(COMMENTED)
    return path


def test_one_line_is_changed_and_comments_stay(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("enforce", str(policy), "--control", str(policy.parent / "none")) == 0
    assert policy.read_text() == COMMENTED + 'mode = "enforce"\n'
    out = capsys.readouterr()
    assert '+mode = "enforce"' in out.out and "no guard was told" in out.err
    assert run("observe", str(policy), "--control", str(policy.parent / "none")) == 0
    assert policy.read_text() == COMMENTED + 'mode = "observe"\n'
    assert run("observe", str(policy), "--control", str(policy.parent / "none")) == 0
    assert "says so already" in capsys.readouterr().out
    assert sorted(path.name for path in policy.parent.iterdir()) == ["policy.toml"]


@pytest.mark.parametrize("text", [BASE, COMMENTED, BASE + '[rules.unusual-hour]\nmode = "off"\n'])
def test_rules_by_name(text: str) -> None:
    after = tomllib.loads(changed(text, "observe", ("unusual-hour", "wangiri")))
    assert after["rules"] == {"unusual-hour": {"mode": "observe"}, "wangiri": {"mode": "observe"}}
    assert {**after, "rules": 0} == {**tomllib.loads(text), "rules": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rule", "outside-hours"], "'outside-hours' is no behaviour rule; there is first-ever-destination"),
        (["--rule", "wangir"], "'wangir' is no behaviour rule"),
    ],
)
def test_only_behaviour_rules_are_meant(
    policy: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run("enforce", str(policy), *arguments) == 2
    assert said in capsys.readouterr().err and policy.read_text() == COMMENTED


def test_a_wrong_file_is_told_and_left(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(COMMENTED.replace("block = 90", 'block = "x"'))
    before = policy.read_text()
    assert run("enforce", str(policy)) == 2
    assert "behaviour.block" in capsys.readouterr().err and policy.read_text() == before
