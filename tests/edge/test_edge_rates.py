"""How many requests are taken of one address, by kind and standing; and how many calls may wait (B1, B5)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from table import INSIDE, PBX, Table
from test_edge_accounts import PHONE, dial, log_in, login, made

from ringfence.edge import throttle
from ringfence.edge.throttle import Rates, group_of
from ringfence.model import SECOND, Strangers
from ringfence.model.settings import Pace, Rate, Requests
from ringfence.testing.peer import alone

NOW = 1_800_000_000 * SECOND
FEW = """
[requests.party]
register = { per_second = 1, burst = 2 }
invite = { per_second = 1, burst = 2 }
options = { per_second = 1, burst = 2 }
other = { per_second = 1, burst = 2 }
"""


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path, source=FEW)


# --- kinds and buckets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "group"),
    [
        (b"REGISTER sip:x", "register"),
        (b"INVITE sip:x", "invite"),
        (b"OPTIONS sip:x", "options"),
        (b"SUBSCRIBE sip:x", "other"),
        (b"\xff\xff", "other"),
        (b"ACK sip:x", ""),
        (b"BYE sip:x", ""),
        (b"CANCEL sip:x", ""),
        (b"PRACK sip:x", ""),
        (b"SIP/2.0 200 OK", ""),
        (b"\r\n\r\n", ""),
        (b"", ""),
    ],
)
def test_what_a_message_is_counted_as(data: bytes, group: str) -> None:
    assert group_of(data) == group


def test_kinds_and_addresses_are_counted_apart() -> None:
    rates = Rates(Requests())
    assert sum(rates.stranger("192.0.2.1", b"REGISTER", NOW) for _ in range(50)) == 40
    assert sum(rates.stranger("192.0.2.1", b"INVITE", NOW) for _ in range(50)) == 40
    assert sum(rates.stranger("192.0.2.2", b"REGISTER", NOW) for _ in range(50)) == 40
    assert sum(rates.stranger("192.0.2.1", b"REGISTER", NOW + 2 * SECOND) for _ in range(50)) == 20


def test_the_64_of_an_ipv6_address_is_one() -> None:
    rates = Rates(Requests())
    assert sum(rates.stranger(f"2001:db8::{n:x}", b"REGISTER", NOW) for n in range(50)) == 40
    assert rates.stranger("2001:db8:0:1::1", b"REGISTER", NOW)


def test_all_strangers_together_are_bounded() -> None:
    rates = Rates(Requests(strangers_per_second=100))
    assert sum(rates.stranger(f"192.0.2.{n}", b"REGISTER", NOW) for n in range(250)) == 100


def test_what_ends_something_is_never_limited_of_whom_we_know() -> None:
    none = Rate(per_second=1, burst=1)
    rates = Rates(Requests(party=Pace(register=none, invite=none, options=none, other=none)))
    for method in (b"BYE", b"ACK", b"CANCEL", b"PRACK", b"SIP/2.0 200"):
        assert all(rates.known("party", "192.0.2.1", method + b" sip:x", NOW) for _ in range(20))
        assert sum(rates.stranger("192.0.2.1", method + b" sip:x", NOW) for _ in range(60)) <= 40


def test_strangers_dont_crowd_parties_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_BUCKETS", 10)
    one = Rate(per_second=1, burst=1)
    rates = Rates(Requests(party=Pace(register=one, invite=one, options=one, other=one)))
    assert rates.known("party", "192.0.2.1", b"INVITE", NOW)
    for n in range(100):
        rates.stranger(f"198.51.100.{n}", b"INVITE", NOW)
    assert not rates.known("party", "192.0.2.1", b"INVITE", NOW)
    assert len(rates) == 11


# --- parties --------------------------------------------------------------------------------------------------------


def test_a_party_that_registers_too_fast_is_dropped_and_told(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for number in range(6):
            table.pbx.send(alone(table.pbx, "OPTIONS", "sip:x", f"sip:{number}@x"), INSIDE)
    assert [message.status for message in table.pbx.heard()] == [200, 200]
    assert table.edge.status()["too_fast"] == 4
    assert [record.getMessage() for record in caplog.records] == [
        "pbx (127.0.1.1) sends more than requests.party.options: what is over is dropped"
    ]
    table.run(11)
    (told,) = [fact for fact in table.facts if isinstance(fact, Strangers)]
    assert (told.address, told.requests) == (PBX[0], {"too-fast": 4})


def test_calls_over_the_rate_get_503_and_emergencies_pass(table: Table) -> None:
    for _ in range(4):
        table.dial()
    assert len(table.carrier.heard()) == 2
    assert [message.status for message in table.pbx.heard()] == [503, 503]
    table.dial("911")
    assert table.offered().invite.user == "911"


def test_a_call_that_was_refused_for_its_rate_stays_refused(table: Table) -> None:
    made = [table.dial() for _ in range(3)]
    assert table.pbx.heard()[-1].status == 503
    table.run(10)
    table.pbx.send(made[-1].invite, INSIDE)
    assert [message.status for message in table.pbx.heard()] == [503]


def test_calls_go_on_and_end_whatever_the_rate(table: Table) -> None:
    dialog, _ = table.connect()
    for _ in range(5):
        table.dial()
    table.hang_up(dialog)
    assert "ended bye-caller" in table.told()


def test_other_parties_arent_touched(table: Table) -> None:
    for number in range(6):
        table.pbx.send(alone(table.pbx, "OPTIONS", "sip:x", f"sip:{number}@x"), INSIDE)
    table.carrier.send(alone(table.carrier, "OPTIONS", "sip:x", "sip:1@x"), ("127.0.0.1", 5080))
    assert [message.status for message in table.carrier.heard()] == [200]


# --- accounts -------------------------------------------------------------------------------------------------------


def test_an_account_that_calls_too_fast(tmp_path: Path) -> None:
    """Two INVITEs of each call come: without and with the password; the first of all is a stranger's."""
    table = made(tmp_path, more="[requests.account]\ninvite = { per_second = 1, burst = 4 }")
    phone, who = table.seat("phone", PHONE), login()
    for _ in range(3):
        log_in(phone, who)
    assert len(table.carrier.heard()) == 3
    late = dial(phone)
    assert phone.expect(503, call_id=late.call_id)
    assert table.edge.status()["too_fast"] == 1


def test_one_account_fills_no_more_than_its_share(tmp_path: Path) -> None:
    table = made(tmp_path, more="[requests]\nhalf_open_account = 2")
    phone, other = table.seat("phone", PHONE), table.seat("other", ("127.0.4.2", 5062))
    for _ in range(3):
        made_call = log_in(phone, login())
    assert phone.expect(503, call_id=made_call.call_id)
    assert len(table.carrier.heard()) == 2
    log_in(other, login("1002"))
    assert len(table.carrier.heard()) == 1
    table.run(200)
    assert table.edge._edge.early == {}


# --- a crowd of strangers -------------------------------------------------------------------------------------------

LATE, FAR_TOO_LATE = 150_000, 600_000
"""How long datagrams have waited, microseconds."""


@pytest.fixture
def crowd(tmp_path: Path) -> Table:
    """Most of what waits to be read is strangers'."""
    table = made(tmp_path)
    for number in range(20):
        dial(table.seat(f"s{number}", (f"127.0.3.{number + 10}", 5062)))
    return table


def test_where_strangers_crowd_they_arent_read_and_calls_go_on(crowd: Table) -> None:
    crowd.edge.waited(LATE)
    dial(crowd.stranger)
    crowd.dial()
    assert crowd.stranger.heard() == []
    assert len(crowd.carrier.heard()) == 1
    assert crowd.edge.status()["crowded"] == 1
    crowd.edge.waited(0)
    dial(crowd.stranger)
    assert [message.status for message in crowd.stranger.heard()] == [407]


def test_a_crowd_keeps_neither_accounts_nor_emergencies_out(crowd: Table) -> None:
    phone, other = crowd.seat("phone", PHONE), crowd.seat("other", ("127.0.4.9", 5062))
    log_in(phone, login())
    crowd.carrier.heard()
    crowd.edge.waited(LATE)
    log_in(phone, login())
    log_in(other, login("1002"), "911")
    assert [message.uri.partition("@")[0] for message in crowd.carrier.heard()] == ["sip:+12125550143", "sip:911"]


def test_where_that_doesnt_help_calls_are_refused(crowd: Table) -> None:
    crowd.edge.waited(FAR_TOO_LATE)
    crowd.dial()
    assert crowd.pbx.heard()[-1].status == 503


def test_where_most_are_known_calls_are_refused_at_once(tmp_path: Path) -> None:
    table = made(tmp_path)
    dial(table.stranger)
    for _ in range(5):
        table.dial()
    table.edge.waited(LATE)
    table.dial()
    assert table.pbx.heard()[-1].status == 503


def test_a_crowd_of_a_while_ago_is_none(crowd: Table) -> None:
    for _ in range(8):
        crowd.edge.waited(0)
    crowd.edge.waited(LATE)
    crowd.dial()
    assert crowd.pbx.heard()[-1].status == 503
