"""Commands run as a user in New York runs them."""

import time
from collections.abc import Iterator

import pytest
from clikit import Run


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], new_york: None) -> Run:
    """Runs a command."""
    return Run(capsys)
