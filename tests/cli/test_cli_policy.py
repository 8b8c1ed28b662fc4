"""`ringfence policy`: exit codes, what people read, what programs read."""

import json
from pathlib import Path

import pytest

from ringfence.cli.policy import check, lint_command, schema_command
from ringfence.policy.schema import schema

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = (EXAMPLES / "policy.toml").read_text(encoding="utf-8")


def edited(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    (tmp_path / "rates.csv").write_text((EXAMPLES / "rates.csv").read_text())
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(old, new))
    return path


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(EXAMPLES / "policy.toml") == 0
    assert "is right: 2 listeners, 1 trunk, 1 source; version" in capsys.readouterr().out


def test_check_names_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, 'permit = ["US", "CA", "GB"]', 'permit = ["XX"]\nrisk_blok = 1')
    assert check(path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "2 mistakes"
    assert lines[0].startswith(f"{path}:33: trunk.carrier.permit[1]: must be a country code")
    assert 'did you mean "risk_block"?' in lines[1]


def test_check_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(EXAMPLES / "policy.toml", as_json=True) == 0
    assert len(json.loads(capsys.readouterr().out)["version"]) == 64
    assert check(tmp_path / "none.toml", as_json=True) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error == {
        "file": f"{tmp_path}/none.toml",
        "line": 0,
        "key": "",
        "message": "there is no such file",
        "hint": "",
    }


def test_lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint_command(EXAMPLES / "policy.toml") == 0
    assert "nothing unwise found" in capsys.readouterr().out
    path = edited(tmp_path, '"national_only"', '"allow"')
    assert lint_command(path) == 1
    assert "open-when-down" in capsys.readouterr().out
    assert lint_command(path, as_json=True) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["code"], found["key"], found["place"]) == ("POL-404", "trunk.carrier.when_down", f"{path}:36")


def test_lint_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, 'carrier_addresses = ["127.0.0.1"]', 'carrier_addresses = ["127.0.0.0/30"]')
    assert lint_command(path) == 0
    assert lint_command(path, before=EXAMPLES / "policy.toml") == 1
    assert "broader-than-before" in capsys.readouterr().out


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_command() == 0
    assert json.loads(capsys.readouterr().out) == schema()
