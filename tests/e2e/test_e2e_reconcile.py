"""Calls through a running guard, one around it, and the carrier's bill of all of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rig import INCREMENT, NUMBER, site

from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e
HEADER = "Setup Time (UTC);B-Number;Billed Sec;Amount\n"
AROUND = "+442079460018"
REFUSED = "0115378345678"


def test_what_went_around_the_guard_is_on_the_bill_only(tmp_path: Path) -> None:
    with site(tmp_path) as stage:
        begun = datetime.now(UTC)  # noqa: TID251 (what a carrier's clock says)
        _, dialog, _ = stage.connect()
        stage.hang_up(dialog, stage.carrier)
        stage.refused(stage.dial(REFUSED))
        row = f"{begun:%Y-%m-%d %H:%M:%S};{{}};1;{{}}\n"
        bill = [row.format(NUMBER, f"0,{INCREMENT // 10_000}"), row.format(AROUND, "3,20")]
        (tmp_path / "bill.csv").write_text(HEADER + "".join(bill))
        arguments = ("reconcile", "--cdr", "bill.csv", "--ledger", "state/ledger.db", "--time-zone", "UTC", "--json")
        for _ in polls(10.0, every_s=0.2):  # The end of the call is committed a moment after it.
            done = stage.guard.cli(*arguments)
            assert done.returncode in (0, 1), done.stderr
            if json.loads(done.stdout)["matched"]:
                break
        found = json.loads(done.stdout)
        assert (done.returncode, found["matched"]) == (1, 1), done.stderr
        assert {kind: sums["calls"] for kind, sums in found["kinds"].items() if sums["calls"]} == {"unseen": 1}
        (unseen,) = found["dearest"]["unseen"]
        assert (unseen["number"], unseen["money_micros"]) == (AROUND, 3_200_000)
        (tmp_path / "bill.csv").write_text(HEADER + bill[0])
        assert stage.guard.cli(*arguments).returncode == 0
