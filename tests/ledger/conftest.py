"""What the ledger does each 100 or 500 ms it does at once here: tests wait for it, not for the clock."""

import pytest

from ringfence.ledger import journal, keeper


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "RETRY_S", 0.02)
    monkeypatch.setattr(keeper, "SYNC_EVERY_S", 0.01)
