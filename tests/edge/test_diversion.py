"""Who is charged with a forwarded call: whoever forwarded it, as far as the header names a part of the same source."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import OUTSIDE, Table

from ringfence.model import Attempt, Decided
from ringfence.testing.peer import call, leg

STRANGE, DID = "+491521851865", "+12125550123"
"""An outside caller, and the number of ours that he calls."""
HISTORY = "History-Info"
ON = '"owned_or_forwarded"'


def diverted(by: str) -> tuple[str, str]:
    return "Diversion", f"<sip:{by}@pbx>;reason=unconditional"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path, source=f"caller_id_policy = {ON}", trunk='permit = ["US", "GB"]')


def arrives(table: Table, to: str = DID) -> None:
    """An inbound call of the stranger, which stays up."""
    call(table.carrier, OUTSIDE, to, STRANGE)
    leg(table.pbx, table.pbx.expect("INVITE")).answer()
    table.carrier.expect(200)


def judged(table: Table, caller: str, *headers: tuple[str, str]) -> tuple[Attempt, str]:
    """An outbound call, and its outcome."""
    table.dial("+442079460018", caller, *headers)
    decided = [fact for fact in table.facts if isinstance(fact, Decided)][-1]
    return decided.attempt, decided.verdict.outcome


def who(attempt: Attempt) -> tuple[str, str]:
    return attempt.extension, attempt.extension_is


@pytest.mark.parametrize(
    ("headers", "charged"),
    [
        ([], DID),
        ([diverted("101")], "101"),
        ([diverted("2125550123")], DID),
        ([diverted("+12125550188")], "+12125550188"),
        ([diverted("+18765550100")], DID),
        ([diverted("+18765550100"), diverted("102")], "102"),
        ([diverted("101"), diverted("102")], "101"),
        ([("Diversion", "<sip:101@pbx>, <sip:102@pbx>")], "101"),
        ([("Diversion", "<sip:101 @pbx>")], DID),
        ([("Diversion", "<sip:pbx>")], DID),
        ([(HISTORY, "<sip:101@pbx>;index=1, <sip:+442079460018@c;cause=302>;index=1.1;mp=1")], "101"),
        ([(HISTORY, "<sip:101@pbx>;index=1, <sip:+442079460018@c;cause=302>;index=1.1")], "101"),
        ([(HISTORY, "<sip:101@pbx?Reason=SIP%3Bcause%3D486>;index=1, <sip:+442079460018@c>;index=1.1")], "101"),
        ([(HISTORY, "<sip:7@p>;index=1, <sip:101@p>;index=1.1;mp=1, <sip:+442079460018@c>;index=1.2;mp=1.1")], "101"),
        ([(HISTORY, "<sip:+442079460018@c>;index=1")], DID),
        ([(HISTORY, "<sip:101@pbx>;index=1, <sip:0442079460018@10.0.0.1>;index=1.1;rc=1")], DID),
        ([(HISTORY, "<sip:+442079460018@x>;index=1;mp=1")], DID),
        ([(HISTORY, "<sip:101@127.0.0.1>;index=1")], "101"),
        ([(HISTORY, "<sip:+12125550123@c>;index=1")], DID),
        ([diverted("101"), (HISTORY, "<sip:9@pbx>;index=1, <sip:+4420@c>;index=1.1;mp=1")], "101"),
    ],
)
def test_a_forwarded_call_is_charged_to_who_forwarded_it(
    table: Table, headers: list[tuple[str, str]], charged: str
) -> None:
    arrives(table)
    attempt, outcome = judged(table, STRANGE, *headers)
    assert who(attempt) == (charged, "forwarder")
    assert (attempt.forwarded_by, attempt.caller, attempt.shown, outcome) == (charged, STRANGE, STRANGE, "allow")


@pytest.mark.parametrize(
    ("caller", "name", "naming"),
    [
        ("101", "101", "label"),
        ("alice", "alice", "label"),
        ("+12125550107", "+12125550107", "number"),
        ("2125550107", "+12125550107", "number"),
        (STRANGE, STRANGE, "caller-id"),
        ("0049152185186599999999", "0049152185186599999999", "caller-id"),
        ("+1", "+1", "caller-id"),
        ("anonymous", "anonymous", "caller-id"),
        ("Anonymous", "Anonymous", "caller-id"),
    ],
)
def test_what_the_name_of_a_caller_is(table: Table, caller: str, name: str, naming: str) -> None:
    assert who(judged(table, caller)[0]) == (name, naming)


def test_a_call_forwarded_within_the_pbx_is_charged_but_owns_no_foreign_caller_id(table: Table) -> None:
    """Nobody called in: the header says who pays, not that a stranger's number may be shown."""
    attempt, outcome = judged(table, STRANGE, diverted("101"))
    assert (*who(attempt), attempt.forwarded_by, outcome) == ("101", "forwarder", None, "deny")
    assert who(judged(table, "102", diverted("101"))[0]) == ("101", "forwarder")


def test_a_header_that_names_nobody_of_the_source_moves_no_charge(table: Table) -> None:
    assert who(judged(table, "+12125550107", diverted("+18765550100"))[0]) == ("+12125550107", "number")


def test_the_limits_of_the_forwarder_count_whoever_calls(tmp_path: Path) -> None:
    table = Table(
        tmp_path, source=f"caller_id_policy = {ON}\nper_caller.concurrent.block = 1", trunk='permit = ["US", "GB"]'
    )
    came = []
    for caller in ("+491521851865", "+491521851866"):
        call(table.carrier, OUTSIDE, DID, caller)
        leg(table.pbx, table.pbx.expect("INVITE")).answer()
        came.append(judged(table, caller, diverted("101"))[1])
    assert came == ["allow", "deny"]
