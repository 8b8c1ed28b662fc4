"""The secret of the manager's user: from a file that nobody else can read, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.model.settings import Asterisk
from ringfence.server.pbx import PbxError, read_secret, where


def settings(path: Path, **more: object) -> Asterisk:
    values = {"name": "office", "host": "127.0.0.1", "port": 5038, "source": "office", "trunks": {}, **more}
    return Asterisk(secret=str(path), **values)  # type: ignore[arg-type]


def written(path: Path, text: str, mode: int = 0o600) -> Asterisk:
    path.write_text(text)
    path.chmod(mode)
    return settings(path)


def test_the_first_line_is_the_secret(tmp_path: Path) -> None:
    assert read_secret(written(tmp_path / "s", "a b:c\r\nmore\n")) == "a b:c"


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("secret\n", 0o640, "others may read it: run `chmod 600"),
        ("\n", 0o600, "isn't a secret"),
        ("x" * 300, 0o600, "isn't a secret"),
        ("pässword\n", 0o600, "isn't a secret"),
    ],
)
def test_what_is_no_secret_is_refused(tmp_path: Path, text: str, mode: int, says: str) -> None:
    with pytest.raises(PbxError, match=says):
        read_secret(written(tmp_path / "s", text, mode))


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(PbxError, match=r"asterisk\.office\.secret: .*write the secret of ringfence"):
        read_secret(settings(tmp_path / "none"))


def test_an_authority_that_cant_be_read_is_named(tmp_path: Path) -> None:
    written(tmp_path / "s", "secret\n")
    with pytest.raises(PbxError, match=r"asterisk\.office\.ca"):
        where(settings(tmp_path / "s", tls=True, ca=str(tmp_path / "none.pem")))
