"""Sources without a fixed address prove a password with each call; strangers learn nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table import INSIDE, NUMBER, OUTSIDE, STRANGER, Seat, Table

from ringfence.edge import throttle
from ringfence.edge.secrets import Owner, Secrets, hashes_of
from ringfence.model import AuthFailed, Decided, Registered, Strangers
from ringfence.policy import Loader
from ringfence.sip.digest import ALGORITHMS, Credentials, find_credentials
from ringfence.sip.errors import SipParseError
from ringfence.testing import wire
from ringfence.testing.login import Login, params
from ringfence.testing.peer import Call, alone, answer_ok, call, leg
from ringfence.testing.wire import Sip

REALM, PASSWORD = "phones.example.net", "Kv7mQx2pTz9wRb4n"
PHONE = ("127.0.4.1", 5062)
PER_S, BURST = 10, 40
"""Of strangers, by address and kind of request."""

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[digest]
realm = "phones.example.net"
nonce_s = 60
[listen.inside]
bind = "127.0.0.1:5060"
digest = true
[listen.outside]
bind = "127.0.0.1:5080"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
caller_ids = ["+12125550100"]
[source.phones]
auth = "digest"
accounts = ["1001", "1002"]
networks = ["127.0.3.0/24", "127.0.4.0/24"]
zone = "{zone}"
listen = "inside"
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
{phones}
[source.old]
auth = "digest"
accounts = ["old-pbx"]
networks = ["127.0.5.0/24"]
digest_algorithms = {algorithms}
zone = "{zone}"
listen = "inside"
trunks = ["carrier"]
caller_ids = ["+12125550100"]
{more}
"""


def secrets() -> Secrets:
    owners = [Owner(user, REALM) for user in ("1001", "1002", "old-pbx")]
    return Secrets({owner: hashes_of(owner, PASSWORD, ALGORITHMS) for owner in owners})


def made(folder: Path, **changed: str) -> Table:
    values = {"zone": "internal", "algorithms": '["MD5"]', "phones": "", "more": "", **changed}
    table = Table(folder, whole=POLICY.format(**values))
    table.edge.trust(secrets(), table.now)
    return table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return made(tmp_path)


@pytest.fixture
def phone(table: Table) -> Seat:
    return table.seat("phone", PHONE)


def dial(seat: Seat, number: str = NUMBER, caller: str = "+12125550100", *headers: tuple[str, str]) -> Call:
    return call(seat, INSIDE, number, caller, *headers)


def challenged(seat: Seat, made: Call, login: Login, status: int = 407) -> Sip:
    """The challenge that a call gets."""
    refusal = seat.expect(status, call_id=made.call_id)
    made.ack_refusal(refusal)
    login.challenged(refusal)
    return refusal


def log_in(seat: Seat, login: Login, number: str = NUMBER, caller: str = "+12125550100", **changed: str) -> Call:
    """A call, its challenge, and the call again with an answer to it."""
    call = dial(seat, number, caller)
    challenged(seat, call, login)
    call.again(login.answer("INVITE", call.invite.uri, **changed))
    return call


def login(user: str = "1001", password: str = PASSWORD, **more: Any) -> Login:
    return Login(user, password, **more)


def failures(table: Table) -> list[tuple[str, str, int]]:
    return [(f.source, f.account, f.count) for f in table.facts if isinstance(f, AuthFailed)]


# --- right ----------------------------------------------------------------------------------------------------------


def test_a_call_is_taken_once_its_password_is_proved(table: Table, phone: Seat) -> None:
    made = log_in(phone, login())
    offered = table.offered()
    assert not offered.invite.all("Authorization") + offered.invite.all("Proxy-Authorization")
    offered.answer()
    dialog = made.confirm(phone.expect(200, call_id=made.call_id))
    table.carrier.expect("ACK")
    assert table.slots == 1
    dialog.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    phone.expect(200, method="BYE")
    assert table.slots == 0
    (decided,) = [fact for fact in table.facts if isinstance(fact, Decided)]
    attempt = decided.attempt
    assert (attempt.source, attempt.extension, attempt.verified, attempt.extension_is) == (
        "phones", "1001", "digest", "account",
    )  # fmt: skip
    assert attempt.peer == "127.0.4.1:5062"


def test_the_carrier_ends_the_call_where_the_phone_sends_from(table: Table, phone: Seat) -> None:
    made = dial(phone)
    made.invite = made.invite.having(("Contact", "<sip:1001@192.168.7.7:5099>"))
    answers = login()
    challenged(phone, made, answers)
    made.again(answers.answer("INVITE", made.invite.uri))
    offered = table.offered()
    offered.answer()
    made.confirm(phone.expect(200, call_id=made.call_id))
    table.carrier.expect("ACK")
    offered.send("BYE")
    answer_ok(phone, phone.expect("BYE"))
    table.carrier.expect(200)
    assert table.slots == 0


def test_a_phone_that_does_not_ask_for_rport_is_answered_where_it_sends_from(table: Table, phone: Seat) -> None:
    made = dial(phone)
    bare = made.invite.having(("Via", f"SIP/2.0/UDP 192.168.7.7:5099;branch={wire.new_branch()}"))
    phone.send(bare, INSIDE)
    assert len(phone.inbox) == 2


def test_its_nonce_is_good_for_the_next_call_too(table: Table, phone: Seat) -> None:
    answers = login()
    log_in(phone, answers)
    table.offered()
    second = dial(phone, "12125550144")
    refusal = phone.expect(407, call_id=second.call_id)
    second.ack_refusal(refusal)
    second.again(answers.answer("INVITE", second.invite.uri))
    assert table.offered().invite.uri.startswith("sip:+12125550144@")


def test_a_repeated_invite_is_the_same_call(table: Table, phone: Seat) -> None:
    made = log_in(phone, login())
    phone.send(made.invite, INSIDE)
    table.offered()
    assert table.carrier.heard() == []
    assert table.attempts == 1


def test_credentials_for_the_carrier_pass(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login()
    challenged(phone, made, answers)
    theirs = 'Digest username="u", realm="carrier.example", nonce="n", uri="sip:x", response="r"'
    made.again(answers.answer("INVITE", made.invite.uri), ("Authorization", theirs))
    invite = table.offered().invite
    assert invite.all("Authorization") == [theirs]
    assert invite.all("Proxy-Authorization") == []


def test_an_answer_in_the_other_header_is_one(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login()
    challenged(phone, made, answers)
    made.again(("Authorization", answers.answer("INVITE", made.invite.uri)[1]))
    table.offered()


def test_the_source_by_address_is_not_asked(table: Table) -> None:
    call(table.pbx, INSIDE, NUMBER, "+12125550100")
    table.offered()


def test_a_challenge_of_the_carrier_is_answered_as_the_same_attempt(table: Table, phone: Seat) -> None:
    answers = login()
    made = log_in(phone, answers)
    theirs = ("Proxy-Authenticate", 'Digest realm="carrier.example", nonce="n", qop="auth"')
    table.offered().refuse(407, "Prove It", theirs)
    made.ack_refusal(phone.expect(407, call_id=made.call_id))
    made.again(answers.answer("INVITE", made.invite.uri), ("Authorization", 'Digest realm="carrier.example"'))
    table.offered()
    assert table.attempts == 1


@pytest.mark.parametrize(("zone", "status"), [("internal", 407), ("vendor", 401)])
def test_the_zone_says_how_a_call_is_challenged(tmp_path: Path, zone: str, status: int) -> None:
    table = made(tmp_path, zone=zone)
    phone = table.seat("phone", PHONE)
    refusal = phone.expect(status, call_id=dial(phone).call_id)
    assert refusal.all("WWW-Authenticate" if status == 401 else "Proxy-Authenticate")


# --- who calls ------------------------------------------------------------------------------------------------------


def test_from_is_a_claim_also_where_the_account_is_proved(table: Table, phone: Seat) -> None:
    log_in(phone, login(), caller="+13105550199")
    assert phone.expect(603).start == "SIP/2.0 603 Caller ID Not Allowed"


def test_from_is_judged_beside_an_asserted_identity(tmp_path: Path) -> None:
    table = made(tmp_path, phones='caller_id_policy = "substitute"')
    phone, answers = table.seat("phone", PHONE), login()
    asserted = ("P-Asserted-Identity", "<sip:+12125550101@x>")
    made_call = dial(phone, NUMBER, "+18005551212", asserted)
    challenged(phone, made_call, answers)
    made_call.again(answers.answer("INVITE", made_call.invite.uri))
    invite = table.offered().invite
    assert "+12125550101" in invite.value("From")
    assert "8005551212" not in invite.to_bytes().decode()


def test_an_account_name_in_from_is_replaced_where_nothing_is_asserted(tmp_path: Path) -> None:
    table = made(tmp_path, phones='caller_id_policy = "substitute"')
    log_in(table.seat("phone", PHONE), login(), caller="1001")
    assert "+12125550100" in table.offered().invite.value("From")


def test_extensions_have_caps_of_their_own_by_account(tmp_path: Path) -> None:
    table = made(tmp_path, phones="per_caller = { concurrent = { block = 1 } }")
    phone = table.seat("phone", PHONE)
    log_in(phone, login(), caller="+12125550100")
    table.offered()
    log_in(phone, login(), caller="+12125550101")
    assert phone.expect(0).status == 480
    log_in(phone, login("1002"), caller="+12125550101")
    table.offered()


# --- wrong ----------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_challenged_again_and_told(table: Table, phone: Seat) -> None:
    made = log_in(phone, login(password="guess"))
    again = phone.expect(407, call_id=made.call_id)
    assert "stale" not in again.value("Proxy-Authenticate")
    assert failures(table) == [("phones", "1001", 1)]
    assert table.carrier.heard() == []


def test_a_first_request_is_no_failure(table: Table, phone: Seat) -> None:
    for _ in range(5):
        dial(phone)
    assert failures(table) == []


def test_a_wrong_answer_and_no_account_look_the_same(table: Table, phone: Seat) -> None:
    answers = [
        phone.expect(407, call_id=log_in(phone, login(user, password)).call_id)
        for user, password in [("1001", "guess"), ("9999", "guess"), ("9999", PASSWORD)]
    ]
    shapes = [
        [(name, sorted(params(value))) for name, value in answer.headers if name == "Proxy-Authenticate"]
        for answer in answers
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert failures(table) == [("phones", "1001", 1)]


def test_another_realm_is_no_answer_to_us(table: Table, phone: Seat) -> None:
    log_in(phone, login(), realm="elsewhere.example")
    assert phone.expect(407)
    assert table.carrier.heard() == []


def test_an_answer_is_good_once(table: Table, phone: Seat) -> None:
    answers = login()
    first = log_in(phone, answers)
    table.offered()
    replayed = first.invite.having(("Via", f"SIP/2.0/UDP x;branch={wire.new_branch()}"), ("Call-ID", "other"))
    phone.send(replayed, INSIDE)
    assert params(phone.expect(407, call_id="other").value("Proxy-Authenticate"))["stale"] == "true"
    assert table.carrier.heard() == []
    assert failures(table) == []


def test_an_answer_is_good_for_the_number_it_was_made_for(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login()
    challenged(phone, made, answers)
    header = answers.answer("INVITE", made.invite.uri)
    made.invite = Sip(made.invite.start.replace(NUMBER, "+12125550144"), made.invite.headers, made.invite.body)
    made.again(header)
    assert phone.expect(400).start == "SIP/2.0 400 Digest URI Mismatch"
    assert table.carrier.heard() == []


def test_an_answer_is_good_for_the_address_that_was_asked(table: Table, phone: Seat) -> None:
    made = dial(phone)
    answers = login()
    challenged(phone, made, answers)
    thief = table.seat("thief", ("127.0.4.9", 5062))
    thief.send(made.invite.having(answers.answer("INVITE", made.invite.uri)), INSIDE)
    assert thief.expect(407)
    assert failures(table) == []


def test_an_old_answer_is_stale(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login()
    challenged(phone, made, answers)
    table.run(61)
    made.again(answers.answer("INVITE", made.invite.uri))
    refusal = challenged(phone, made, answers)
    assert params(refusal.value("Proxy-Authenticate"))["stale"] == "true"
    assert failures(table) == []
    made.again(answers.answer("INVITE", made.invite.uri))
    table.offered()


def test_an_old_and_wrong_answer_is_a_failure(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login(password="guess")
    challenged(phone, made, answers)
    table.run(61)
    made.again(answers.answer("INVITE", made.invite.uri))
    assert "stale" not in params(challenged(phone, made, answers).value("Proxy-Authenticate"))
    assert failures(table) == [("phones", "1001", 1)]


def test_another_password_is_in_force_at_once(table: Table, phone: Seat) -> None:
    owner = Owner("1001", REALM)
    table.edge.trust(Secrets({owner: hashes_of(owner, "Another0nePlease", ALGORITHMS)}), table.now)
    log_in(phone, login())
    assert phone.expect(407)
    log_in(phone, login(password="Another0nePlease"))
    table.offered()


def test_without_a_secret_nobody_is_the_account(table: Table, phone: Seat) -> None:
    table.edge.trust(Secrets(), table.now)
    for password in (PASSWORD, ""):
        log_in(phone, login(password=password))
    log_in(phone, login("", ""))
    assert table.carrier.heard() == []


# --- algorithms -----------------------------------------------------------------------------------------------------


def test_all_algorithms_of_the_listener_are_offered_strongest_first(table: Table, phone: Seat) -> None:
    offers = [params(value) for value in phone.expect(407, call_id=dial(phone).call_id).all("Proxy-Authenticate")]
    assert [offer["algorithm"] for offer in offers] == ["SHA-256", "MD5"]


def test_md5_is_good_where_the_policy_permits_it(table: Table) -> None:
    pbx = table.seat("old", ("127.0.5.1", 5060))
    log_in(pbx, login("old-pbx", knows=("MD5",)))
    table.offered()


def test_a_downgrade_is_refused(table: Table, phone: Seat) -> None:
    log_in(phone, login(knows=("MD5",)))
    assert phone.expect(407)
    assert table.carrier.heard() == []


def test_what_was_not_offered_is_no_answer(tmp_path: Path) -> None:
    table = made(tmp_path, algorithms='["SHA-256"]')
    phone, answers = table.seat("phone", PHONE), login()
    made_call = dial(phone)
    challenged(phone, made_call, answers)
    answers.asked["algorithm"] = "MD5"
    made_call.again(answers.answer("INVITE", made_call.invite.uri))
    assert phone.expect(407)
    assert failures(table) == []


# --- strangers ------------------------------------------------------------------------------------------------------


def test_a_listener_without_digest_keeps_silent(table: Table) -> None:
    call(table.stranger, OUTSIDE, NUMBER, "+12125550100")
    assert table.stranger.inbox == []


@pytest.mark.parametrize(
    "method", ["OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "UPDATE", "INFO", "NOTIFY", "CANCEL", "ACK"]
)
def test_strangers_are_answered_to_calls_and_registrations_only(table: Table, method: str) -> None:
    request = alone(table.stranger, method, "sip:127.0.0.1", "sip:1001@127.0.0.1")
    table.stranger.send(request, INSIDE)
    table.stranger.send(request.having(("To", "<sip:1001@127.0.0.1>;tag=x")), INSIDE)
    assert table.stranger.inbox == []


def test_strangers_from_elsewhere_get_no_answer(table: Table) -> None:
    far = table.seat("far", ("127.0.9.1", 5060))
    dial(far)
    assert far.inbox == []
    table.run(11)
    (counted,) = [fact for fact in table.facts if isinstance(fact, Strangers)]
    assert (counted.address, counted.requests) == ("127.0.9.1", {"INVITE": 1})


def test_a_right_password_from_a_network_of_another_source_is_none(table: Table) -> None:
    elsewhere = table.seat("elsewhere", ("127.0.5.1", 5062))
    log_in(elsewhere, login())
    assert elsewhere.expect(407)
    assert failures(table) == [("phones", "1001", 1)]


def test_what_a_stranger_spoils_is_not_answered(table: Table) -> None:
    made = dial(table.stranger)
    table.stranger.heard()
    for spoilt in (
        made.invite.to_bytes().replace(b"CSeq: 1", b"CSeq: one"),
        made.invite.to_bytes().replace(b"INVITE sip:", b"INVITE sip sip:"),
        b"INVITE \xff\x00\r\n\r\n",
    ):
        table.deliver(spoilt, STRANGER, INSIDE)
    assert table.stranger.inbox == []


def test_strangers_are_answered_so_often_and_then_not_at_all(table: Table) -> None:
    for _ in range(BURST + 20):
        dial(table.stranger)
    assert len(table.stranger.heard()) == BURST
    other = table.seat("other", ("127.0.3.2", 5060))
    dial(other)
    assert len(other.heard()) == 1
    table.run(1)
    for _ in range(30):
        dial(table.stranger)
    assert len(table.stranger.heard()) == PER_S


def test_forged_addresses_fill_no_table(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_BUCKETS", 50)
    data = dial(table.stranger).invite.to_bytes()
    for number in range(200):
        table.deliver(data, (f"127.0.3.{number % 250}", 5000 + number), INSIDE)
    status = table.edge.status()
    assert status["transactions"] == 0
    assert status["guests"] == 0
    assert len(table.edge._edge.rates) == 50
    assert len(table.edge._edge.digest.nonces) == 0


def test_who_guesses_from_a_guests_address_is_slowed_down_too(tmp_path: Path) -> None:
    table = made(tmp_path, more='[bans]\nmode = "off"')
    phone = table.seat("phone", PHONE)
    log_in(phone, login())
    table.offered()
    phone.heard()
    answered = 0
    for _ in range(BURST + 20):
        dialled, guess = dial(phone), login("1002", "guess")
        challenged(phone, dialled, guess)
        dialled.again(guess.answer("INVITE", dialled.invite.uri))
        answered += len(phone.heard())
    assert answered < BURST
    assert sum(count for _, _, count in failures(table)) >= 1


@pytest.mark.parametrize("overloaded", [False, True])
def test_an_emergency_call_is_proved_like_any_and_passes_overload(table: Table, phone: Seat, overloaded: bool) -> None:
    """A stranger gets no further than the challenge (A1 before C8)."""
    table.edge.overloaded(overloaded)
    log_in(phone, login(), "911")
    assert table.offered().invite.user == "911"
    refused = log_in(phone, login(password="wrong"), "911")
    assert phone.expect(407, call_id=refused.call_id)
    assert table.carrier.heard() == []


def test_in_overload_strangers_hear_nothing(table: Table, phone: Seat) -> None:
    table.edge.overloaded(True)
    dial(table.stranger)
    assert table.stranger.inbox == []
    made = dial(table.stranger, "911")
    assert table.stranger.expect(407, call_id=made.call_id)


def test_an_exception_that_has_ended_is_no_network(tmp_path: Path) -> None:
    until = "2027-01-20T12:00:00"
    text = f'[[address_exception]]\nsource="phones"\naddresses=["127.0.4.0/24"]\nowner="noc"\nwhy="x"\nuntil={until}'
    table = made(tmp_path, more=text)
    phone = table.seat("phone", PHONE)
    log_in(phone, login())
    table.offered()
    table.now += 30 * 86_400 * 1_000_000
    log_in(phone, login())
    assert phone.expect(407)
    assert table.carrier.heard() == []


# --- guests ---------------------------------------------------------------------------------------------------------


def up(table: Table, phone: Seat) -> tuple[Any, Any]:
    made = log_in(phone, login())
    offered = table.offered()
    offered.answer()
    dialog = made.confirm(phone.expect(200, call_id=made.call_id))
    table.carrier.expect("ACK")
    return dialog, offered


def test_a_guests_address_begins_nothing_by_itself(table: Table, phone: Seat) -> None:
    up(table, phone)
    made = dial(phone)
    assert phone.expect(407, call_id=made.call_id)
    assert table.carrier.heard() == []


def test_options_of_a_guest_are_answered(table: Table, phone: Seat) -> None:
    up(table, phone)
    phone.send(alone(phone, "OPTIONS", "sip:127.0.0.1", "sip:1001@127.0.0.1"), INSIDE)
    assert phone.expect(200, method="OPTIONS")


def test_a_phone_may_cancel(table: Table, phone: Seat) -> None:
    made = log_in(phone, login())
    offered = table.offered()
    offered.ring()
    made.cancel()
    answer_ok(table.carrier, table.carrier.expect("CANCEL"))
    offered.refuse(487)
    assert phone.expect(487, call_id=made.call_id)
    assert table.slots == 0


def test_nobody_cancels_for_it(table: Table, phone: Seat) -> None:
    made = log_in(phone, login())
    table.offered().ring()
    made.peer = table.stranger
    made.cancel()
    assert table.carrier.heard() == []
    assert table.stranger.inbox == []


def test_a_phone_that_moves_proves_itself_and_goes_on(table: Table, phone: Seat) -> None:
    dialog, offered = up(table, phone)
    moved = table.seat("moved", ("127.0.4.77", 6000))
    dialog.peer = moved
    dialog.send("INVITE", body=wire.SDP)
    answers = login()
    refusal = moved.expect(407)
    answers.challenged(refusal)
    dialog.send("INVITE", answers.answer("INVITE", dialog.target), body=wire.SDP)
    again = leg(table.carrier, table.carrier.expect("INVITE"))
    again.answer()
    moved.expect(200)
    offered.send("BYE")
    answer_ok(moved, moved.expect("BYE"))
    assert table.carrier.expect(200, method="BYE")


def test_a_stranger_does_not_end_its_call(table: Table, phone: Seat) -> None:
    dialog, _ = up(table, phone)
    dialog.peer = table.stranger
    dialog.send("BYE")
    assert table.stranger.expect(407)
    assert table.carrier.heard() == []
    assert table.slots == 1


def test_a_call_goes_on_after_a_restart(table: Table, phone: Seat) -> None:
    _, offered = up(table, phone)
    table.restart()
    offered.send("BYE")
    answer_ok(phone, phone.expect("BYE"))
    table.carrier.expect(200)
    assert table.slots == 0


def test_it_ends_its_call_after_a_restart(table: Table, phone: Seat) -> None:
    dialog, _ = up(table, phone)
    table.restart()
    dialog.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    phone.expect(200, method="BYE")
    assert table.slots == 0


def test_a_nonce_from_before_a_restart_is_stale(table: Table, phone: Seat) -> None:
    made, answers = dial(phone), login()
    challenged(phone, made, answers)
    table.restart()
    table.edge.trust(secrets(), table.now)
    made.again(answers.answer("INVITE", made.invite.uri))
    assert params(phone.expect(407).value("Proxy-Authenticate"))["stale"] == "true"


def test_an_account_that_is_gone_ends_its_calls_and_begins_none(table: Table, phone: Seat, tmp_path: Path) -> None:
    dialog, _ = up(table, phone)
    path = tmp_path / "policy.toml"
    path.write_text(path.read_text().replace('accounts = ["1001", "1002"]', 'accounts = ["1002"]'))
    policy = Loader(str(path)).load().policy
    table.edge.use(policy)
    table.engine.use(policy)
    log_in(phone, login())
    assert phone.expect(407)
    dialog.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    phone.expect(200, method="BYE")


def test_one_account_is_at_so_many_addresses(table: Table) -> None:
    for number in range(20):
        phone = table.seat(f"phone{number}", ("127.0.4.2", 6000 + number))
        log_in(phone, login())
        table.offered()
    assert table.edge.status()["guests"] == 8


# --- what the engine is told ----------------------------------------------------------------------------------------


def test_failures_of_an_account_are_summed_whatever_address_they_come_from(table: Table) -> None:
    for number in range(10):
        log_in(table.seat(f"s{number}", (f"127.0.3.{10 + number}", 5060)), login(password=f"guess{number}"))
    assert failures(table) == [("phones", "1001", 1)]
    table.run(11)
    assert failures(table) == [("phones", "1001", 1), ("phones", "1001", 9)]


def test_a_guessed_password_is_told_with_the_call_that_uses_it(table: Table, phone: Seat) -> None:
    for _ in range(2):
        log_in(phone, login(password="guess"))
    log_in(phone, login())
    registered = [fact for fact in table.facts if isinstance(fact, Registered)]
    assert [(fact.source, fact.account, fact.peer) for fact in registered] == [("phones", "1001", "127.0.4.1:5062")]
    assert sum(count for _, _, count in failures(table)) == 2


# --- spoilt credentials ---------------------------------------------------------------------------------------------


def read(value: str) -> Credentials | None:
    """What they say: an escape within quotes, a name in capitals or a parameter more changes nothing of it."""
    with suppress(SipParseError):
        return find_credentials([value.encode()], REALM)
    return None


@given(st.data())
def test_spoilt_credentials_let_nobody_in(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    table = made(tmp_path_factory.mktemp("fuzz"))
    phone, answers = table.seat("phone", PHONE), login()
    call = dial(phone)
    challenged(phone, call, answers)
    name, value = answers.answer("INVITE", call.invite.uri)
    at, width = data.draw(st.integers(7, len(value) - 1)), data.draw(st.integers(0, 4))
    put = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=4))
    spoilt = value[:at] + put + value[at + width :]
    call.again((name, spoilt))
    offered = table.carrier.heard()
    if read(spoilt) != read(value):
        assert offered == []
    assert table.edge.status().get("error", 0) == 0
