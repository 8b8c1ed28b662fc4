"""Accounts register, calls from the carrier ring where they are, and a restart forgets none of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from table import INSIDE, OUTSIDE, Seat, Table
from test_edge_accounts import ALGORITHMS, REALM, Login, login, secrets

from ringfence.edge.secrets import Owner, hashes_of
from ringfence.engine.engine import Engine
from ringfence.engine.snapshot import dump, load
from ringfence.model import Bound, Registered, Unbound
from ringfence.policy import Loader
from ringfence.testing import wire
from ringfence.testing.login import params
from ringfence.testing.peer import Dialog, Leg, alone, answer_ok, call, leg, response_to
from ringfence.testing.wire import Sip

PHONE, OTHER = ("127.0.4.1", 5062), ("127.0.4.2", 5062)
DID, SECOND_DID = "+12125550101", "+12125550102"
DAY = 86_400

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[digest]
realm = "phones.example.net"
[listen.inside]
bind = "127.0.0.1:5060"
digest = true
[listen.outside]
bind = "127.0.0.1:5080"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
[source.phones]
auth = "digest"
networks = ["127.0.4.0/24"]
zone = "internal"
listen = "inside"
directions = ["out", "in"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
registrations = {{ {registrations} }}
{accounts}
"""
ACCOUNTS = '[source.phones.accounts]\n1001 = ["+12125550101"]\n1002 = ["+12125550102"]'


def made(folder: Path, registrations: str = "", accounts: str = ACCOUNTS) -> Table:
    table = Table(folder, whole=POLICY.format(registrations=registrations, accounts=accounts))
    table.edge.trust(secrets(), table.now)
    return table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return made(tmp_path)


@pytest.fixture
def phone(table: Table) -> Seat:
    return table.seat("phone", PHONE)


class Phone:
    """A phone that registers: each REGISTER of it has the same Call-ID and the next CSeq."""

    def __init__(self, seat: Seat, who: Login | None = None, aor: str = "1001") -> None:
        self.seat, self.login, self.aor, self.cseq = seat, who or login(), f"sip:{aor}@{REALM}", 0
        self.call_id = f"{wire.new_tag()}@phone"

    def ask(self, *headers: tuple[str, str], contact: str | None = None, cseq: int = 0, **changed: str) -> Sip:
        """The answer to a REGISTER that isn't about the password."""
        self.cseq = cseq or self.cseq + 1
        uri = f"sip:{REALM}"
        request = alone(self.seat, "REGISTER", uri, self.aor, cseq=self.cseq).having(("Call-ID", self.call_id))
        if contact is not None:
            kept = tuple(header for header in request.headers if header[0] != "Contact")
            request = Sip(request.start, (*kept, *((("Contact", contact),) if contact else ())))
        request = request.having(*headers)
        if self.login.asked:
            request = request.having(self.login.answer("REGISTER", uri, **changed))
        self.seat.send(request, INSIDE)
        answer = self.seat.expect(0, call_id=self.call_id, method="REGISTER")
        if (answer.status == 401 and "stale" in answer.value("WWW-Authenticate")) or not self.login.asked:
            self.login.challenged(answer)
            return self.ask(*headers, contact=contact, **changed)
        return answer

    def register(self, expires: int | None = 300, contact: str | None = None) -> Sip:
        """A REGISTER that is to be taken."""
        headers = [] if expires is None else [("Expires", str(expires))]
        answer = self.ask(*headers, contact=contact)
        assert answer.status == 200, answer.start
        return answer


def bound(table: Table) -> list[str]:
    return [f"{fact.account} {fact.contact} at {fact.peer}" for fact in table.facts if isinstance(fact, Bound)]


def unbound(table: Table) -> list[tuple[str, str]]:
    return [(fact.account, fact.why) for fact in table.facts if isinstance(fact, Unbound)]


def ring(table: Table, number: str = DID) -> Dialog:
    return call(table.carrier, OUTSIDE, number, "+12125550143")


def rung(seat: Seat) -> Leg:
    return leg(seat, seat.expect("INVITE"))


# --- registering ----------------------------------------------------------------------------------------------------


def test_a_registration_is_challenged_then_taken(table: Table, phone: Seat) -> None:
    request = alone(phone, "REGISTER", f"sip:{REALM}", f"sip:1001@{REALM}")
    phone.send(request, INSIDE)
    first = phone.expect(401)
    assert params(first.value("WWW-Authenticate"))["realm"] == REALM
    assert table.facts == []
    answer = Phone(phone).register(300)
    assert answer.all("Contact") == ["<sip:phone@127.0.4.1:5062>;expires=300"]
    assert bound(table) == ["1001 sip:phone@127.0.4.1:5062 at 127.0.4.1:5062"]
    assert [fact.account for fact in table.facts if isinstance(fact, Registered)] == ["1001"]
    assert table.edge.status()["registered"] == 1


def test_registering_again_is_no_news(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    for _ in range(5):
        one.register()
        table.run(100)
    assert len(bound(table)) == 1
    assert unbound(table) == []


def test_without_a_contact_it_is_a_question(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register(600)
    table.run(100)
    assert one.register(None, contact="").all("Contact") == ["<sip:phone@127.0.4.1:5062>;expires=500"]


def test_it_ends_in_its_time(table: Table, phone: Seat) -> None:
    Phone(phone).register(120)
    table.run(119)
    assert unbound(table) == []
    table.run(2)
    assert unbound(table) == [("1001", "expired")]
    assert table.edge.status()["registered"] == 0


@pytest.mark.parametrize(
    ("headers", "contact", "given"),
    [
        ([("Expires", "7200")], None, 3600),
        ([], None, 3600),
        ([("Expires", "rubbish")], None, 3600),
        ([("Expires", "99999999999")], None, 3600),
        ([("Expires", "300")], "<sip:p@127.0.4.1:5062>;expires=120", 120),
        ([], "<sip:p@127.0.4.1:5062>;expires=4294967295", 3600),
    ],
)
def test_how_long(table: Table, phone: Seat, headers: list[tuple[str, str]], contact: str | None, given: int) -> None:
    answer = Phone(phone).ask(*headers, contact=contact)
    assert answer.value("Contact").endswith(f";expires={given}")


def test_too_short_is_told_how_long(table: Table, phone: Seat) -> None:
    answer = Phone(phone).ask(("Expires", "59"))
    assert (answer.status, answer.value("Min-Expires")) == (423, "60")
    assert table.edge.status()["registered"] == 0


def test_leaving(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register()
    assert one.register(0).all("Contact") == []
    assert unbound(table) == [("1001", "unregistered")]
    one.register()
    one.register(0, contact="*")
    assert unbound(table) == [("1001", "unregistered")] * 2
    one.register(0, contact="*")
    assert table.edge.status()["registered"] == 0


@pytest.mark.parametrize(
    ("headers", "contact", "status"),
    [
        ([("Expires", "300")], "*", 400),
        ([], "*", 400),
        ([("Expires", "0")], "*, <sip:a@127.0.4.1>", 400),
        ([], "<tel:+12125550101>", 400),
        ([], "<sip:a@127.0.4.1?Route=x>", 400),
        ([], f"<sip:{'a' * 600}@127.0.4.1>", 400),
        ([], "<sip:a@127.0.4.1>, <sip:b@127.0.4.1>", 403),
        ([], "<sip:a@@>", 400),
        ([("Require", "gruu")], None, 420),
        ([("Path", "<sip:a@@>")], None, 400),
        ([("Path", ", ".join(["<sip:p@127.0.4.9;lr>"] * 5))], None, 400),
    ],
)
def test_what_is_refused(
    table: Table, phone: Seat, headers: list[tuple[str, str]], contact: str | None, status: int
) -> None:
    one = Phone(phone)
    one.register()
    assert one.ask(*headers, contact=contact).status == status
    assert len(bound(table)) == 1
    assert unbound(table) == []


def test_an_account_registers_itself_alone(table: Table, phone: Seat) -> None:
    answer = Phone(phone, login("1001"), "1002").ask()
    assert answer.start == "SIP/2.0 403 Not Your Address Of Record"
    assert table.edge.status()["registered"] == 0


def test_an_older_register_changes_nothing(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register()
    assert one.ask(("Expires", "0"), cseq=one.cseq).start == "SIP/2.0 500 CSeq Out Of Order"
    assert one.ask(("Expires", "0"), contact="*", cseq=1).status == 500
    assert table.edge.status()["registered"] == 1


def test_a_replayed_register_is_refused(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register()
    one.login.count -= 1
    request = alone(phone, "REGISTER", f"sip:{REALM}", one.aor, ("Expires", "0"), cseq=99)
    phone.send(request.having(one.login.answer("REGISTER", f"sip:{REALM}")), INSIDE)
    assert params(phone.expect(401).value("WWW-Authenticate"))["stale"] == "true"
    assert table.edge.status()["registered"] == 1


def test_a_wrong_password_registers_nobody(table: Table, phone: Seat) -> None:
    assert Phone(phone, login(password="guess")).ask().status == 401
    assert table.edge.status()["registered"] == 0


# --- several contacts -----------------------------------------------------------------------------------------------


def test_one_more_takes_the_place_of_the_oldest(tmp_path: Path) -> None:
    table = made(tmp_path, "contacts = 2")
    for number in range(4):
        seat = table.seat(f"p{number}", ("127.0.4.1", 6000 + number))
        answer = Phone(seat).register()
    assert answer.all("Contact") == [
        "<sip:p2@127.0.4.1:6002>;expires=300",
        "<sip:p3@127.0.4.1:6003>;expires=300",
    ]
    assert unbound(table) == [("1001", "replaced")] * 2


def test_a_phone_that_comes_back_takes_its_own_place(tmp_path: Path) -> None:
    table = made(tmp_path, "contacts = 2")
    for number in range(3):
        seat = table.seat("p", ("127.0.4.1", 6000 + number))
        answer = Phone(seat).register(contact=f'<sip:p@127.0.4.1:{6000 + number}>;+sip.instance="<urn:uuid:1>"')
    assert len(answer.all("Contact")) == 1
    assert len(bound(table)) == 3
    assert unbound(table) == []


def test_moving_is_told(table: Table, phone: Seat) -> None:
    contact = "<sip:1001@192.168.1.5:5060>"
    Phone(phone).register(contact=contact)
    Phone(table.seat("other", OTHER)).register(contact=contact)
    assert bound(table) == [
        "1001 sip:1001@192.168.1.5:5060 at 127.0.4.1:5062",
        "1001 sip:1001@192.168.1.5:5060 at 127.0.4.2:5062",
    ]
    assert table.edge.status()["registered"] == 1


# --- calls to it ----------------------------------------------------------------------------------------------------


def test_a_call_rings_where_the_account_registered_from(table: Table, phone: Seat) -> None:
    Phone(phone).register(contact="<sip:1001@192.168.1.5:5070;line=7>")
    other = table.seat("other", OTHER)
    Phone(other, login("1002"), "1002").register()
    made_call = ring(table)
    offered = rung(phone)
    assert offered.invite.uri == "sip:1001@192.168.1.5:5070;line=7"
    assert other.heard() == []
    offered.answer(("Contact", "<sip:1001@192.168.1.5:5070>"))
    dialog = made_call.confirm(table.carrier.expect(200))
    phone.expect("ACK")
    dialog.send("BYE")
    answer_ok(phone, phone.expect("BYE"))
    table.carrier.expect(200, method="BYE")


def test_the_phone_ends_the_call(table: Table, phone: Seat) -> None:
    Phone(phone).register()
    made_call = ring(table)
    offered = rung(phone)
    offered.answer()
    made_call.confirm(table.carrier.expect(200))
    phone.expect("ACK")
    offered.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    phone.expect(200, method="BYE")


def test_a_pbx_is_called_by_number(tmp_path: Path) -> None:
    table = made(tmp_path, 'called_as = "number"', 'accounts = ["1001"]')
    phone = table.seat("pbx2", PHONE)
    Phone(phone).register(contact="<sip:s@127.0.4.1:5062;line=abc>")
    ring(table, "+12125559999")
    assert rung(phone).invite.uri == "sip:+12125559999@127.0.4.1:5062;line=abc"


def test_nobody_is_there(table: Table, phone: Seat) -> None:
    ring(table)
    assert table.carrier.expect(0).status == 480
    ring(table, "+12125550199")
    assert table.carrier.expect(0).status == 404
    assert phone.heard() == []


def test_the_next_contact_is_tried_where_the_latest_is_silent(tmp_path: Path) -> None:
    table = made(tmp_path, "contacts = 2")
    first, second = table.seat("first", PHONE), table.seat("second", OTHER)
    Phone(first).register()
    Phone(second).register()
    ring(table)
    second.expect("INVITE")
    assert first.heard() == []
    table.run(5)
    rung(first).ring()
    table.carrier.expect(180)


def test_the_next_contact_is_tried_where_the_latest_is_unavailable(tmp_path: Path) -> None:
    table = made(tmp_path, "contacts = 2")
    first, second = table.seat("first", PHONE), table.seat("second", OTHER)
    Phone(first).register()
    Phone(second).register()
    ring(table)
    rung(second).refuse(503, "Service Unavailable")
    rung(first).refuse(503, "Service Unavailable")
    assert table.carrier.expect(0).status == 500


def test_path_becomes_route_and_the_call_goes_where_the_register_came_from(table: Table, phone: Seat) -> None:
    path = "<sip:edge@10.9.9.9;lr>"
    answer = Phone(phone).ask(("Path", path), ("Supported", "path"), contact="<sip:1001@192.168.1.5>")
    assert (answer.status, answer.value("Path")) == (200, path)
    ring(table)
    invite = rung(phone).invite
    assert invite.all("Route") == [path]
    assert invite.uri == "sip:1001@192.168.1.5"


def test_who_registers_elsewhere_gets_no_traffic_sent_there(table: Table, phone: Seat) -> None:
    victim = table.seat("victim", ("127.0.9.9", 5060))
    Phone(phone).register(contact="<sip:1001@127.0.9.9:5060>")
    ring(table)
    rung(phone)
    table.run(40)
    assert victim.heard() == []


# --- restart, reload ------------------------------------------------------------------------------------------------


def test_registrations_survive_a_restart(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register(300, contact="<sip:1001@192.168.1.5>")
    table.run(250)
    one.register(300, contact="<sip:1001@192.168.1.5>")
    table.run(250)
    table.restart()
    ring(table)
    offered = rung(phone)
    offered.answer()
    table.carrier.expect(200)
    table.run(301)
    assert unbound(table) == [("1001", "expired")]


def test_the_carrier_ends_a_call_from_before_a_restart(table: Table, phone: Seat) -> None:
    Phone(phone).register(contact="<sip:1001@192.168.1.5>")
    made_call = ring(table)
    offered = rung(phone)
    answer = response_to(
        offered.invite, 200, "OK", ("Contact", "<sip:1001@192.168.1.5>"), body=wire.SDP, tag=wire.tag_of(offered.local)
    )
    phone.send(answer, offered.invite.origin)
    dialog = made_call.confirm(table.carrier.expect(200))
    phone.expect("ACK")
    table.restart()
    dialog.send("BYE")
    answer_ok(phone, phone.expect("BYE"))
    table.carrier.expect(200, method="BYE")


def test_gone_ones_do_not_come_back(table: Table, phone: Seat) -> None:
    one = Phone(phone)
    one.register()
    one.register(0)
    table.restart()
    assert table.edge.status()["registered"] == 0


def test_a_snapshot_keeps_them(table: Table, phone: Seat) -> None:
    Phone(phone).register()
    engine = Engine(table.policy, "n1")
    load(engine, dump(table.engine))
    assert [fact.account for fact in engine.contacts] == ["1001"]
    old = msgspec.msgpack.decode(dump(table.engine))
    del old["contacts"]
    load(engine, msgspec.msgpack.encode(old))
    assert list(engine.contacts) == []


def test_another_password_ends_the_registration(table: Table, phone: Seat) -> None:
    Phone(phone).register()
    Phone(table.seat("other", OTHER), login("1002"), "1002").register()
    owner = Owner("1001", REALM)
    table.edge.trust(secrets().having(owner, hashes_of(owner, "Another0nePlease", ALGORITHMS)), table.now)
    table.settle()
    assert unbound(table) == [("1001", "revoked")]


def test_the_same_secrets_again_change_nothing(table: Table, phone: Seat) -> None:
    Phone(phone).register()
    table.edge.trust(secrets(), table.now)
    table.settle()
    assert unbound(table) == []


def test_an_account_that_the_policy_no_longer_has(table: Table, phone: Seat, tmp_path: Path) -> None:
    Phone(phone).register()
    path = tmp_path / "policy.toml"
    path.write_text(path.read_text().replace('1001 = ["+12125550101"]\n', ""))
    policy = Loader(str(path)).load().policy
    table.edge.use(policy)
    table.edge.trust(secrets(), table.now)
    table.settle()
    assert unbound(table) == [("1001", "revoked")]
    table.policy = policy
    table.restart()
    assert table.edge.status()["registered"] == 0


def test_a_register_for_the_carrier_goes_there(table: Table, phone: Seat) -> None:
    who = login()
    request = alone(phone, "REGISTER", "sip:127.0.2.1:5090", "sip:u@127.0.2.1")
    phone.send(request, INSIDE)
    who.challenged(phone.expect(401))
    phone.send(request.having(("CSeq", "2 REGISTER"), who.answer("REGISTER", "sip:127.0.2.1:5090")), INSIDE)
    passed = table.carrier.expect("REGISTER")
    assert passed.all("Authorization") == []
    assert table.edge.status()["registered"] == 0
