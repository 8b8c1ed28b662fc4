"""We register at the carrier ourselves, so that the PBX holds no secret of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from table import INSIDE, OUTSIDE, Seat, Table, leg

from ringfence.edge.secrets import Owner, Secrets, hashes_of
from ringfence.edge.targets import Name
from ringfence.model import Enrolled
from ringfence.sip.digest import ALGORITHMS, find_credentials, proves
from ringfence.testing import wire
from ringfence.testing.peer import call, response_to
from ringfence.testing.wire import Sip

USER, REALM, PASSWORD = "15551234", "carrier.example", "given by the carrier"
OWNER = Owner(USER, REALM)
REGISTER = 'register = {{ user = "15551234", domain = "carrier.example"{more} }}'
OURS = "<sip:15551234@127.0.0.1:5080>"


def secrets(*algorithms: str) -> Secrets:
    kinds = tuple(kind for kind in ALGORITHMS if kind in (algorithms or ALGORITHMS))
    return Secrets({OWNER: hashes_of(OWNER, PASSWORD, kinds)})


def made(folder: Path, more: str = "", *, known: Secrets | None = None, **policy: object) -> Table:
    table = Table(folder, trunk=REGISTER.format(more=more), **policy)  # type: ignore[arg-type]
    table.edge.trust(secrets() if known is None else known, table.now)
    table.run(0.1)
    return table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return made(tmp_path)


def asked(table: Table, seat: Seat | None = None) -> Sip:
    return (seat or table.carrier).expect("REGISTER")


def answer(table: Table, request: Sip, status: int, *headers: tuple[str, str]) -> None:
    table.carrier.send(response_to(request, status, "Said", *headers, tag="c"), OUTSIDE)


def challenge(nonce: str, **changed: str) -> tuple[str, str]:
    params = {"realm": f'"{REALM}"', "nonce": f'"{nonce}"', "algorithm": "MD5", "qop": '"auth"', **changed}
    return "WWW-Authenticate", f"Digest {', '.join(f'{name}={value}' for name, value in params.items() if value)}"


def is_right(request: Sip, nonce: str, count: int = 1) -> bool:
    """Whether it proves the password, by our own reading of it."""
    given = find_credentials([value.encode() for value in request.all("Authorization")], REALM)
    if given is None:
        return False
    hashes = secrets().of(*OWNER)
    return (given.nonce, given.used) == (nonce, count) and proves(hashes[given.algorithm], given, "REGISTER")


def registered(table: Table, nonce: str = "n1", expires: int = 600, *foreign: str) -> Sip:
    """A first registration as carriers take it; gives the REGISTER that was taken."""
    answer(table, asked(table), 401, challenge(nonce))
    request = asked(table)
    assert is_right(request, nonce)
    contact = ", ".join([f"{OURS};expires={expires}", *foreign])
    answer(table, request, 200, ("Contact", contact))
    return request


def client(request: Sip) -> tuple[str, str]:
    """What a registrar knows a client by."""
    return request.call_id, wire.tag_of(request.value("From"))


def states(table: Table) -> list[tuple[str, str]]:
    return [(fact.state, fact.why) for fact in table.facts if isinstance(fact, Enrolled)]


def quiet_s(table: Table, most: int = 4000) -> int:
    """Seconds until the next REGISTER, which is taken."""
    for second in range(1, most):
        table.run(1)
        if any(message.method == "REGISTER" for message in table.carrier.inbox):
            table.carrier.inbox[:] = table.carrier.inbox[-1:]
            return second
    return most


# --- well -----------------------------------------------------------------------------------------------------------


def test_it_registers_by_itself(table: Table) -> None:
    first = asked(table)
    assert first.start == "REGISTER sip:carrier.example SIP/2.0"
    assert wire.uri_of(first.value("To")) == "sip:15551234@carrier.example"
    assert first.value("Contact") == OURS
    assert first.value("Expires") == "3600"
    answer(table, first, 401, challenge("n1"))
    second = asked(table)
    assert is_right(second, "n1")
    assert client(second) == client(first)
    assert second.cseq[0] == first.cseq[0] + 1
    answer(table, second, 200, ("Contact", f"{OURS};expires=300"))
    assert states(table) == [("registered", "")]
    (row,) = table.edge.enrolments(table.now)
    assert (row["trunk"], row["state"], row["expires_s"]) == ("carrier", "registered", 300)


def test_a_trunk_without_it_does_not(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.edge.trust(secrets(), table.now)
    table.run(60)
    assert table.carrier.heard() == []


@pytest.mark.parametrize(("expires", "again"), [(600, 510), (100, 50), (3600, 3510)])
def test_it_registers_again_in_time(table: Table, expires: int, again: int) -> None:
    registered(table, "n1", expires)
    assert again <= quiet_s(table) <= again + 1
    assert states(table) == [("registered", "")]


def test_a_refresh_answers_the_challenge_of_before(table: Table) -> None:
    registered(table)
    quiet_s(table)
    refresh = asked(table)
    assert is_right(refresh, "n1", 2)
    answer(table, refresh, 401, challenge("n2", stale="true"))
    assert is_right(asked(table), "n2")


def test_a_refresh_whose_nonce_is_too_old_is_no_failure_though_it_is_not_said(table: Table) -> None:
    registered(table)
    quiet_s(table)
    answer(table, asked(table), 401, challenge("n2"))
    request = asked(table)
    assert is_right(request, "n2")
    answer(table, request, 200, ("Contact", f"{OURS};expires=600"))
    assert states(table) == [("registered", "")]


def test_after_a_restart_it_registers_the_same_contact(table: Table) -> None:
    before = registered(table)
    table.restart()
    table.edge.trust(secrets(), table.now)
    table.run(1)
    after = asked(table)
    assert after.value("Contact") == before.value("Contact")
    assert client(after) != client(before)


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ([("Expires", "200")], 110),
        ([("Contact", f"{OURS};expires=200"), ("Expires", "900")], 110),
        ([("Contact", "<sip:15551234@127.0.0.1:5080;x=y>;expires=200")], 110),
        ([], 3510),
    ],
)
def test_the_carrier_says_how_long(table: Table, headers: list[tuple[str, str]], again: int) -> None:
    answer(table, asked(table), 401, challenge("n1"))
    answer(table, asked(table), 200, *headers)
    assert again <= quiet_s(table) <= again + 1


def test_too_brief_is_asked_again_for_longer(tmp_path: Path) -> None:
    table = made(tmp_path, ", expires_s = 60")
    answer(table, asked(table), 401, challenge("n1"))
    answer(table, asked(table), 423, ("Min-Expires", "1800"))
    request = asked(table)
    assert request.value("Expires") == "1800"
    answer(table, request, 423, ("Min-Expires", "1800"))
    assert states(table) == [("lost", "423 Said")]


def test_md5_only_where_nothing_better_is_offered(table: Table) -> None:
    both = [challenge("n1"), challenge("n1", algorithm="SHA-256")]
    answer(table, asked(table), 401, *both)
    assert "algorithm=SHA-256" in asked(table).value("Authorization")


def test_a_carrier_without_qop_is_answered(table: Table) -> None:
    answer(table, asked(table), 401, challenge("n1", qop="", algorithm=""))
    assert "nc=" not in asked(table).value("Authorization")


# --- not well -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "known", "asks", "says"),
    [
        ("", secrets(), {"realm": '"elsewhere"'}, "it asks for realm 'elsewhere', and register.realm is"),
        (', digest_algorithms = ["SHA-256"]', secrets(), {}, "it wants MD5, and register.digest_algorithms"),
        ("", secrets("SHA-256"), {}, "there is no secret of 15551234 for it: ringfence secret add"),
        ("", Secrets(), {}, "there is no secret of 15551234 for it"),
        ("", secrets(), {"algorithm": "SHA-512-256"}, "it asks for realm nothing that can be answered"),
    ],
)
def test_what_can_not_be_answered_is_said(
    tmp_path: Path, more: str, known: Secrets, asks: dict[str, str], says: str
) -> None:
    table = made(tmp_path, more, known=known)
    answer(table, asked(table), 401, challenge("n1", **asks))
    assert table.carrier.heard() == []
    ((state, why),) = states(table)
    assert state == "lost"
    assert why.startswith(says)


def test_a_wrong_password_is_not_tried_again_and_again(table: Table) -> None:
    answer(table, asked(table), 401, challenge("n1"))
    answer(table, asked(table), 401, challenge("n2"))
    assert table.carrier.heard() == []
    assert states(table) == [("lost", "401: the password of 15551234 is wrong")]
    assert 15 <= quiet_s(table) <= 31


def test_it_waits_longer_each_time(table: Table) -> None:
    waits = []
    answer(table, asked(table), 403)
    for _ in range(9):
        waits.append(quiet_s(table))
        answer(table, asked(table), 403)
    assert all(30 * 2**turn / 2 <= wait <= 30 * 2**turn + 1 for turn, wait in enumerate(waits[:6]))
    assert all(900 <= wait <= 1801 for wait in waits[6:])
    assert states(table) == [("lost", "403 Said")]


@pytest.mark.parametrize(("value", "waits"), [("120", 120), ("7 (busy);duration=3", 7), ("99999", 3600)])
def test_retry_after_is_kept(table: Table, value: str, waits: int) -> None:
    answer(table, asked(table), 503, ("Retry-After", value))
    assert waits <= quiet_s(table) <= waits + 1


def test_while_the_registration_holds_it_is_failing_not_lost(table: Table) -> None:
    registered(table, "n1", 200)
    spent = quiet_s(table)
    answer(table, asked(table), 500)
    assert states(table)[-1] == ("failing", "500 Said")
    while spent < 200:
        spent += quiet_s(table)
        answer(table, asked(table), 500)
    assert states(table)[-1] == ("lost", "500 Said")
    quiet_s(table)
    answer(table, asked(table), 200, ("Contact", f"{OURS};expires=600"))
    assert states(table)[-1] == ("registered", "")


def test_a_silent_carrier(tmp_path: Path) -> None:
    table = made(tmp_path, two_addresses=True)
    asked(table)
    table.run(33)
    asked(table, table.spare)
    table.run(33)
    assert states(table) == [("lost", "no answer from 127.0.2.1")]


def test_a_stranger_in_our_place_is_told(table: Table) -> None:
    registered(table, "n1", 600, "<sip:15551234@203.0.113.66:5060>;expires=3000")
    (fact,) = [fact for fact in table.facts if isinstance(fact, Enrolled)]
    assert fact.foreign == ("sip:15551234@203.0.113.66:5060",)
    quiet_s(table)
    answer(table, asked(table), 200, ("Contact", f"{OURS};expires=600"))
    assert [fact.foreign for fact in table.facts if isinstance(fact, Enrolled)] == [fact.foreign, ()]


def test_without_an_address_it_waits_for_one(tmp_path: Path) -> None:
    table = made(tmp_path, send_to='"sip:sbc.example:5090"')
    assert table.carrier.heard() == []
    assert states(table) == [("lost", "no address of send_to is known")]
    table.edge.resolved(Name("sbc.example", 5090, False), (("127.0.2.1", 5090),))
    table.run(0.1)
    asked(table)


def test_another_policy_stops_it(table: Table, tmp_path: Path) -> None:
    registered(table)
    policy = Table(tmp_path).policy
    table.edge.use(policy)
    table.edge.trust(secrets(), table.now)
    table.run(4000)
    assert table.carrier.heard() == []
    assert table.edge.enrolments(table.now) == []


def test_the_same_policy_again_changes_nothing(table: Table) -> None:
    registered(table)
    table.edge.use(table.policy)
    table.edge.trust(secrets(), table.now)
    table.run(10)
    assert table.carrier.heard() == []


# --- calls that come by it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "P-Called-Party-ID"])
def test_the_number_called_stands_in_to_where_the_carrier_calls_our_contact(table: Table, header: str) -> None:
    registered(table)
    more = ((header, "<sip:+12125550101@carrier.example>"),) if header else ()
    made = call(table.carrier, OUTSIDE, "+12125550101", "+12125550143", *more, uri="sip:15551234@127.0.0.1:5080")
    invite = leg(table.pbx, table.pbx.expect("INVITE", call_id=made.call_id)).invite
    assert re.match(r"sip:\+12125550101@127\.0\.1\.1:5070", invite.uri)


def test_the_pbx_still_registers_through_us_where_it_wants(table: Table) -> None:
    registered(table)
    table.pbx.send(Sip("REGISTER sip:carrier.example SIP/2.0", asked_headers()), INSIDE)
    assert table.carrier.expect("REGISTER").value("Call-ID") == "pbx1"


def asked_headers() -> wire.Headers:
    return (
        ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;branch={wire.new_branch()}"),
        ("From", "<sip:u@carrier.example>;tag=1"),
        ("To", "<sip:u@carrier.example>"),
        ("Call-ID", "pbx1"),
        ("CSeq", "1 REGISTER"),
    )
