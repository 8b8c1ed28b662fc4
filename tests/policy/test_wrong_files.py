"""What is wrong with a file is said exactly: place, key, what is allowed, and the way out."""

import tomllib
from pathlib import Path

import pytest

from ringfence.policy import PolicyErrors, files, load

BASE = """\
[site]
home_country = "US"
time_zone = "America/New_York"

[listen.inside]
bind = "10.20.0.5:5060"

[listen.outside]
bind = "203.0.113.5:5060"

[trunk.carrier]
listen = "outside"
carrier_addresses = ["198.51.100.0/28"]
send_to = ["sip:sbc.carrier.example"]
permit = ["US", "CA"]
concurrent = { alert = 4, block = 5 }

[profile.office]
max_call_s = 3600

[source.pbx]
profile = "office"
zone = "internal"
listen = "inside"
addresses = ["10.20.0.10"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
"""
DECK_HEADER = "prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from\n"

CASES = tomllib.loads(Path(__file__).with_name("wrong_files.toml").read_text(encoding="utf-8"))["case"]


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "bad.csv").write_text(DECK_HEADER + "44,UK,0,-0.1,60,60,\n")
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return str(path)


def said(tmp_path: Path, text: str) -> str:
    with pytest.raises(PolicyErrors) as failed:
        load(written(tmp_path, text))
    return str(failed.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_wrong(tmp_path: Path, case: dict[str, str]) -> None:
    text = BASE.replace(case["replace"], case["by"]) if "replace" in case else BASE + case["by"] + "\n"
    assert text != BASE, "the case changes nothing"
    found, wanted = said(tmp_path, text).splitlines(), case["says"].splitlines()
    for line, says in zip(found, wanted, strict=True):  # "…": what follows changes with each new section
        assert line == says or (says.endswith("…") and line.startswith(says[:-1]))


def test_base_is_right(tmp_path: Path) -> None:
    assert load(written(tmp_path, BASE)).sources["pbx"].bounds.max_call_s["domestic"] == 3600


def test_nested_too_deeply(tmp_path: Path) -> None:
    assert said(tmp_path, "x = " + "[" * 5000) == "policy.toml:1: is nested too deeply to be a policy"


def test_number_too_long(tmp_path: Path) -> None:
    assert said(tmp_path, "x = " + "1" * 5000) == "policy.toml:1: holds a whole number of thousands of digits"


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = Path(written(tmp_path, ""))
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load(str(path)).version == load(written(tmp_path, BASE)).version


def test_line_numbers_with_windows_line_ends(tmp_path: Path) -> None:
    path = Path(written(tmp_path, ""))
    path.write_bytes(BASE.replace('"US"\n', '"XX"\n').replace("\n", "\r\n").encode())
    with pytest.raises(PolicyErrors) as failed:
        load(str(path))
    assert [error.line for error in failed.value.errors] == [2]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[site]\nhome_country = '\xe9'\n", "policy.toml:2: is not UTF-8: byte 0xe9; save it as UTF-8"),
        ("[site]".encode("utf-16"), "policy.toml:1: is UTF-16; save it as UTF-8"),
        (b"", "policy.toml:1: listen: there is none: calls can't come in; write [listen.NAME]"),
    ],
)
def test_bytes(tmp_path: Path, raw: bytes, expected: str) -> None:
    (tmp_path / "policy.toml").write_bytes(raw)
    with pytest.raises(PolicyErrors) as failed:
        load(str(tmp_path / "policy.toml"))
    assert str(failed.value.errors[0]).replace(f"{tmp_path}/", "") == expected


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyErrors, match=r"none\.toml: there is no such file"):
        load(str(tmp_path / "none.toml"))


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(PolicyErrors, match="is a directory, not a file"):
        load(str(tmp_path))


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(PolicyErrors, match="may not be read by this user; change its owner or mode"):
        load(written(tmp_path, BASE))
