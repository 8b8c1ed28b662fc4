"""The carrier's challenges to calls are answered for a PBX that has no secret: it sees a plain call."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import NUMBER, OUTSIDE, Table
from test_edge_enrolment import OWNER, REALM, REGISTER, challenge, secrets

from ringfence.edge.secrets import Secrets
from ringfence.model import Cut, Ended
from ringfence.sip.digest import find_credentials, proves
from ringfence.testing import wire
from ringfence.testing.peer import Call, Dialog, Leg, answer_ok, leg, response_to
from ringfence.testing.wire import Sip


def made(folder: Path, known: Secrets | None = None, **policy: object) -> Table:
    table = Table(folder, trunk=REGISTER.format(more=""), **policy)  # type: ignore[arg-type]
    table.edge.trust(secrets() if known is None else known, table.now)
    table.run(0.1)
    table.carrier.send(response_to(table.carrier.expect("REGISTER"), 200, "OK", ("Expires", "86000")), OUTSIDE)
    table.settle()
    return table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return made(tmp_path)


def asks(table: Table, request: Sip, nonce: str = "n1", status: int = 407, **changed: str) -> None:
    """The carrier challenges a request."""
    name, value = challenge(nonce, **changed)
    header = (name if status == 401 else "Proxy-Authenticate", value)
    table.carrier.send(response_to(request, status, "Prove It", header, tag="c"), OUTSIDE)


def is_right(request: Sip, nonce: str = "n1", header: str = "Proxy-Authorization") -> bool:
    """Whether it proves the password for what it asks, by our own reading of it."""
    given = find_credentials([value.encode() for value in request.all(header)], REALM)
    if given is None or (given.nonce, given.uri) != (nonce, request.uri):
        return False
    return proves(secrets().of(*OWNER)[given.algorithm], given, request.method)


def asked(table: Table, status: int = 407) -> tuple[Call, Sip]:
    """A call whose INVITE the carrier challenged: the call, and the INVITE that came after it."""
    call = table.dial()
    first = table.carrier.expect("INVITE")
    asks(table, first, status=status)
    ack = table.carrier.expect("ACK")
    assert ack.cseq[0] == first.cseq[0]
    return call, table.carrier.expect("INVITE")


def up(table: Table) -> tuple[Dialog, Leg]:
    """Such a call, answered."""
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    return table.answer(call, offered), offered


# --- the INVITE -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "header"), [(407, "Proxy-Authorization"), (401, "Authorization")])
def test_the_pbx_sees_a_call_without_a_challenge(table: Table, status: int, header: str) -> None:
    call, invite = asked(table, status)
    assert is_right(invite, header=header)
    assert invite.cseq == (2, "INVITE")
    assert invite.call_id == call.call_id
    assert invite.body == call.invite.body
    offered = leg(table.carrier, invite)
    offered.ring()
    assert table.pbx.expect(180).cseq == (1, "INVITE")
    offered.answer()
    final = table.pbx.expect(200)
    assert final.cseq == (1, "INVITE")
    dialog = call.confirm(final)
    assert table.carrier.expect("ACK").cseq == (2, "ACK")
    assert table.pbx.heard() == []
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.cseq == (3, "BYE")
    answer_ok(table.carrier, bye)
    assert table.pbx.expect(200, method="BYE").cseq == (2, "BYE")
    assert table.slots == 0
    assert table.attempts == 1


def test_the_carrier_may_hang_up(table: Table) -> None:
    _, offered = up(table)
    offered.send("BYE")
    bye = table.pbx.expect("BYE")
    assert bye.cseq[0] == 1001
    answer_ok(table.pbx, bye)
    assert table.carrier.expect(200, method="BYE").cseq[0] == 1001
    assert table.slots == 0


def test_a_refusal_after_it_reaches_the_pbx(table: Table) -> None:
    call, invite = asked(table)
    leg(table.carrier, invite).refuse(486)
    assert table.carrier.expect("ACK").cseq == (2, "ACK")
    assert table.pbx.expect(486, call_id=call.call_id).cseq == (1, "INVITE")
    assert table.slots == 0


def test_the_pbx_may_cancel(table: Table) -> None:
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    offered.ring()
    call.cancel()
    cancel = table.carrier.expect("CANCEL")
    assert cancel.cseq == (2, "CANCEL")
    assert wire.parse(cancel.to_bytes(), OUTSIDE).all("Via") == invite.all("Via")[:1]
    answer_ok(table.carrier, cancel)
    offered.refuse(487)
    assert table.pbx.expect(487, call_id=call.call_id).cseq == (1, "INVITE")


def test_only_a_stale_nonce_is_answered_once_more(table: Table) -> None:
    _, invite = asked(table)
    asks(table, invite, "n2", stale="true")
    table.carrier.expect("ACK")
    third = table.carrier.expect("INVITE")
    assert is_right(third, "n2")
    assert third.cseq == (3, "INVITE")
    asks(table, third, "n3", stale="true")
    table.carrier.expect("ACK")
    assert table.carrier.heard() == []
    assert table.pbx.expect(407)


def test_a_refused_password_goes_to_the_pbx(table: Table) -> None:
    call, invite = asked(table)
    asks(table, invite, "n2")
    table.carrier.expect("ACK")
    assert table.carrier.heard() == []
    assert table.pbx.expect(407, call_id=call.call_id).cseq == (1, "INVITE")
    assert table.edge.status()["secret_refused"] == 1
    table.run(60)
    assert table.slots == 0


@pytest.mark.parametrize("changed", [{"realm": '"elsewhere"'}, {"algorithm": "SHA-512-256"}])
def test_a_challenge_that_is_not_ours_goes_to_the_pbx(table: Table, changed: dict[str, str]) -> None:
    call = table.dial()
    asks(table, table.carrier.expect("INVITE"), **changed)
    table.carrier.expect("ACK")
    assert table.carrier.heard() == []
    assert table.pbx.expect(407, call_id=call.call_id)


def test_a_trunk_that_does_not_register_answers_nothing(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.edge.trust(secrets(), table.now)
    call = table.dial()
    asks(table, table.carrier.expect("INVITE"))
    assert table.pbx.expect(407, call_id=call.call_id)


def test_a_repeated_challenge_is_answered_once(table: Table) -> None:
    table.dial()
    first = table.carrier.expect("INVITE")
    for _ in range(3):
        asks(table, first)
    assert [message.method for message in table.carrier.heard()].count("INVITE") == 1


def test_the_next_trunk_is_asked_afresh(tmp_path: Path) -> None:
    table = made(tmp_path, two_trunks=True)
    call, invite = asked(table)
    leg(table.carrier, invite).refuse(503)
    table.carrier.expect("ACK")
    second = table.second.expect("INVITE")
    assert second.cseq == (1, "INVITE")
    assert second.all("Proxy-Authorization") == []
    offered = leg(table.second, second)
    offered.answer()
    call.confirm(table.pbx.expect(200))
    assert table.second.expect("ACK").cseq == (1, "ACK")


def test_the_caller_id_is_still_the_one_that_was_judged(tmp_path: Path) -> None:
    table = made(tmp_path, source='caller_id_policy = "substitute"')
    call = table.dial(NUMBER, "+18005551212")
    asks(table, table.carrier.expect("INVITE"))
    table.carrier.expect("ACK")
    invite = table.carrier.expect("INVITE")
    assert "+12125550100" in invite.value("From")
    leg(table.carrier, invite).ring()
    assert "+18005551212" in table.pbx.expect(180, call_id=call.call_id).value("From")


# --- inside the call ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "BYE"])
def test_challenges_inside_the_call_are_answered_too(table: Table, method: str) -> None:
    dialog, _ = up(table)
    dialog.send(method)
    asks(table, table.carrier.expect(method), "n5")
    again = table.carrier.expect(method)
    assert is_right(again, "n5")
    assert again.cseq == (4, method)
    answer_ok(table.carrier, again)
    assert table.pbx.expect(200, method=method).cseq == (2, method)
    assert table.pbx.heard() == []
    if method != "BYE":
        dialog.send("BYE")
        bye = table.carrier.expect("BYE")
        assert bye.cseq == (5, "BYE")
        answer_ok(table.carrier, bye)
        table.pbx.expect(200, method="BYE")
    assert table.slots == 0


def test_a_reinvite_and_its_ack(table: Table) -> None:
    dialog, offered = up(table)
    request = dialog.send("INVITE", body=wire.SDP)
    asks(table, table.carrier.expect("INVITE"), "n5")
    table.carrier.expect("ACK")
    again = table.carrier.expect("INVITE")
    assert again.cseq == (4, "INVITE")
    leg(table.carrier, again).answer()
    table.pbx.expect(200, method="INVITE")
    dialog.send("INFO")
    info = table.carrier.expect("INFO")
    assert info.cseq == (5, "INFO")
    asks(table, info, "n6")
    answer_ok(table.carrier, table.carrier.expect("INFO"))
    table.pbx.expect(200, method="INFO")
    table.pbx.send(dialog.request("ACK", cseq=request.cseq[0]), dialog.next_hop)
    assert table.carrier.expect("ACK").cseq == (4, "ACK")
    offered.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))


def test_rack_names_the_invite_as_the_carrier_numbers_it(table: Table) -> None:
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    offered.ring(183, "Progress", ("RSeq", "7"), ("Require", "100rel"))
    progress = table.pbx.expect(183)
    dialog = call.dialog(progress)
    dialog.send("PRACK", ("RAck", "7 1 INVITE"))
    prack = table.carrier.expect("PRACK")
    assert (prack.value("RAck"), prack.cseq) == ("7 2 INVITE", (3, "PRACK"))
    answer_ok(table.carrier, prack)
    assert table.pbx.expect(200, method="PRACK").cseq == (2, "PRACK")


def test_a_bye_of_ours_is_answered_for(table: Table) -> None:
    up(table)
    (call_id,) = table.engine.calls
    table.obey((Cut(call_id, "", "operator", "ordered"),))
    table.settle()
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    first = table.carrier.expect("BYE")
    assert first.cseq == (3, "BYE")
    asks(table, first, "n5")
    again = table.carrier.expect("BYE")
    assert is_right(again, "n5")
    assert again.cseq == (4, "BYE")
    assert not [fact for fact in table.facts if isinstance(fact, Ended)]
    answer_ok(table.carrier, again)
    assert [fact.cause for fact in table.facts if isinstance(fact, Ended)] == ["operator"]
    assert table.slots == 0


# --- after a restart ------------------------------------------------------------------------------------------------


def restart(table: Table) -> None:
    table.restart()
    table.edge.trust(secrets(), table.now)
    table.carrier.heard()


def test_a_call_goes_on_after_a_restart(table: Table) -> None:
    dialog, _ = up(table)
    restart(table)
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.cseq == (3, "BYE")
    answer_ok(table.carrier, bye)
    assert table.pbx.expect(200, method="BYE").cseq == (2, "BYE")
    assert table.slots == 0


def test_a_call_that_rings_is_answered_after_a_restart(table: Table) -> None:
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    offered.ring()
    table.pbx.expect(180)
    restart(table)
    dialog = table.answer(call, offered)
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.cseq == (3, "BYE")
    answer_ok(table.carrier, bye)
    table.pbx.expect(200, method="BYE")
    assert table.slots == 0


def test_a_call_that_rings_is_cancelled_after_a_restart(table: Table) -> None:
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    offered.ring()
    table.pbx.expect(180)
    restart(table)
    call.cancel()
    cancel = table.carrier.expect("CANCEL")
    assert cancel.cseq == (2, "CANCEL")
    assert cancel.all("Via") == invite.all("Via")[:1]
    answer_ok(table.carrier, cancel)
    offered.refuse(487)
    table.pbx.expect(487)
    assert table.slots == 0


def untold(table: Table, *kinds: str) -> None:
    """The process is killed before the ledger had these facts."""
    table.facts = [fact for fact in table.facts if type(fact).__name__ not in kinds]
    restart(table)


def test_what_was_not_told_of_a_challenge_costs_a_gap_in_the_numbers(table: Table) -> None:
    dialog, _ = up(table)
    untold(table, "Answered", "DialogChanged")
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.cseq[0] > 3
    answer_ok(table.carrier, bye)
    assert table.pbx.expect(200, method="BYE").cseq == (2, "BYE")
    assert table.slots == 0


def test_the_answer_tells_of_a_challenge_that_was_not_told(table: Table) -> None:
    call, invite = asked(table)
    offered = leg(table.carrier, invite)
    offered.ring()
    table.pbx.expect(180)
    untold(table, "DialogChanged")
    dialog = table.answer(call, offered)
    assert table.last_answer.cseq == (1, "INVITE")
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.cseq == (3, "BYE")
    answer_ok(table.carrier, bye)
    table.pbx.expect(200, method="BYE")


def test_an_ack_that_names_the_wrong_invite_is_set_right_by_the_answer(table: Table) -> None:
    call, second = asked(table)
    asks(table, second, "n2", stale="true")
    table.carrier.expect("ACK")
    offered = leg(table.carrier, table.carrier.expect("INVITE"))
    answer = offered.answer()
    final = table.pbx.expect(200)
    untold(table, "Answered", "DialogChanged")
    call.confirm(final)
    assert table.carrier.expect("ACK").cseq == (2, "ACK")
    table.carrier.send(answer, OUTSIDE)
    call.confirm(table.pbx.expect(200))
    assert table.carrier.expect("ACK").cseq == (3, "ACK")
