"""Calls whose end nobody told: the parties are asked, and only who says that there is no call ends one (F5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import Seat, Table

from ringfence.edge import probing
from ringfence.model import SECOND
from ringfence.model.fact import Ended
from ringfence.testing.peer import Dialog, answer_ok, response_to
from ringfence.testing.wire import Sip

AFTER_START_S, EVERY_S = probing.AFTER_START // SECOND, probing.EVERY // SECOND


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path, trunk='session_timer_s = "off"')


def asked(table: Table, seat: Seat) -> Sip:
    return seat.expect("OPTIONS")


def says(table: Table, seat: Seat, status: int) -> Sip:
    question = asked(table, seat)
    seat.send(response_to(question, status, "X"), question.origin)
    return question


def up_through_a_restart(table: Table) -> Dialog:
    dialog, _ = table.connect()
    table.restart()
    table.run(AFTER_START_S + 0.1)
    return dialog


@pytest.mark.parametrize("who", ["pbx", "carrier"])
def test_a_bye_that_the_ledger_was_not_told_of(table: Table, who: str) -> None:
    """The guard passed it on and was killed: after the restart the call held its slot up to its longest duration."""
    dialog, _ = table.connect()
    table.hang_up(dialog)
    assert isinstance(table.facts.pop(), Ended)
    table.restart()
    assert table.slots == 1
    table.run(AFTER_START_S - 1)
    assert table.pbx.heard() + table.carrier.heard() == []
    table.run(2)
    says(table, getattr(table, who), 481)
    for seat in (table.pbx, table.carrier):
        bye = seat.expect("BYE")
        seat.send(response_to(bye, 481, "Call/Transaction Does Not Exist"), bye.origin)
    assert (table.told()[-1], table.slots) == ("ended lost", 0)


@pytest.mark.parametrize("status", [200, 404, 405, 408, 500, 503])
def test_any_other_answer_leaves_the_call_up(table: Table, status: int) -> None:
    dialog = up_through_a_restart(table)
    for seat in (table.pbx, table.carrier):
        says(table, seat, status)
    assert (table.slots, table.pbx.heard(), table.carrier.heard()) == (1, [], [])
    table.hang_up(dialog)
    assert (table.told()[-1], table.slots) == ("ended bye-caller", 0)


def test_silence_leaves_the_call_up(table: Table) -> None:
    up_through_a_restart(table)
    table.run(60)
    assert (table.slots, table.edge.status()["dialogs"]) == (1, 1)
    assert {message.method for message in table.carrier.heard()} == {"OPTIONS"}


def test_the_question_is_of_the_dialog_and_uses_up_no_number(table: Table) -> None:
    """A CSeq number that the other party used, or 0 where it used none: its own requests go on fitting (§12.2.2)."""
    dialog, offered = table.connect()
    dialog.send("INFO")
    answer_ok(table.carrier, table.carrier.expect("INFO"))
    table.run(EVERY_S + 1)
    to_carrier, to_pbx = asked(table, table.carrier), asked(table, table.pbx)
    assert (to_carrier.cseq, to_pbx.cseq) == ((2, "OPTIONS"), (0, "OPTIONS"))
    assert (to_carrier.value("From"), to_carrier.value("To")) == (offered.remote, offered.local)
    assert (to_pbx.value("From"), to_pbx.value("To")) == (dialog.remote, dialog.local)
    table.hang_up(dialog)


def test_each_call_is_asked_about_once_a_round_and_later_ones_in_the_next(table: Table) -> None:
    table.connect()
    table.run(EVERY_S // 2)
    table.connect()
    table.run(EVERY_S // 2 + 1)
    assert len({message.call_id for message in questions(table)}) == 2
    table.run(60)
    questions(table)
    table.connect()
    table.run(EVERY_S - 65)
    assert questions(table) == []
    table.run(10)
    assert len({message.call_id for message in questions(table)}) == 3


def questions(table: Table) -> list[Sip]:
    """What was asked of the PBX; both sides say that they have the call."""
    found = [message for message in table.pbx.heard() if message.method == "OPTIONS"]
    for seat, heard in ((table.pbx, found), (table.carrier, table.carrier.heard())):
        for message in heard:
            seat.send(response_to(message, 500, "Invalid CSeq"), message.origin)
    return found


def test_many_calls_are_asked_about_bit_by_bit(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "BATCH", 2)
    for _ in range(5):
        table.connect()
    table.run(EVERY_S + 0.5)
    seen = [len({message.call_id for message in questions(table)})]
    for _ in range(3):
        table.run(1)
        seen.append(len({message.call_id for message in questions(table)}))
    assert seen == [2, 2, 1, 0]


def test_without_calls_nobody_is_woken(table: Table) -> None:
    table.edge.tick(table.now)
    dialog, _ = table.connect()
    table.hang_up(dialog)
    table.run(61)
    assert (len(table.edge._edge.agenda), table.edge.due()) == (0, None)
    dialog, _ = table.connect()
    table.run(EVERY_S + 0.1)
    assert asked(table, table.pbx)
    table.hang_up(dialog)


def test_a_call_that_is_hung_up_meanwhile_is_told_once(table: Table) -> None:
    dialog = up_through_a_restart(table)
    question = asked(table, table.carrier)
    table.hang_up(dialog)
    table.carrier.send(response_to(question, 481, "Gone"), question.origin)
    assert table.told().count("ended bye-caller") == 1
    assert "ended lost" not in table.told()
