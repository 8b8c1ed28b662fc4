"""`ringfence policy`: exit codes, what people read, what programs read."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ringfence.cli.policy import check, lint_command, schema_command
from ringfence.cli.policy_explain import TimeError, explain_command, moment
from ringfence.policy.explain import ExplainError
from ringfence.policy.schema import schema

EXAMPLES = Path(__file__).parents[2] / "examples"
POLICY = EXAMPLES / "policy.toml"
TEXT = POLICY.read_text(encoding="utf-8")
ADDRESS_EXCEPTION = """
[[address_exception]]
source = "pbx"
addresses = ["127.0.0.2"]
owner = "noc"
why = "ticket 9"
until = 2027-01-31

"""
NOW = 1_798_900_000_000_000
"""Saturday, 2027-01-02, in New York."""


def edited(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    (tmp_path / "rates.csv").write_text((EXAMPLES / "rates.csv").read_text())
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(old, new))
    return path


def line_of(start: str) -> int:
    return next(n for n, line in enumerate(TEXT.splitlines(), 1) if line.startswith(start))


def place(start: str) -> str:
    return f"{POLICY}:{line_of(start)}"


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(POLICY) == 0
    assert "is right: 2 listeners, 1 trunk, 1 source; version" in capsys.readouterr().out


def test_check_names_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, 'permit = ["US", "CA", "GB"]', 'permit = ["XX"]\nrisk_blok = 1')
    assert check(path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "2 mistakes"
    assert lines[0].startswith(f"{path}:{line_of('permit =')}: trunk.carrier.permit[1]: must be a country code")
    assert 'did you mean "risk_block"?' in lines[1]


def test_check_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(POLICY, as_json=True) == 0
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
    assert lint_command(POLICY) == 0
    assert "nothing unwise found" in capsys.readouterr().out
    path = edited(tmp_path, '"national_only"', '"allow"')
    assert lint_command(path) == 1
    assert "open-when-down" in capsys.readouterr().out
    assert lint_command(path, as_json=True) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["code"], found["key"], found["place"]) == (
        "POL-404",
        "trunk.carrier.when_down",
        f"{path}:{line_of('when_down')}",
    )


def test_lint_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, 'carrier_addresses = ["127.0.0.3"]', 'carrier_addresses = ["127.0.0.3", "127.0.0.9"]')
    assert lint_command(path) == 0
    assert lint_command(path, before=POLICY) == 1
    assert "broader-than-before" in capsys.readouterr().out


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_command() == 0
    assert json.loads(capsys.readouterr().out) == schema()


def explained(capsys: pytest.CaptureFixture[str], dial: str, code: int, path: Path = POLICY, **more: Any) -> str:
    assert explain_command(path, source="pbx", dial=dial, **more) == code
    return capsys.readouterr().out


def row(text: str, start: str) -> str:
    (found,) = [" ".join(line.split()) for line in text.splitlines() if line.startswith(start)]
    return found


def test_explain_refused(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "0115372041000", 1)
    assert "idd           took the international prefix 011 of US  [5372041000]" in out
    assert row(out, "deny") == "deny destination-not-permitted, answered 603 Destination Not Allowed"
    assert row(out, "decides").endswith(f"{place('permit =')} trunk.carrier.permit")
    assert row(out, "refuses too").startswith("refuses too price-over-ceiling: +5372041000 (fixed, CU) costs 0.92")
    assert "counted against" not in out


def test_explain_default_decides(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "19005551234", 1)
    assert row(out, "decides").endswith(f"{place('[trunk.carrier]')} trunk.carrier.special (default)")


def test_explain_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "12255550123", 0)
    assert "allow  sent to the carrier as +12255550123, 0.008 a minute (United States and Canada)" in out
    assert row(out, "admits") == f"admits trunk carrier permits US {place('permit =')} trunk.carrier.permit"
    cap = "trunk carrier: alert from 4 calls, at most 5 calls at once"
    assert row(out, cap) == f"{cap} {place('concurrent')} trunk.carrier.concurrent.block"
    assert "this call reserves 0.0008" in row(out, "trunk carrier, domestic: at most 50.00 USD in 24 hours")


def test_explain_emergency(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "911", 0, caller="101")
    assert row(out, "admits") == "admits an emergency call is never refused"
    assert "counted against (never refused for it)" in out


def test_explain_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, 'caller_id_policy = "owned"', 'caller_id_policy = "owned"\nhours = "Mon-Fri 08:00-18:00"')
    assert "decides" in explained(capsys, "2125550123", 1, path, at="2027-01-29T18:00")
    assert "source.pbx.hours.domestic\n" in explained(capsys, "2125550123", 1, path, at="Sat 09:00").replace(
        " \n", "\n"
    )
    assert "admits" in explained(capsys, "2125550123", 0, path, at="2027-01-29T17:59")
    assert "admits" in explained(capsys, "2125550123", 0, path, at="2027-01-29T22:59:59Z")


def test_explain_address_whose_exception_has_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(tmp_path, "[ledger]", ADDRESS_EXCEPTION + "[ledger]")
    assert "admits" in explained(capsys, "2125550123", 0, path, at="2027-01-31T23:59")
    out = explained(capsys, "2125550123", 1, path, at="2027-02-01T00:00")
    assert row(out, "decides").startswith(
        "decides unverified-source: 127.0.0.2:5060 was an address of source pbx until"
    )
    assert row(out, "decides").endswith("address_exception[1].until")


def test_explain_json(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(explained(capsys, "18765550123", 1, as_json=True, at="2027-01-29T17:59"))
    assert (told["e164"], told["region"], told["at"]) == ("18765550123", "JM", "2027-01-29T22:59:00+00:00")
    assert told["hits"][0]["place"] == place("permit =")
    assert told["hits"][0]["decides"] is True


def test_explain_knows_what_it_is_asked_about() -> None:
    with pytest.raises(ExplainError, match="there is no source 'pxb'; did you mean 'pbx'"):
        explain_command(POLICY, source="pxb", dial="1")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("", "2027-01-02 09:26:40"),
        ("09:30", "2027-01-02 09:30:00"),
        ("Sat 09:30", "2027-01-02 09:30:00"),
        ("sun 3:12", "2027-01-03 03:12:00"),
        ("Fri 03:12", "2027-01-08 03:12:00"),
        ("2027-07-01T12:00", "2027-07-01 12:00:00"),
        ("2027-07-01T12:00Z", "2027-07-01 08:00:00"),
        ("2027-07-01", "2027-07-01 00:00:00"),
    ],
)
def test_moment(text: str, local: str) -> None:
    zone = "America/New_York"
    found = moment(text, zone, NOW)
    assert f"{datetime.fromtimestamp(found / 1e6, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" == local


@pytest.mark.parametrize("text", ["soon", "25:00", "Xyz 10:00", "2027-13-01", "10:61"])
def test_no_moment(text: str) -> None:
    with pytest.raises(TimeError, match="is no time"):
        moment(text, "America/New_York", NOW)
