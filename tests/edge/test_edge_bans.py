"""Who is kept out, by what he does and by where he is; and that nobody can have somebody else kept out (B4, B6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import INSIDE, NUMBER, Seat, Table
from test_edge_accounts import PASSWORD, POLICY, REALM, challenged, dial, log_in, login, secrets
from test_edge_accounts_tcp import say

from ringfence.edge import offences
from ringfence.edge.effects import HangUp
from ringfence.model import Banned, Offended, Strangers
from ringfence.testing.login import Login
from ringfence.testing.peer import alone
from ringfence.testing.wire import Sip

ATTACKER, OFFICE = "127.0.3.9", "127.0.4.1"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(tmp_path, whole=_policy())
    table.edge.trust(secrets(), table.now)
    return table


@pytest.fixture
def tcp(tmp_path: Path) -> Table:
    table = Table(tmp_path, whole=_policy().replace("digest = true", 'digest = true\ntransport = "tcp"'))
    table.edge.trust(secrets(), table.now)
    return table


def _policy() -> str:
    return POLICY.format(zone="internal", algorithms='["MD5"]', phones="", more="")


def attacker(table: Table, host: str = ATTACKER, port: int = 5066) -> Seat:
    return table.seat(f"{host}:{port}", (host, port))


def register(seat: Seat, user: str, *headers: tuple[str, str]) -> Sip:
    request = alone(seat, "REGISTER", f"sip:{REALM}", f"sip:{user}@{REALM}", *headers)
    seat.send(request, INSIDE)
    return request


def guess(seat: Seat, user: str, *headers: tuple[str, str], password: str = "guessed") -> None:
    """A REGISTER, its challenge, and a wrong answer to it."""
    register(seat, user, *headers)
    who = Login(user, password)
    who.challenged(seat.expect(401))
    register(seat, user, who.answer("REGISTER", f"sip:{REALM}"), *headers)


def bans(table: Table) -> list[tuple[str, str]]:
    return [(fact.name, fact.reason) for fact in table.facts if isinstance(fact, Banned)]


def offended(table: Table) -> list[tuple[str, str]]:
    return [(fact.kind, fact.what) for fact in table.facts if isinstance(fact, Offended)]


# --- guessing -------------------------------------------------------------------------------------------------------


def test_who_guesses_is_banned_and_gets_no_answer(table: Table) -> None:
    seat = attacker(table)
    for _ in range(3):
        guess(seat, "1001")
    assert bans(table) == [(ATTACKER, "password-guessing")]
    seat.inbox.clear()
    register(seat, "1001")
    register(attacker(table, port=9999), "1001")
    assert seat.heard() == []
    assert table.edge.status()["banned"] == 2


def test_a_ban_ends_by_itself(table: Table) -> None:
    seat = attacker(table)
    for _ in range(3):
        guess(seat, "1001")
    seat.inbox.clear()
    table.run(301)
    register(seat, "1001")
    seat.expect(401)


def test_a_challenge_is_no_failure(table: Table) -> None:
    seat = attacker(table)
    for _ in range(30):
        register(seat, "1001")
        seat.expect(401)
    who = login()
    for _ in range(20):
        register(seat, "1001")
        who.challenged(seat.expect(401))
        table.run(61)  # The nonce is too old by then.
        register(seat, "1001", who.answer("REGISTER", f"sip:{REALM}"))
        seat.expect(401)
    assert offended(table) == []


def test_a_right_password_from_a_foreign_network_is_no_guess(table: Table) -> None:
    seat = attacker(table, "127.0.5.9")  # Where accounts of another source may be.
    for _ in range(10):
        guess(seat, "1001", password=PASSWORD)
    assert offended(table) == []
    assert table.edge.status()["foreign_network"] == 10


def test_a_right_password_at_another_listener_is_no_guess(tmp_path: Path) -> None:
    """A phone that was told the wrong port."""
    policy = _policy().replace('["MD5"]', '["SHA-256"]').replace('127.0.0.1:5080"', '127.0.0.1:5080"\ndigest = true')
    head, _, old = policy.rpartition('listen = "inside"')
    table = Table(tmp_path, whole=f'{head}listen = "outside"{old}')
    table.edge.trust(secrets(), table.now)
    seat = attacker(table)
    for _ in range(5):
        guess(seat, "old-pbx", password=PASSWORD)
    assert offended(table) == []
    assert [message.status for message in seat.heard()] == [401] * 5


def test_a_restart_bans_the_same(table: Table) -> None:
    seat = attacker(table)
    for _ in range(3):
        guess(seat, "1001")
    table.facts = [fact for fact in table.facts if not isinstance(fact, Offended)]  # They aren't journaled.
    table.restart()
    seat.inbox.clear()
    register(seat, "1001")
    assert seat.heard() == []


# --- forged addresses -----------------------------------------------------------------------------------------------


def test_datagrams_in_somebody_elses_name_have_nobody_banned(table: Table) -> None:
    """Scanner's names, unknown accounts, wrong answers to nonces of other addresses, and what can't be read."""
    helper, phone = attacker(table), attacker(table, OFFICE, 5062)
    register(helper, "1001")
    who = Login("1001", "guessed")
    who.challenged(helper.expect(401))
    for number in range(40):
        register(phone, "1001", who.answer("REGISTER", f"sip:{REALM}"))  # That nonce is for the helper's address.
        register(phone, str(number), ("User-Agent", "friendly-scanner"))
        dial(phone, f"{number}972598072172")
        table.deliver(b"REGISTER sip:x SIP/2.0\r\n\r\n", phone.address, INSIDE)
        table.run(1)
    assert (offended(table), bans(table)) == ([], [])


def test_a_copied_answer_has_nobody_banned(table: Table) -> None:
    """Somebody who overhears a phone sends its answers once more in its name."""
    phone = attacker(table, OFFICE, 5062)
    made = log_in(phone, login())
    for number in range(20):
        again = made.invite.having(("Via", f"SIP/2.0/UDP 127.0.4.1:5062;branch=z9hG4bKcopied{number};rport"))
        phone.send(again, INSIDE)
    assert "password" not in [kind for kind, _ in offended(table)]
    assert table.edge.status()["replayed"] == 20


def test_a_scanner_over_udp_gets_few_answers(table: Table) -> None:
    seat = attacker(table)
    for number in range(100, 150):
        register(seat, str(number), ("User-Agent", "friendly-scanner"))
    assert [message.status for message in seat.heard()] == [401] * offences.ANSWERED
    table.run(11)
    (told,) = [fact for fact in table.facts if isinstance(fact, Strangers)]
    assert (told.address, told.requests["scanner"]) == (ATTACKER, 50 - 10)


def test_a_scanner_that_answers_its_challenge_is_banned(table: Table) -> None:
    seat = attacker(table)
    guess(seat, "100", ("User-Agent", "friendly-scanner"))
    assert bans(table) == [(ATTACKER, "scanner")]


def acknowledged(seat: Seat, number: str, caller: str, *headers: tuple[str, str]) -> None:
    """An INVITE without password whose refusal is acknowledged."""
    made = dial(seat, number, caller, *headers)
    refusal = seat.expect(407, call_id=made.call_id)
    kept = tuple(h for h in made.invite.headers if h[0] in ("Via", "From", "Call-ID", "User-Agent"))
    fields = (*kept, ("To", refusal.value("To")), ("CSeq", f"{refusal.cseq[0]} ACK"))
    seat.send(Sip(f"ACK {made.invite.uri} SIP/2.0", fields), INSIDE)


def test_a_scanner_that_acknowledges_its_refusal_is_banned(table: Table) -> None:
    seat = attacker(table)
    acknowledged(seat, NUMBER, "100", ("User-Agent", "sipcli/v1.8"))
    assert bans(table) == [(ATTACKER, "scanner")]


def test_an_acknowledgement_of_nothing_is_nothing(table: Table) -> None:
    phone = attacker(table, OFFICE, 5062)
    made = dial(phone)
    challenged(phone, made, login())
    facts = len(table.facts)
    ack = Sip(f"ACK {made.invite.uri} SIP/2.0", made.invite.headers)
    forged = ack.having(("CSeq", "1 ACK"), ("To", f"<{made.invite.uri}>;tag=x"), ("User-Agent", "friendly-scanner"))
    phone.send(forged, INSIDE)
    assert len(table.facts) == facts


# --- sweeps and probing ---------------------------------------------------------------------------------------------


def test_a_sweep_with_calls_is_found_over_udp(table: Table) -> None:
    seat = attacker(table)
    for number in range(100, 109):
        acknowledged(seat, "100", str(number))
    assert bans(table) == []
    acknowledged(seat, "100", "109")
    assert bans(table) == [(ATTACKER, "extension-sweep")]


def test_prefixes_that_are_tried_are_found_over_udp(table: Table) -> None:
    seat = attacker(table)
    for prefix in ("011", "9011"):
        acknowledged(seat, f"{prefix}972598072172", "1001")
    assert bans(table) == []
    acknowledged(seat, "1010222011972598072172", "1001")
    assert bans(table) == [(ATTACKER, "prefix-probing")]


def test_a_phone_that_dials_in_three_ways_and_proves_it_each_time_is_none(table: Table) -> None:
    seat, who = attacker(table, OFFICE, 5062), login()
    for number in ("+12125550143", "12125550143", "912125550143", "912125550144"):
        log_in(seat, who, number)
    assert bans(table) == []


def test_a_pbx_behind_an_address_that_changes_shows_many_callers(table: Table) -> None:
    """Each call comes from another port, and its From is the caller ID."""
    for number in range(30):
        seat = attacker(table, OFFICE, 6000 + number)
        log_in(seat, login(), caller=f"+121255501{number:02}")
        table.run(1)
    assert bans(table) == []


def test_an_office_that_comes_back_is_no_sweep(table: Table) -> None:
    """All phones ask at once, then answer; some come twice."""
    seats = [attacker(table, OFFICE, 6000 + number) for number in range(12)]
    for seat, user in zip(seats, ["1001", "1002"] * 6, strict=True):
        register(seat, user)
    for seat, user in zip(seats, ["1001", "1002"] * 6, strict=True):
        who = login(user)
        who.challenged(seat.expect(401))
        register(seat, user, who.answer("REGISTER", f"sip:{REALM}"))
        seat.expect(200)
    assert offended(table) == []


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "INVITE", "MESSAGE"])
def test_a_sweep_over_a_connection(tcp: Table, method: str) -> None:
    seat = attacker(tcp)
    assert tcp.edge.opened(7, "inside", *seat.address, dialled=False)
    for number in range(100, 110):
        assert bans(tcp) == []
        say(tcp, 7, alone(seat, method, f"sip:{number}@127.0.0.1", f"sip:{number}@127.0.0.1"))
    assert bans(tcp) == [(ATTACKER, "extension-sweep")]
    assert not tcp.edge.admits("inside", ATTACKER, tcp.now)
    assert say(tcp, 7, alone(seat, "REGISTER", "sip:x", "sip:1001@x")) == []


def test_accounts_that_there_are_over_a_connection_are_no_sweep(tcp: Table) -> None:
    seat = attacker(tcp)
    tcp.edge.opened(7, "inside", *seat.address, dialled=False)
    for _ in range(20):
        for user in ("1001", "1002"):
            say(tcp, 7, alone(seat, "REGISTER", f"sip:{REALM}", f"sip:{user}@{REALM}"))
        tcp.run(1)
    assert offended(tcp) == []


# --- what can't be read ---------------------------------------------------------------------------------------------


def test_headers_that_are_missing_over_a_connection(tcp: Table) -> None:
    seat = attacker(tcp)
    tcp.edge.opened(7, "inside", *seat.address, dialled=False)
    message = b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"
    for _ in range(9):
        tcp.edge.take(7, message, tcp.now)
        tcp.settle()
    assert bans(tcp) == []
    tcp.edge.take(7, message, tcp.now)
    tcp.settle()
    assert bans(tcp) == [(ATTACKER, "malformed")]


# --- shared addresses -----------------------------------------------------------------------------------------------


def test_a_phone_beside_a_guesser_goes_on(table: Table) -> None:
    phone, guesser = attacker(table, OFFICE, 5062), attacker(table, OFFICE, 7777)
    log_in(phone, login())
    table.offered().answer()
    table.run(1)
    for number in range(5):
        guess(guesser, f"100{number}")
    assert bans(table) == [(OFFICE, "password-guessing")]
    log_in(phone, login())
    table.offered()
    guesser.inbox.clear()
    register(guesser, "1001")
    register(attacker(table, OFFICE, 8888), "1002")
    assert guesser.heard() == []


def test_an_account_doesnt_shelter_who_guesses_others(table: Table) -> None:
    thief = attacker(table, OFFICE, 5062)
    log_in(thief, login())
    for number in range(5):
        guess(thief, f"200{number}")
    assert bans(table) == [(OFFICE, "password-guessing")]
    thief.inbox.clear()
    register(thief, "1001")
    assert thief.heard() == []


def test_an_account_that_is_tried_from_everywhere_isnt_locked(table: Table) -> None:
    phone = attacker(table, OFFICE, 5062)
    log_in(phone, login())
    hosts = [f"127.0.3.{n}" for n in range(20, 28)]
    for host in hosts:
        guess(attacker(table, host), "1001")
    assert [name for name, _ in bans(table)] == hosts
    log_in(phone, login())
    table.offered()


def test_an_emergency_call_is_challenged_from_a_banned_address_too(table: Table) -> None:
    guesser, phone = attacker(table), attacker(table, port=5062)
    for _ in range(3):
        guess(guesser, "1001")
    log_in(phone, login(), "911")
    assert table.offered().invite.uri.startswith("sip:911@")
    other = attacker(table, port=5063)
    dial(other)
    assert other.heard() == []


def test_connections_of_whoever_is_banned_are_closed(tcp: Table) -> None:
    seat = attacker(tcp)
    tcp.edge.opened(7, "inside", *seat.address, dialled=False)
    tcp.edge.opened(8, "inside", ATTACKER, 7777, dialled=False)
    tcp.edge.opened(9, "inside", OFFICE, 7777, dialled=False)
    tcp.note(Banned(at=tcp.now, name=ATTACKER, until=tcp.now + 10**9, reason="by-hand", why="", owner="noc"))
    tcp.edge.banned(tcp.now)
    assert [effect.flow for effect in tcp.edge.effects() if isinstance(effect, HangUp)] == [7, 8]


def test_those_who_guess_from_among_others_are_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offences, "MAX_GUILTY", 3)
    for number in range(6):
        seat = attacker(table, f"127.0.4.{number + 1}", 5062)
        log_in(seat, login())
        guess(seat, "nobody")
    assert len(table.edge._edge.guilty) == 3


# --- those the policy names -----------------------------------------------------------------------------------------


def test_a_carrier_and_a_pbx_may_call_themselves_what_they_like(table: Table) -> None:
    for number in range(20):
        table.dial(f"{number}972598072172", "+12125550100", ("User-Agent", "friendly-scanner"))
        register(table.pbx, str(number), ("User-Agent", "friendly-scanner"))
    assert (offended(table), bans(table)) == ([], [])


def test_a_refusal_that_a_phone_acknowledges_isnt_sent_again(table: Table) -> None:
    phone = attacker(table, OFFICE, 5062)
    made = log_in(phone, login(), "+5378345678")
    made.ack_refusal(phone.expect(603, call_id=made.call_id))
    table.run(5)
    assert phone.heard() == []
