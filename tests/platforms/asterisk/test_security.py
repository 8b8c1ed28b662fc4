"""Security events: a wrong password counts once, whatever it is told as, and a challenge is no failure."""

from __future__ import annotations

import pytest
from amikit import messages
from pbxkit import NOW, event

from ringfence.model.fact import AuthFailed, Offended, Registered, Strangers
from ringfence.model.time import SECOND
from ringfence.platforms.asterisk import security
from ringfence.platforms.asterisk.security import Fact, Security

LATER = NOW + 60 * SECOND


def heard(name: str) -> list[Fact]:
    """What a recorded session says, with what is summed until a minute later."""
    taken = Security("pbx", "office")
    facts = [fact for message in messages(name) for fact in taken.take(message, NOW)]
    return [*facts, *taken.tick(LATER, 100)]


def failure(session: str, response: str = "r1", account: str = "1001", host: str = "192.0.2.7") -> object:
    return event(
        "ChallengeResponseFailed",
        Service="PJSIP",
        AccountID=account,
        SessionID=session,
        Response=response,
        RemoteAddress=f"IPV4/UDP/{host}/5062",
    )


def success(session: str, account: str = "1001", host: str = "192.0.2.7") -> object:
    return event(
        "SuccessfulAuth",
        Service="PJSIP",
        AccountID=account,
        SessionID=session,
        UsingPassword="1",
        RemoteAddress=f"IPV4/UDP/{host}/5062",
    )


def counted(*events: object) -> list[Fact]:
    taken = Security("pbx", "office")
    facts = [fact for each in events for fact in taken.take(each, NOW)]  # type: ignore[arg-type]
    return [*facts, *taken.tick(LATER, 100)]


@pytest.mark.parametrize(
    ("name", "count"), [("register-wrong-password", 1), ("invite-wrong-password", 1), ("register-ok", 0)]
)
def test_a_recorded_wrong_password_counts_once(name: str, count: int) -> None:
    failed = [fact for fact in heard(name) if isinstance(fact, AuthFailed)]
    assert sum(fact.count for fact in failed) == count
    assert {(fact.source, fact.account, fact.peer) for fact in failed} <= {("office", "1001", "127.0.0.30:5062")}


def test_a_recorded_registration_is_told() -> None:
    (registered,) = [fact for fact in heard("register-ok") if isinstance(fact, Registered)]
    assert (registered.account, registered.peer) == ("1001", "127.0.0.30:5062")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("register-unknown-user", "unknown-account"),
        ("register-acl-denied", "not-permitted"),
        ("sipvicious-svmap-options", "unknown-account"),
        ("ami-login-failed", "manager-login"),
    ],
)
def test_recorded_strangers_are_counted_and_are_no_wrong_passwords(name: str, what: str) -> None:
    facts = heard(name)
    assert [fact for fact in facts if isinstance(fact, AuthFailed)] == []
    (row,) = [fact for fact in facts if isinstance(fact, Strangers)]
    assert row.listener == "asterisk.pbx"
    assert row.requests[what] >= 1


def test_an_unknown_account_counts_once_an_attempt() -> None:
    (row,) = [fact for fact in heard("register-unknown-user") if isinstance(fact, Strangers)]
    assert row.requests == {"unknown-account": 1}


def test_a_recorded_cracker_counts_by_its_guesses() -> None:
    guesses = {m["sessionid"] + m["response"] for m in messages("sipvicious-svcrack") if m.event in security.FAILED}
    failed = [fact for fact in heard("sipvicious-svcrack") if isinstance(fact, AuthFailed)]
    assert sum(fact.count for fact in failed) == len(guesses) > 1


def test_a_repeated_request_counts_once_and_another_answer_again() -> None:
    failed = counted(failure("c1"), failure("c1"), failure("c1", "r2"), failure("c2"))
    assert [fact.count for fact in failed if isinstance(fact, AuthFailed)] == [1, 2]


def test_only_what_is_new_of_a_login_is_told() -> None:
    facts = counted(success("c1"), success("c1"), success("c2"), success("c3", host="198.51.100.9"))
    assert [fact.peer for fact in facts if isinstance(fact, Registered)] == ["192.0.2.7:5062", "198.51.100.9:5062"]


def test_a_login_after_wrong_passwords_is_told_again_after_all_of_them() -> None:
    facts = counted(success("c0"), failure("c1"), failure("c2"), success("c3"))
    told = [type(fact).__name__ for fact in facts if not isinstance(fact, Offended)]
    assert told == ["Registered", "AuthFailed", "AuthFailed", "Registered"]


def offences(facts: list[Fact]) -> list[tuple[str, str, str, str]]:
    return [(fact.kind, fact.what, fact.address, fact.source) for fact in facts if isinstance(fact, Offended)]


def test_an_answer_to_a_challenge_proves_the_address_and_a_request_alone_doesnt() -> None:
    assert offences(heard("register-wrong-password")) == [("password", "1001", "127.0.0.30", "office")]
    assert [(kind, source) for kind, _, _, source in offences(heard("register-unknown-user"))] == [("name", "")]
    assert offences(heard("sipvicious-svmap-options")) == []
    assert offences(heard("sipvicious-svwar-invite")) == []
    assert offences(heard("register-ok")) == []


def test_a_connection_proves_the_address() -> None:
    tried = event(
        "InvalidAccountID", Service="PJSIP", AccountID="100", SessionID="s", RemoteAddress="IPV4/TLS/192.0.2.7/5061"
    )
    assert offences(counted(tried)) == [("name", "100", "192.0.2.7", "")]


def test_who_shares_an_address_with_a_phone_that_is_right_is_told_so() -> None:
    facts = counted(success("c0", account="1001"), success("c1", account="1002"), failure("c2", account="1003"))
    (offence,) = [fact for fact in facts if isinstance(fact, Offended)]
    assert offence.users == 2
    moved = counted(success("c0"), success("c1", host="198.51.100.9"), failure("c2", account="1003"))
    (offence,) = [fact for fact in moved if isinstance(fact, Offended)]
    assert offence.users == 0


def test_strangers_have_a_quota_of_rows() -> None:
    taken = Security("pbx", "office")
    for number in range(5):
        list(taken.take(failure_of_unknown(number), NOW))
    rows = [fact for fact in taken.tick(LATER, 2) if isinstance(fact, Strangers)]
    assert [row.address for row in rows] == ["192.0.2.0", "192.0.2.1", ""]
    assert rows[2].requests == {"unknown-account": 3}


def failure_of_unknown(number: int) -> object:
    return event(
        "InvalidAccountID",
        Service="PJSIP",
        AccountID=f"x{number}",
        SessionID=str(number),
        RemoteAddress=f"IPV4/UDP/192.0.2.{number}/5062",
    )


def test_tables_that_strangers_fill_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "MAX_LOGINS", 10)
    monkeypatch.setattr(security, "MAX_ACCOUNTS", 10)
    monkeypatch.setattr(security, "MAX_STRANGERS", 10)
    taken = Security("pbx", "office")
    for number in range(100):
        list(taken.take(failure(str(number), account=str(number)), NOW))  # type: ignore[arg-type]
        list(taken.take(failure_of_unknown(number), NOW))  # type: ignore[arg-type]
    assert max(map(len, (taken._logins, taken._accounts, taken._strangers, taken._names, taken._homes))) <= 11


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    login = event(
        "SuccessfulAuth", Service="PJSIP", AccountID="1", UsingPassword="1", RemoteAddress="IPV6/UDP/2001:db8::1/5060"
    )
    (registered,) = Security("pbx", "office").take(login, NOW)
    assert isinstance(registered, Registered)
    assert registered.peer == "[2001:db8::1]:5060"
