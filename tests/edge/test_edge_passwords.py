"""Wrong passwords of what registers through the edge are told, digest's own challenges are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import INSIDE, PBX, Table

from ringfence.edge import passwords
from ringfence.model import AuthFailed, Registered
from ringfence.testing import wire
from ringfence.testing.peer import response_to

AGENT = "phone/1.0"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def register(table: Table, status: int, answer: str = "", nonce: str = "", **more: str) -> None:
    """A REGISTER with credentials for a challenge, and how the registrar answers: `answer` is its challenge."""
    user = more.pop("user", "u")
    headers = [
        ("Via", f"SIP/2.0/UDP {PBX[0]}:{PBX[1]};branch={wire.new_branch()};rport"),
        ("From", f"<sip:{user}@carrier.example>;tag=1"),
        ("To", f"<sip:{user}@carrier.example>"),
        ("Call-ID", "r1"),
        ("CSeq", "1 REGISTER"),
        ("Max-Forwards", "70"),
        ("User-Agent", more.pop("agent", AGENT)),
        ("Contact", f"<sip:{user}@127.0.1.1:5070>;expires={more.pop('expires', '300')}"),
    ]
    if nonce:
        headers.append(("Authorization", f'Digest username="u", realm="r", nonce="{nonce}", response="0"'))
    table.pbx.send(wire.Sip("REGISTER sip:carrier.example SIP/2.0", tuple(headers)), INSIDE)
    request = table.carrier.expect("REGISTER")
    challenge = ("WWW-Authenticate", f'Digest realm="r", nonce="{answer}"{more.pop("flags", "")}')
    table.carrier.send(response_to(request, status, "Said", *([challenge] if answer else [])), request.origin)
    table.pbx.expect(status)


def guess(table: Table, times: int, seconds: float = 0.5, **more: str) -> None:
    """So many wrong passwords, each after its challenge."""
    for number in range(times):
        register(table, 401, f"n{number}", **more)
        register(table, 401, f"m{number}", f"n{number}", **more)
        table.run(seconds)


def failures(table: Table) -> list[int]:
    return [fact.count for fact in table.facts if isinstance(fact, AuthFailed)]


def registrations(table: Table) -> list[tuple[str, str]]:
    return [(fact.account, fact.user_agent) for fact in table.facts if isinstance(fact, Registered)]


def test_a_challenge_and_its_good_answer_are_no_failure(table: Table) -> None:
    register(table, 401, "n1")
    register(table, 200, nonce="n1")
    assert (failures(table), registrations(table)) == ([], [("u", AGENT)])


def test_wrong_passwords_are_told_at_once_and_summed_up(table: Table) -> None:
    guess(table, 1)
    assert failures(table) == [1]
    guess(table, 8)
    assert failures(table) == [1]
    table.run(20)
    assert failures(table) == [1, 8]
    (first, _) = (fact for fact in table.facts if isinstance(fact, AuthFailed))
    assert (first.source, first.account, first.peer, first.user_agent) == ("pbx", "u", "127.0.1.1:5070", AGENT)


def test_a_right_one_after_wrong_ones_is_told_after_them(table: Table) -> None:
    register(table, 200)
    guess(table, 4)
    register(table, 200, nonce="m3")
    assert (failures(table), len(registrations(table))) == ([1, 3], 2)
    assert isinstance(table.facts[-1], Registered)


@pytest.mark.parametrize("status", [401, 403, 407])
def test_every_way_to_refuse_a_password_counts(table: Table, status: int) -> None:
    register(table, 401, "n1")
    register(table, status, "n2" if status != 403 else "", "n1")
    assert failures(table) == [1]


def test_an_old_nonce_is_no_failure(table: Table) -> None:
    register(table, 401, "n1")
    register(table, 200, nonce="n1")
    register(table, 401, "n2", "n1")  # The nonce of an hour ago; the registrar doesn't say that it is stale.
    register(table, 200, nonce="n2")
    register(table, 401, "n3", "n2", flags=", stale=TRUE")
    register(table, 401, "n4", "n3", flags=', stale="true"')
    register(table, 200, nonce="n4")
    assert failures(table) == []


def test_refusals_that_have_nothing_to_do_with_a_password_do_not_count(table: Table) -> None:
    register(table, 403)
    register(table, 401, "n1")
    register(table, 503, nonce="n1")
    register(table, 404, nonce="n1")
    assert (failures(table), registrations(table)) == ([], [])


def test_registering_again_is_told_only_from_elsewhere(table: Table) -> None:
    for agent in (AGENT, AGENT, "other", "other"):
        register(table, 200, agent=agent)
    assert registrations(table) == [("u", AGENT), ("u", "other")]


def test_going_away_is_no_registration(table: Table) -> None:
    register(table, 200, expires="0")
    assert registrations(table) == []


def test_accounts_are_told_apart_and_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_ACCOUNTS", 3)
    for number in range(5):
        guess(table, 1, 0, user=f"u{number}")
    assert failures(table) == [1] * 5
    assert len(table.edge._edge.accounts) == 3
    table.run(60)
    assert table.edge.due() is None


def test_the_engine_knows_after_a_restart_what_was_guessed(table: Table) -> None:
    guess(table, 25, user="+12125550100")
    register(table, 200, user="+12125550100")
    table.restart()
    guessed = table.engine.behaviour.registrations.guessed("caller:pbx/+12125550100", table.now)
    assert [one.failures for one in guessed] == [25]
