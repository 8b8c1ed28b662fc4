"""A log line is one event, also when the text would like to be two."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from ringfence.server.logs import to_stderr


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger("ringfence")
    kept = (root.handlers[:], root.propagate, root.level)
    yield
    root.handlers[:], root.propagate = kept[:2]
    root.setLevel(kept[2])


def test_a_line_break_in_the_text_starts_no_event(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr(json=False, verbose=False)
    logging.getLogger("ringfence.edge").warning("from %s", "x\n2026-01-01T00:00:00.000Z info    edge: forged")
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning edge: from x", first)
    assert second.startswith("  ")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr(json=True, verbose=False)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("ringfence.edge").exception("one\ntwo")
    event = json.loads(capsys.readouterr().err)
    assert (event["level"], event["text"]) == ("error", "one\ntwo")
    assert "ValueError: broken" in event["traceback"]


def test_debug_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr(json=False, verbose=False)
    logging.getLogger("ringfence.edge").debug("detail")
    to_stderr(json=False, verbose=True)
    logging.getLogger("ringfence.edge").debug("more")
    assert capsys.readouterr().err.count("\n") == 1
