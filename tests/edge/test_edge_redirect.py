"""Sources that are told where to send their calls: the 302, what is held, and what is left after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import CALLER, INSIDE, NUMBER, Table

from ringfence.engine.live import cut_call
from ringfence.model import Decided, Ended, MeterKey
from ringfence.testing.peer import Call, call
from ringfence.testing.wire import Sip

HOLD_S = 600
REDIRECT = f"redirect = {{ hold_s = {HOLD_S} }}"
ID, SHOWN, LONGEST = "X-Ringfence-Call", "X-Ringfence-Caller", "X-Ringfence-Seconds"


def table_of(tmp_path: Path, more: str = "", **policy: object) -> Table:
    return Table(tmp_path, source=f"{REDIRECT}\n{more}", directions='["out"]', deliver_to="", **policy)  # type: ignore[arg-type]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return table_of(tmp_path)


def moved(table: Table, made: Call) -> Sip:
    answer = table.pbx.expect(302, call_id=made.call_id)
    made.ack_refusal(answer)
    return answer


def test_the_judged_number_comes_back_and_the_call_is_held(table: Table) -> None:
    made = table.dial("12125550143")
    answer = moved(table, made)
    (fact,) = table.facts
    assert isinstance(fact, Decided)
    assert answer.all("Contact") == ["<sip:+12125550143@127.0.2.1:5090>;q=1.0"]
    assert (answer.value(ID), answer.all(LONGEST)) == (fact.attempt.id, [])
    assert (table.carrier.heard(), table.slots, table.attempts) == ([], 1, 1)
    table.run(60)
    status = table.edge.status()
    assert (status["transactions"], status["waiting"], status["redirected"], table.pbx.heard()) == (0, 0, 1, [])
    assert table.slots == 1


def test_nobody_tells_its_end(table: Table) -> None:
    moved(table, table.dial())
    table.run(HOLD_S - 1)
    assert table.slots == 1
    table.run(2)
    assert (table.slots, table.told()) == (0, ["decided", "ended presumed"])
    ended = table.facts[-1]
    assert isinstance(ended, Ended)
    assert ended.talked_s == HOLD_S


def test_the_answer_is_repeated_until_it_is_acknowledged(table: Table) -> None:
    made = table.dial()
    table.run(4)
    repeats = [message for message in table.pbx.heard() if message.status == 302]
    assert len(repeats) == 4
    made.ack_refusal(repeats[0])
    table.run(40)
    assert (table.pbx.heard(), table.slots) == ([], 1)


def test_a_repeated_invite_is_one_call(table: Table) -> None:
    made = table.dial()
    table.pbx.send(made.invite, INSIDE)
    assert (len(table.pbx.heard()), table.slots, table.attempts) == (2, 1, 1)


def test_a_refusal_is_one(table: Table) -> None:
    made = table.dial("0115372041000")
    made.ack_refusal(table.pbx.expect(603))
    assert (table.slots, table.told()) == (0, ["decided"])


def test_the_cap_holds(tmp_path: Path) -> None:
    table = table_of(tmp_path, trunk="concurrent = { block = 2 }")
    for _ in range(2):
        moved(table, table.dial())
    table.dial()
    assert table.pbx.expect(480)
    table.run(HOLD_S + 1)
    moved(table, table.dial())


def test_several_addresses_in_order(tmp_path: Path) -> None:
    table = table_of(tmp_path, two_addresses=True, trunk='tech_prefix = "91"\ndial_format = "E164"')
    assert moved(table, table.dial()).all("Contact") == [
        "<sip:9112125550143@127.0.2.1:5090>;q=1.0",
        "<sip:9112125550143@127.0.2.1:5091>;q=0.9",
    ]


def test_a_later_trunk_is_judged_where_the_first_has_no_address(tmp_path: Path) -> None:
    table = table_of(tmp_path, send_to='"sip:unknown.example"', two_trunks=True)
    answer = moved(table, table.dial())
    assert answer.all("Contact") == [f"<sip:77{NUMBER}@127.0.2.2:5090>;q=1.0"]
    assert (table.slots, table.slots_of("second")) == (0, 1)


def test_what_no_contact_can_say_is_in_headers(tmp_path: Path) -> None:
    table = table_of(tmp_path, "max_call_s = 120", trunk='from_format = "E164"')
    answer = moved(table, table.dial(NUMBER, "+12125550123"))
    assert (answer.value(SHOWN), answer.value(LONGEST)) == ("12125550123", "120")


def test_emergency_calls_are_told_where_to_go_over_every_cap(tmp_path: Path) -> None:
    table = table_of(tmp_path, trunk="concurrent = { block = 1 }")
    moved(table, table.dial())
    answer = moved(table, table.dial("911", "unknown"))
    assert answer.all("Contact") == ["<sip:911@127.0.2.1:5090>;q=1.0"]
    assert answer.value(SHOWN) == CALLER


def test_an_emergency_service_is_the_number_that_it_has_there(table: Table) -> None:
    made = call(table.pbx, INSIDE, "sos", CALLER, uri="urn:service:sos")
    assert moved(table, made).all("Contact") == ["<sip:911@127.0.2.1:5090>;q=1.0"]


def test_a_cancel_that_crosses_the_answer_changes_nothing(table: Table) -> None:
    made = table.dial()
    made.cancel()
    assert table.pbx.expect(200, method="CANCEL")
    assert (table.slots, table.told()) == (1, ["decided"])


def test_who_gives_up_before_the_answer_holds_nothing(table: Table) -> None:
    table.held_back = True
    made = table.dial()
    made.cancel()
    table.commit()
    made.ack_refusal(table.pbx.expect(487))
    assert (table.slots, table.told()) == (0, ["decided", "ended cancelled"])


def test_it_cannot_be_cut(table: Table) -> None:
    """Whatever is found out about it later: it isn't in our hands, and stays counted."""
    moved(table, table.dial())
    (live,) = table.engine.calls.values()
    assert (cut_call(live, "suspicious-call", "x"), table.slots) == ([], 1)


STREAMS = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[listen.outside]
bind = "127.0.0.1:5080"
transport = "tcp"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:sbc.carrier.example;transport=tcp", "sip:127.0.2.1:5090"]
[source.sbc]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
redirect = {}
"""


def test_names_stay_names_and_the_transport_is_said(tmp_path: Path) -> None:
    """A certificate is known by the name, and two addresses of a name are one Contact."""
    table = Table(tmp_path, whole=STREAMS)
    (name,) = table.edge.names()
    table.edge.resolved(name, (("127.0.2.1", 5060), ("127.0.2.1", 5061)))
    assert moved(table, table.dial()).all("Contact") == [
        f"<sip:{NUMBER}@sbc.carrier.example;transport=tcp>;q=1.0",
        f"<sip:{NUMBER}@127.0.2.1:5090;transport=tcp>;q=0.9",
    ]


def test_a_secure_call_is_told_no_way_that_is_not(table: Table) -> None:
    made = call(table.pbx, INSIDE, NUMBER, CALLER, uri=f"sips:{NUMBER}@127.0.0.1")
    made.ack_refusal(table.pbx.expect(500))
    assert table.slots == 0


# --- money ----------------------------------------------------------------------------------------------------------

RATES = """prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,United States,0,0.06,60,60,
"""
BILLED = 'billing = { rates = "rates.csv", currency = "USD" }\nspend = { total = { per_day = 1.20 } }'


def priced(tmp_path: Path) -> Table:
    (tmp_path / "rates.csv").write_text(RATES)
    return table_of(tmp_path, trunk=BILLED)


def money(table: Table) -> int:
    return table.engine.meters.read(MeterKey("trunk", "carrier", "money", "", 86_400), table.now)


def test_money_for_the_whole_hold_is_reserved_or_the_call_is_refused(tmp_path: Path) -> None:
    table = priced(tmp_path)
    for spent in (600_000, 1_200_000):
        moved(table, table.dial())
        assert money(table) == spent
    table.dial()
    assert table.pbx.expect(480)
    table.run(HOLD_S + 1)
    assert money(table) == 1_200_000, "what nobody tells is taken to have lasted so long"


@pytest.mark.parametrize(("talked_s", "cost"), [(0, 0), (61, 120_000), (HOLD_S + 60, 660_000)])
def test_what_is_told_settles_it(tmp_path: Path, talked_s: int, cost: int) -> None:
    table = priced(tmp_path)
    moved(table, table.dial())
    (id,) = table.engine.calls
    table.run(5)
    table.note(Ended(at=table.now, id=id, cause="told", talked_s=talked_s))
    assert (table.slots, money(table)) == (0, cost)
    table.run(HOLD_S)
    assert (table.told(), money(table)) == (["decided", "ended told"], cost)


# --- after a crash --------------------------------------------------------------------------------------------------


def test_a_crash_forgets_no_held_call(tmp_path: Path) -> None:
    table = priced(tmp_path)
    moved(table, table.dial())
    began = table.now
    table.restart()
    assert (table.slots, money(table), [live.redirect_s for live in table.engine.calls.values()]) == (
        1,
        600_000,
        [HOLD_S],
    )
    table.run((began - table.now) / 1e6 + HOLD_S - 1)
    assert table.slots == 1
    table.run(2)
    assert (table.slots, table.told(), table.edge.status()["orphans"]) == (0, ["decided", "ended presumed"], 0)


def test_who_did_not_hear_the_answer_asks_again_and_is_the_same_call(table: Table) -> None:
    table.lost.add("pbx")
    made = table.dial()
    table.lost.clear()
    table.restart()
    table.pbx.send(made.invite, INSIDE)
    moved(table, made)
    assert (table.slots, len({f.attempt.id for f in table.facts if isinstance(f, Decided)})) == (1, 1)
    table.pbx.send(made.invite, INSIDE)
    table.run(HOLD_S + 1)
    assert table.slots == 0


def test_the_same_dialog_again_later_is_another_call(table: Table) -> None:
    """A phone behind the SBC could make many calls with one Call-ID; each counts."""
    made = table.dial()
    moved(table, made)
    table.run(40)
    made.again()
    moved(table, made)
    assert table.slots == 2


def test_a_cancel_of_one_from_before_is_no_concern_of_the_carrier(table: Table) -> None:
    made = table.dial()
    table.restart()
    table.pbx.heard()
    made.cancel()
    assert table.pbx.expect(481, method="CANCEL")
    assert (table.carrier.heard(), table.slots) == ([], 1)
