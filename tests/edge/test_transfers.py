"""REFER: whoever it asks to place a call, the number is judged first, counted, and charged to the source (C10)."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import CARRIER, INSIDE, NUMBER, OUTSIDE, Table

from ringfence.engine.live import cut_call
from ringfence.model import Answered, Attempt, Cut, Decided, MeterKey
from ringfence.policy import Loader
from ringfence.sip.address import parse_address
from ringfence.testing import wire
from ringfence.testing.peer import Dialog, Leg, alone, answer_ok, call, leg, response_to
from ringfence.testing.wire import Sip

HOME, AWAY = wire.host_port(INSIDE), wire.host_port(CARRIER)
CUBA, DID, STRANGER = "+5378345678", "+12125550123", "+13105550199"
JUDGE = 'transfers = "judge"'
FORWARDS = 'caller_id_policy = "owned_or_forwarded"'
SIPFRAG = ("Content-Type", "message/sipfrag")


@pytest.fixture(params=["transparent", "own"])
def table(tmp_path: Path, request: pytest.FixtureRequest) -> Table:
    """The carrier may be asked to place calls, and so may the PBX."""
    return Table(tmp_path, trunk=f'{JUDGE}\nidentity = "{request.param}"', source=f"{JUDGE}\n{FORWARDS}")


def called_in(table: Table) -> tuple[Dialog, Leg]:
    """A call from outside that is up: the carrier's side, and the PBX's."""
    made = call(table.carrier, OUTSIDE, DID, STRANGER)
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.answer()
    dialog = made.confirm(table.carrier.expect(200, call_id=made.call_id))
    table.pbx.expect("ACK")
    return dialog, offered


def asked(party: Dialog, to: str, *headers: tuple[str, str]) -> None:
    party.send("REFER", ("Refer-To", to), *headers)


def attempts(table: Table) -> list[Decided]:
    return [fact for fact in table.facts if isinstance(fact, Decided) and fact.attempt.transfer]


def attempt(table: Table) -> Attempt:
    (decided,) = attempts(table)
    return decided.attempt


def passed(table: Table) -> Sip:
    """The REFER as the carrier gets it, taken by it."""
    refer = table.carrier.expect("REFER")
    table.carrier.send(response_to(refer, 202, "Accepted"), refer.origin)
    assert table.pbx.expect(202, method="REFER")
    return refer


def notifies(party: Dialog, text: str, state: str = "active;expires=60") -> None:
    message = party.request("NOTIFY", ("Event", "refer"), ("Subscription-State", state), body=f"{text}\r\n")
    party.peer.send(message.having(SIPFRAG), party.next_hop)


# --- not permitted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("inbound", [False, True])
def test_a_transfer_is_refused_unless_the_policy_says_otherwise(tmp_path: Path, inbound: bool, mode: str) -> None:
    """From either side of either call; also in observe mode; and the ledger has it."""
    table = Table(tmp_path, source=f'{FORWARDS}\nmode = "{mode}"')
    dialog, offered = called_in(table) if inbound else table.connect()
    for party, other in ((dialog, offered.peer), (offered, dialog.peer)):
        asked(party, f"<sip:{NUMBER}@{HOME}>")
        final = party.peer.expect(603, method="REFER")
        assert final.value("Reason") == 'SIP;cause=603;text="Transfer Not Allowed"'
        assert other.heard() == []
    assert [fact.verdict.reason for fact in attempts(table)] == ["transfer-not-permitted"] * 2
    assert [fact.attempt.source for fact in attempts(table)] == ["pbx"] * 2
    assert table.slots == (0 if inbound else 1)


@pytest.mark.parametrize("who", ["carrier", "pbx"])
def test_outside_a_call_it_is_refused(table: Table, who: str) -> None:
    peer, via = (table.pbx, INSIDE) if who == "pbx" else (table.carrier, OUTSIDE)
    message = alone(peer, "REFER", f"sip:{NUMBER}@{wire.host_port(via)}", "sip:x@y", ("Refer-To", f"<sip:{CUBA}@x>"))
    peer.send(message, via)
    assert peer.expect(603, method="REFER")
    assert attempts(table) == []


def test_a_stranger_transfers_nobody(table: Table) -> None:
    dialog, _ = called_in(table)
    table.stranger.send(dialog.request("REFER", ("Refer-To", f"<sip:{NUMBER}@x>")), OUTSIDE)
    assert (table.stranger.heard(), table.pbx.heard(), attempts(table)) == ([], [], [])


# --- blind, by the carrier ------------------------------------------------------------------------------------------


def test_a_blind_transfer_by_the_carrier(table: Table) -> None:
    """Whoever called in is handed on to a number: judged, charged to whose call it was, counted until its end."""
    dialog, offered = called_in(table)
    asked(offered, "<sip:2125550143@evil.example;transport=tcp?Subject=x>")
    refer = passed(table)
    assert refer.value("Refer-To") == f"<sip:{NUMBER}@{AWAY}>"
    assert refer.uri == wire.uri_of(table.carrier.contact)
    one = attempt(table)
    assert (one.dialled, one.trunk, one.transfer, one.extension, one.extension_is) == (
        "2125550143", "carrier", "carrier", DID, "forwarder",
    )  # fmt: skip
    assert table.slots == 1
    notifies(dialog, "SIP/2.0 100 Trying")
    answer_ok(table.pbx, table.pbx.expect("NOTIFY"))
    notifies(dialog, "SIP/2.0 200 OK", "terminated;reason=noresource")
    answer_ok(table.pbx, table.pbx.expect("NOTIFY"))
    offered.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert table.slots == 1, "the carrier's own call goes on"
    table.run(4 * 3600 + 60)
    assert (table.slots, table.told()[-1]) == (0, "ended longest-call")


def test_notify_passes_when_the_call_is_over(table: Table) -> None:
    """The transferor hangs up at once, and hears all the same what came of it."""
    dialog, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    offered.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    table.pbx.expect(200, method="BYE")
    notifies(dialog, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    answer_ok(table.pbx, table.pbx.expect("NOTIFY"))
    assert table.carrier.expect(200, method="NOTIFY")
    assert (table.slots, table.facts[-1].cause, table.facts[-1].status) == (0, "rejected", 486)  # type: ignore[union-attr]
    notifies(dialog, "SIP/2.0 200 OK")
    assert table.carrier.expect(481, method="NOTIFY"), "nothing is left of it"
    assert table.edge.status()["dialogs"] == 0


@pytest.mark.parametrize(
    ("text", "state", "slots"),
    [
        ("SIP/2.0 100 Trying", "active", 1),
        ("SIP/2.0 180 Ringing", "active", 1),
        ("SIP/2.0 200 OK", "terminated", 1),
        ("SIP/2.0 404 Not Found", "terminated", 0),
        ("SIP/2.0 503 X", "active", 0),
        ("nonsense", "terminated", 1),
        ("", "active", 1),
    ],
)
def test_what_a_notify_says_of_the_call(table: Table, text: str, state: str, slots: int) -> None:
    dialog, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    notifies(offered, "SIP/2.0 404 X", "terminated")
    answer_ok(table.carrier, table.carrier.expect("NOTIFY"))
    assert table.slots == 1, "whoever asked can't say that it failed"
    notifies(dialog, text, state)
    answer_ok(table.pbx, table.pbx.expect("NOTIFY"))
    assert table.slots == slots


def test_a_carrier_that_refuses_it(table: Table) -> None:
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    refer = table.carrier.expect("REFER")
    assert table.slots == 1
    table.carrier.send(response_to(refer, 405, "Method Not Allowed"), refer.origin)
    assert table.pbx.expect(405, method="REFER")
    assert (table.slots, table.told()[-1]) == (0, "ended rejected")
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    assert table.carrier.expect("REFER"), "another may be tried"


def test_a_carrier_that_is_silent(table: Table) -> None:
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    table.run(40)
    assert (table.slots, table.told()[-1]) == (0, "ended rejected")


TARGETS = [
    ("<sip:+5378345678@x>", "destination-not-permitted"),
    ("<sip:78345678;phone-context=+53@x>", "destination-not-permitted"),
    ("<tel:+53-7-834-5678>", "destination-not-permitted"),
    ("<sip:+19005550143@x>", "special-kind"),
    ("<sip:102@pbx.example>", "unusable-number"),
    ("<sip:alice@example.com>", "unusable-number"),
    ("<sip:pbx.example>", "unusable-number"),
    (f"<sip:{NUMBER}@x;method=MESSAGE>", "unusable-number"),
    (f"<sips:{NUMBER}@x>", "unusable-number"),
    ("<http://evil.example/12125550143>", "unusable-number"),
    ("<cid:12125550143@x>", "unusable-number"),
    ("<urn:uuid:1>", "unusable-number"),
    ("<sip:+1212%400143@x>", "unusable-number"),
    (f"<sip:{NUMBER}%00@x>", "unusable-number"),
]


@pytest.mark.parametrize(("target", "reason"), TARGETS)
@pytest.mark.parametrize("by", ["carrier", "source"])
def test_what_may_not_be_called_is_refused(table: Table, target: str, reason: str, by: str) -> None:
    dialog, offered = called_in(table)
    asker, placer = (offered, table.carrier) if by == "carrier" else (dialog, table.pbx)
    asked(asker, target)
    assert asker.peer.expect(603, method="REFER")
    (decided,) = attempts(table)
    assert (decided.attempt.transfer, decided.verdict.reason) == (by, reason)
    assert (placer.heard(), table.slots, table.edge.status()["refused"]) == ([], 0, 1)


@pytest.mark.parametrize("headers", [[], [("Refer-To", "<sip:x@y>, <sip:z@y>")], [("Refer-To", "<sip:x y@z>")]])
def test_one_that_cannot_be_read_is_400(table: Table, headers: list[tuple[str, str]]) -> None:
    _, offered = called_in(table)
    offered.send("REFER", *headers)
    assert table.pbx.expect(400, method="REFER")
    assert (table.carrier.heard(), attempts(table)) == ([], [])


@pytest.mark.parametrize(
    ("said", "extension", "naming"),
    [
        ("<sip:101@pbx>", "101", "forwarder"),
        ("<sip:+12125550177@pbx>", "+12125550177", "forwarder"),
        ("<sip:+18765550100@elsewhere>", DID, "forwarder"),
        ("<sip:1 1@pbx>", DID, "forwarder"),
    ],
)
def test_who_transfers_is_charged(table: Table, said: str, extension: str, naming: str) -> None:
    """The source says for whom (Referred-By); it can name nobody but its own."""
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>", ("Referred-By", said))
    assert (attempt(table).extension, attempt(table).extension_is) == (extension, naming)


def test_the_caps_of_who_transfers_count(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk=JUDGE, source=f"{FORWARDS}\nper_caller.concurrent.block = 1")
    for number in (NUMBER, "+12125550144"):
        _, offered = called_in(table)
        asked(offered, f"<sip:{number}@{HOME}>", ("Referred-By", "<sip:101@pbx>"))
    assert [fact.verdict.outcome for fact in attempts(table)] == ["allow", "deny"]
    assert table.pbx.expect(480, method="REFER")


def test_a_call_that_we_placed_is_not_left_to_the_carrier(table: Table) -> None:
    """It would go on at our cost, and nobody would tell us of its end."""
    dialog, _ = table.connect()
    asked(dialog, f"<sip:+12125550144@{HOME}>")
    assert table.pbx.expect(603, method="REFER")
    (decided,) = attempts(table)
    assert (decided.attempt.transfer, decided.verdict.reason) == ("both", "transfer-not-permitted")


def test_one_transfer_at_a_time(table: Table) -> None:
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    assert table.pbx.expect(491, method="REFER")
    assert len(attempts(table)) == 1


def test_a_ringing_call_is_not_transferred(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    early = made.dialog(table.pbx.expect(180))
    asked(early, f"<sip:{NUMBER}@{HOME}>")
    assert table.pbx.expect(491, method="REFER")


def test_a_verdict_that_comes_too_late_sends_nothing(table: Table) -> None:
    _, offered = called_in(table)
    table.held_back = True
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    table.run(5)
    assert table.pbx.expect(503, method="REFER")
    table.commit()
    assert (table.carrier.heard(), table.slots, table.told()[-1]) == ([], 0, "ended lost")


def test_a_call_that_ends_before_the_verdict_is_transferred_nowhere(table: Table) -> None:
    _, offered = called_in(table)
    table.held_back = True
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    offered.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    table.commit()
    assert table.pbx.expect(481, method="REFER")
    assert (table.carrier.heard(), table.slots, table.told()[-1]) == ([], 0, "ended lost")


@pytest.mark.parametrize("when", ["asked", "accepted"])
def test_cutting_it_ends_the_count(table: Table, when: str) -> None:
    _, offered = called_in(table)
    table.held_back = when == "asked"
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    if when == "accepted":
        passed(table)
    table.obey((Cut(attempt(table).id, "", "operator", "ordered"),))
    table.settle()
    table.commit()
    assert (table.told()[-1], table.pbx.heard() == []) == (
        ("ended operator", True) if when == "accepted" else ("ended lost", False)
    )
    assert (table.slots, [m.method for m in table.carrier.heard()]) == (0, [])


def test_it_counts_on_after_a_restart(table: Table) -> None:
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    assert [fact.leg for fact in table.facts if isinstance(fact, Answered)][-1] == "transfer"
    table.restart()
    assert table.slots == 1
    table.run(4 * 3600 + 60)
    assert table.slots == 0


# --- attended, by the carrier ---------------------------------------------------------------------------------------


def replacing(number: str, dialog: Dialog) -> str:
    """Refer-To with the call whose far end is at the carrier: `to-tag` is that end's."""
    theirs, ours = wire.tag_of(dialog.remote), wire.tag_of(dialog.local)
    value = f"{dialog.call_id};to-tag={theirs};from-tag={ours}"
    escaped = value.replace("@", "%40").replace(";", "%3B").replace("=", "%3D")
    return f"<sip:{number}@{HOME}?Replaces={escaped}&Require=replaces>"


def test_an_attended_transfer_by_the_carrier(table: Table) -> None:
    """Whoever called in is joined with whom the PBX called: the number is the one that call was judged by."""
    consulted, answering = table.connect()
    _, offered = called_in(table)
    asked(offered, replacing(CUBA, consulted))
    refer = passed(table)
    sent = parse_address(refer.value("Refer-To").encode())
    assert sent.uri.replace(headers=()).to_bytes().decode() == wire.uri_of(table.carrier.contact)
    assert sent.uri.headers == (
        (
            "replaces",
            f"{answering.call_id};to-tag={wire.tag_of(consulted.remote)};from-tag={wire.tag_of(consulted.local)}",
        ),
    )
    assert (attempt(table).dialled, attempt(table).transfer) == (NUMBER, "carrier")
    assert table.slots == 2
    table.hang_up(consulted)
    assert table.slots == 1


def test_the_call_that_came_in_may_be_the_one_that_is_named(table: Table) -> None:
    consulted, _ = table.connect()
    _, offered = called_in(table)
    asked(consulted, replacing(STRANGER, offered))
    passed(table)
    assert (attempt(table).dialled, attempt(table).transfer) == (NUMBER, "carrier")


def test_two_calls_that_cost_are_not_left_to_the_carrier(table: Table) -> None:
    first, _ = table.connect()
    second, _ = table.connect(table.dial("+12125550144"))
    asked(first, replacing(NUMBER, second))
    assert table.pbx.expect(603, method="REFER")
    assert attempt(table).transfer == "both"


def test_two_calls_that_came_in_have_no_number(table: Table) -> None:
    _, first = called_in(table)
    _, second = called_in(table)
    asked(first, replacing(NUMBER, second))
    assert table.pbx.expect(603, method="REFER")
    assert attempts(table)[0].verdict.reason == "unusable-number"


@pytest.mark.parametrize("wrong", ["tags", "call", "side", "nonsense"])
def test_a_call_that_is_not_known_replaces_nothing(table: Table, wrong: str) -> None:
    consulted, answering = table.connect()
    dialog, offered = called_in(table)
    named = {
        "tags": replacing(NUMBER, consulted).replace("to-tag%3D", "to-tag%3Dx"),
        "call": replacing(NUMBER, consulted).replace("Replaces=", "Replaces=x"),
        "nonsense": f"<sip:{NUMBER}@x?Replaces=%20>",
        "side": replacing(NUMBER, answering),
    }
    asked(offered, named[wrong])
    assert table.pbx.expect(603, method="REFER")
    assert attempts(table)[0].verdict.reason == "unusable-number"
    assert dialog.peer.heard() == []


# --- by the source --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inbound", [True, False])
def test_a_transfer_by_the_source_is_asked_about_again(table: Table, inbound: bool) -> None:
    """The carrier's side has the PBX call somebody: the REFER holds nothing, the PBX's INVITE is a call of its own."""
    dialog, offered = called_in(table) if inbound else table.connect()
    party = dialog if inbound else offered
    before = table.slots
    asked(party, f"<sip:2125550144@{AWAY};user=phone?Subject=x>", ("Referred-By", "<sip:101@pbx>"))
    refer = table.pbx.expect("REFER")
    assert refer.value("Refer-To") == f"<sip:2125550144@{HOME}>"
    assert table.slots == before + 1
    table.pbx.send(response_to(refer, 202, "Accepted"), refer.origin)
    assert table.carrier.expect(202, method="REFER")
    assert (table.slots, table.told()[-1]) == (before, "ended transferred")
    first = attempt(table)
    assert (first.transfer, first.extension) == ("source", DID if inbound else "+12125550100"), (
        "the carrier names nobody"
    )
    table.dial("+12125550144", "+12125550100")
    table.carrier.expect("INVITE")
    again = [fact for fact in table.facts if isinstance(fact, Decided)][-1].attempt
    assert (again.transfer_of, again.transfer, table.slots) == (first.id, "", before + 1)
    table.dial("+12125550144", "+12125550100")
    assert [fact for fact in table.facts if isinstance(fact, Decided)][-1].attempt.transfer_of == ""


def test_what_the_source_places_later_is_its_own_call(table: Table) -> None:
    dialog, _ = called_in(table)
    asked(dialog, f"<sip:+12125550144@{AWAY}>")
    refer = table.pbx.expect("REFER")
    table.pbx.send(response_to(refer, 202, "Accepted"), refer.origin)
    table.run(61)
    table.dial("+12125550144")
    assert [fact for fact in table.facts if isinstance(fact, Decided)][-1].attempt.transfer_of == ""


def test_an_attended_transfer_by_the_source(table: Table) -> None:
    """What it replaces is between the PBX and the far side; where it goes is the number."""
    dialog, _ = called_in(table)
    asked(dialog, f"<sip:{NUMBER}@x?Replaces=a%40b%3Bto-tag%3Dc%3Bfrom-tag%3Dd&Route=%3Csip:evil%3E>")
    assert table.pbx.expect("REFER").value("Refer-To") == (
        f"<sip:{NUMBER}@{HOME}?Replaces=a%40b%3Bto-tag%3Dc%3Bfrom-tag%3Dd>"
    )
    assert attempt(table).dialled == NUMBER


@pytest.mark.parametrize("by", ["carrier", "source"])
def test_emergency_numbers(table: Table, by: str) -> None:
    """The PBX may hand on a caller; nobody outside has the PBX call the police."""
    dialog, offered = called_in(table)
    asked(offered if by == "carrier" else dialog, "<sip:911@x>")
    (decided,) = attempts(table)
    assert decided.verdict.outcome == ("allow" if by == "carrier" else "deny")


def test_an_emergency_call_that_the_carrier_places_is_counted_for_four_hours(table: Table) -> None:
    """Nobody tells its end; it would be in progress for ever."""
    _, offered = called_in(table)
    asked(offered, "<sip:911@x>")
    refer = table.carrier.expect("REFER")
    table.carrier.send(response_to(refer, 202, "Accepted"), refer.origin)
    (id,) = [fact.attempt.id for fact in attempts(table)]
    table.run(4 * 3600 - 60)
    assert id in table.engine.calls
    table.run(120)
    assert id not in table.engine.calls


# --- money of what the carrier places -------------------------------------------------------------------------------

RATES = """prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,United States,0,0.06,60,60,
"""
LONGEST_S, WHOLE = 600, 600_000
"""A call of ten minutes, and its price in millionths."""


def priced(tmp_path: Path, per_day: str = "1.00") -> Table:
    (tmp_path / "rates.csv").write_text(RATES)
    billed = f'billing = {{ rates = "rates.csv", currency = "USD" }}\nspend = {{ total = {{ per_day = {per_day} }} }}'
    return Table(tmp_path, trunk=f"{JUDGE}\n{billed}\nmax_call_s = {LONGEST_S}", source=f"{JUDGE}\n{FORWARDS}")


def money(table: Table) -> int:
    return table.engine.meters.read(MeterKey("trunk", "carrier", "money", "", 86_400), table.now)


def test_all_that_it_may_cost_is_reserved_before_the_carrier_hears_of_it(tmp_path: Path) -> None:
    table = priced(tmp_path)
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    assert money(table) == WHOLE
    passed(table)
    table.run(LONGEST_S - 1)
    assert (money(table), table.slots) == (WHOLE, 1)
    table.run(2)
    assert (money(table), table.slots, table.told()[-1]) == (WHOLE, 0, "ended longest-call")


def test_one_that_could_go_over_a_cap_is_refused(tmp_path: Path) -> None:
    table = priced(tmp_path, per_day="0.59")
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    assert table.pbx.expect(480, method="REFER")
    assert (money(table), table.slots, table.carrier.heard()) == (0, 0, [])


def test_what_failed_gives_back_all_but_its_first_increment(tmp_path: Path) -> None:
    table = priced(tmp_path)
    dialog, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    notifies(dialog, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    assert (money(table), table.slots) == (60_000, 0)


def test_after_a_restart_it_is_still_reserved(tmp_path: Path) -> None:
    table = priced(tmp_path)
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    table.restart()
    assert (money(table), table.slots) == (WHOLE, 1)
    table.run(LONGEST_S + 1)
    assert (money(table), table.slots) == (WHOLE, 0)


def test_a_shorter_policy_does_not_shorten_what_is_with_the_carrier(tmp_path: Path) -> None:
    table = priced(tmp_path)
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    path = tmp_path / "policy.toml"
    path.write_text(path.read_text().replace(f"max_call_s = {LONGEST_S}", "max_call_s = 60"))
    table.engine.use(Loader(str(path)).load().policy)
    table.run(LONGEST_S - 1)
    assert (money(table), table.slots) == (WHOLE, 1)


def test_containment_does_not_end_the_count_of_what_goes_on(tmp_path: Path) -> None:
    table = priced(tmp_path)
    _, offered = called_in(table)
    asked(offered, f"<sip:{NUMBER}@{HOME}>")
    passed(table)
    (live,) = table.engine.calls.values()
    assert cut_call(live, "contained", "contained") == []
