"""`ringfence number`: exit codes, what people read, what programs read, and files with mistakes in them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringfence.cli.app import main
from ringfence.cli.number import number
from ringfence.errors import RingfenceError

KEYS = ["status", "e164", "region", "type", "reason", "flags"]
HEADER = "dialled,home,settings\n"


def stages(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


def test_each_step_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert number("9 011 53 5 123 4567", home="us", outside=("9",)) == 0
    out = capsys.readouterr().out
    assert stages(out) == ["plan", "decode", "outside", "idd", "table", "result"]
    assert "took the outside prefix 9  [0115351234567]" in out
    assert out.splitlines()[-1].split(maxsplit=1)[1] == "+5351234567, mobile in CU (outside)"


def test_without_home_it_is_read_as_in_the_us_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert number("0115351234567") == 0
    assert "dialled in US (choose another with --home)" in capsys.readouterr().out


def test_a_refused_number_hints_at_the_outside_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    assert number("90115351234567") == 1
    out = capsys.readouterr().out
    assert "refused, too_long" in out
    assert out.splitlines()[-1].split(maxsplit=1) == ["hint", "with --outside 9 it is +5351234567, mobile in CU"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert number("+37110000000", home="US", as_json=True) == 1
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == [*KEYS, "candidate", "steps"]
    assert (shown["status"], shown["reason"], shown["candidate"]) == ("reject", "unallocated", "37110000000")
    assert [step["stage"] for step in shown["steps"]] == ["plan", "decode", "result"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"dialled": None}, "needs a dialled string"),
        ({"dialled": "1", "home": "USA"}, "home 'USA' isn't a country code"),
        ({"dialled": "1", "batch": Path("x.csv")}, "not both"),
        ({"dialled": "1", "ext_len": "3-"}, "--ext-len '3-' must be"),
        ({"dialled": "1", "ext_len": "5-3"}, "ext_len [5, 3] must be"),
        ({"dialled": "1", "outside": ("x",)}, "outside 'x' must be 1 to 15 digits"),
    ],
)
def test_wrong_usage(arguments: dict[str, Any], text: str) -> None:
    options = {name: value for name, value in arguments.items() if name != "dialled"}
    with pytest.raises(RingfenceError) as raised:
        number(arguments["dialled"], **options)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["number", "--home", "GB", "020 7946 0000"], 0),
        (["number", "--home", "US", "--outside", "9", "--outside", "8", "8 1 212 555 0123"], 0),
        (["number", "--home", "US", "--", "*72"], 1),
        (["number", "--home", "US", "--no-outside-required", "--outside", "9", "2125550123"], 0),
        (["number", "--home", "ZZ", "1"], 2),
        (["number", "--nonsense"], 2),
    ],
)
def test_exit_codes_of_the_command_line(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == code
    shown = capsys.readouterr()
    assert bool(shown.out) == (code < 2) or "--nonsense" in arguments


def batch(tmp_path: Path, text: str | bytes, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[Any], str]:
    path = tmp_path / "numbers.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    code = number(batch=path)
    shown = capsys.readouterr()
    return code, [json.loads(line) for line in shown.out.splitlines()], shown.err.replace(str(tmp_path), "")


def test_batch_writes_one_object_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = '0115351234567,US,{}\n9911,us,"{""outside"": [""9""]}"\n\n"+44 20\n7946,0000",GB,\n"",GB,{}\n'
    code, shown, err = batch(tmp_path, HEADER + rows, capsys)
    assert (code, err) == (0, "")
    assert [list(each) for each in shown] == [KEYS] * 4
    assert [(each["status"], each["e164"], each["type"], each["reason"]) for each in shown] == [
        ("ok", "5351234567", "mobile", ""),
        ("short", "911", "emergency", ""),
        ("reject", "", "", "too_short"),
        ("reject", "", "", "empty"),
    ]


def test_batch_takes_more_columns_in_any_order_with_a_byte_order_mark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\ufeffId,Home,Settings,Dialled\r\n7,GB,{},020 7946 0000\r\n"
    code, shown, _ = batch(tmp_path, text, capsys)
    assert (code, shown[0]["e164"]) == (0, "442079460000")


WRONG_ROWS = [
    ("1,US", "has 2 cells, the header has 3"),
    ("1,US,{},extra", "has 4 cells, the header has 3"),
    ("1,XX,{}", "home 'XX' isn't a country code"),
    ("1,,{}", "home '' isn't a country code"),
    ("1,US,not json", "JSON is malformed"),
    ("1,US,[]", "Expected `object`, got `array`"),
    ('1,US,"{""outsid"": [""9""]}"', "`outsid`"),
    ('1,US,"{""outside"": ""9""}"', "Expected `array`, got `str`"),
    ('1,US,"{""outside"": [""x""]}"', "outside 'x' must be 1 to 15 digits"),
    ('1,US,"{""ext_len"": [5, 3]}"', "ext_len [5, 3] must be"),
    ('1,US,"{""home"": ""GB""}"', "settings can't hold home"),
    ('"1"2,US,{}', "isn't CSV"),
]


@pytest.mark.parametrize(("row", "text"), WRONG_ROWS)
def test_a_wrong_row_is_named_and_the_others_are_judged(
    tmp_path: Path, row: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, err = batch(tmp_path, f"{HEADER}+442079460000,US,{{}}\n{row}\n+442079460001,US,{{}}\n", capsys)
    assert code == 1
    assert [each["status"] for each in shown] == ["ok", "error", "ok"]
    assert list(shown[1])[: len(KEYS)] == KEYS
    assert shown[1]["line"] == 3
    assert text in shown[1]["error"]
    assert err.startswith("/numbers.csv:3: ")
    assert "1 rows couldn't be judged" in err


def test_an_open_quote_says_what_it_swallowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, err = batch(tmp_path, f'{HEADER}+442079460000,US,{{}}\n"1,US,{{}}\n2,US,{{}}\n', capsys)
    assert (code, len(shown)) == (1, 2)
    assert "/numbers.csv:3: a quote that opens here isn't closed" in err


def test_bytes_that_are_no_text_are_a_refused_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = batch(tmp_path, HEADER.encode() + b"\xff\x0012,US,{}\n", capsys)
    assert (code, shown[0]["status"], shown[0]["reason"]) == (0, "reject", "invalid_char")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "/numbers.csv:1: no column dialled, home, settings"),
        ("dialled,home\n1,US\n", "/numbers.csv:1: no column settings"),
        ("dialled,home,settings,home\n", "/numbers.csv:1: column home is named twice"),
        ('"dialled,home,settings\n', "/numbers.csv:1: a quote that opens here"),
    ],
)
def test_a_file_without_its_columns(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RingfenceError) as raised:
        batch(tmp_path, text, capsys)
    assert message in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RingfenceError, match=r"none\.csv: can't be read: No such file"):
        number(batch=tmp_path / "none.csv")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text(HEADER + "+442079460000,US,{}\n" * 20_000)
    command = [sys.executable, "-c", "from ringfence.cli.app import main; main()", "number", "--batch", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        assert json.loads(child.stdout.readline())["status"] == "ok"
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == 0
