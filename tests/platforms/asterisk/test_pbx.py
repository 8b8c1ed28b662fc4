"""What an Asterisk's events mean: calls asked about once, answered, ended once; what nobody asked about is hung up."""

from __future__ import annotations

import pytest
from amikit import messages
from pbxkit import Played, begin, end, event, hangup, listed, pbx

from ringfence.model.attempt import Attempt
from ringfence.platforms.asterisk import calls
from ringfence.platforms.asterisk.effects import Note

ABROAD = "01137120000000"


def call_up() -> tuple[Played, Attempt]:
    """A call that is up."""
    played = Played(pbx()).take(begin(), end())
    return played, played.asked[0]


# --- recorded sessions ---------------------------------------------------------------------------------------------


def test_a_recorded_call_is_asked_once_answered_and_ended() -> None:
    played = Played(pbx()).take(*messages("minimal-user-one-call"))
    (attempt,) = played.asked
    assert (attempt.extension, attempt.extension_is, attempt.trunk) == ("1001", "account", "carrier")
    assert [told for told in played.told() if "Registered" not in told] == [
        *("Answered 1795323489.1289", "Ended 1795323489.1289 bye-caller")
    ]
    assert played.hung_up == []
    assert played.pbx.status()["calls"] == 0


def test_a_recorded_call_that_may_not_be_is_hung_up_by_its_caller() -> None:
    played = Played(pbx(), "12125551212").take(*messages("call-killed-by-ami"))
    assert played.hung_up == [("PJSIP/1001-0000001c", 21)]
    assert [told for told in played.told() if told.startswith(("Answered", "Ended"))] == []
    assert played.pbx.status()["calls"] == 0


def test_a_recorded_busy_trunk_ends_the_call_without_an_answer() -> None:
    played = Played(pbx()).take(*messages("call-trunk-rejects-486"))
    assert len(played.asked) == 1
    assert [told for told in played.told() if "Registered" not in told] == ["Ended rejected"]


def test_a_recorded_inbound_call_is_told_and_not_asked_about() -> None:
    played = Played(pbx()).take(*messages("inbound-from-ip-auth-trunk"))
    assert played.asked == []
    (arrived,) = [e.fact for e in played.effects if isinstance(e, Note) and type(e.fact).__name__ == "Arrived"]
    assert (arrived.source, arrived.trunk) == ("office", "carrier")


# --- one attempt ----------------------------------------------------------------------------------------------------


def test_a_number_written_otherwise_is_the_same_and_another_one_is_asked_anew() -> None:
    played = Played(pbx()).take(begin(), end(status="BUSY"), begin(leg="1.2", number="+12125550143"))
    assert len(played.asked) == 1
    played.take(begin(leg="1.3", number="12125550144"))
    assert [attempt.dialled for attempt in played.asked] == ["12125550143", "12125550144"]


def test_the_next_trunk_in_line_is_the_same_attempt_judged_anew() -> None:
    played = Played(pbx(trunk1="first", trunk2="second"))
    played.take(begin(), end(status="CONGESTION"), begin(leg="1.2", trunk="trunk2"), end(leg="1.2"))
    first, second = played.asked
    assert first.id == second.id
    assert (first.trunk, second.trunk) == ("first", "second")
    assert played.wait(60).told() == ["Answered 1.2"]


def test_a_failed_call_is_over_when_the_dial_plan_does_not_try_again() -> None:
    played = Played(pbx()).take(begin(), end(status="BUSY"))
    assert played.told() == []
    assert played.wait(4).told() == ["Ended rejected"]
    assert played.take(hangup("1.1"), hangup("1.0")).told() == ["Ended rejected"]


def test_a_caller_who_gives_up_ends_it_once() -> None:
    played = Played(pbx()).take(begin(), end(status="CANCEL"), hangup("1.1"), hangup("1.0"))
    assert played.wait(60).told() == ["Ended cancelled"]


def test_the_far_end_that_hangs_up_is_told_apart() -> None:
    played, _ = call_up()
    played.take(event("HangupRequest", Uniqueid="1.1"), hangup("1.1"), hangup("1.0"))
    assert played.told()[-1] == "Ended 1.1 bye-callee"


def test_a_second_call_by_the_same_channel_after_the_first_is_asked_anew() -> None:
    played, _ = call_up()
    played.take(hangup("1.1"), begin(leg="1.2"))
    assert len({attempt.id for attempt in played.asked}) == 2


def test_a_call_goes_on_when_who_dialled_leaves_it_to_somebody_else() -> None:
    played, _ = call_up()
    assert played.take(hangup("1.0")).told() == ["Answered 1.1"]
    assert played.take(hangup("1.1")).told()[-1] == "Ended 1.1 bye-caller"


def test_what_the_trunk_wants_before_the_number_is_no_part_of_it() -> None:
    played = Played(pbx(tech_prefix="99#")).take(begin(number="99#12125550143"))
    assert played.asked[0].dialled == "12125550143"


def test_a_call_to_a_phone_is_nobodys_business() -> None:
    assert Played(pbx()).take(begin(trunk="1002"), end(), hangup("1.1"), hangup("1.0")).effects == []


# --- what may not be ------------------------------------------------------------------------------------------------


def test_a_refused_dial_is_hung_up_and_again_when_it_is_tried_again() -> None:
    played = Played(pbx(), "37120000000").take(begin(number=ABROAD))
    assert played.hung_up == [("PJSIP/1001-1.0", 21)]
    played.take(end(status="CANCEL"), begin(leg="1.2", number=f"{ABROAD}"))
    assert played.hung_up == [("PJSIP/1001-1.0", 21)] * 2
    assert len(played.asked) == 1


def test_a_refused_originate_is_hung_up_itself() -> None:
    originated = event(
        "DialBegin",
        DestChannel="PJSIP/trunk1-01",
        DestUniqueid="2.0",
        DestConnectedLineNum="<unknown>",
        DialString=f"{ABROAD}@trunk1",
    )
    played = Played(pbx(), "37120000000").take(originated)
    assert played.hung_up == [("PJSIP/trunk1-01", 21)]
    assert (played.asked[0].extension, played.asked[0].part) == ("", "")


@pytest.mark.parametrize("dialled", ["trunk1", "trunk1/sip:01137120000000@198.51.100.1", "trunk1/01137120000000"])
def test_other_ways_to_write_a_dial_string_are_read(dialled: str) -> None:
    written = event("DialBegin", DestChannel="PJSIP/trunk1-01", DestUniqueid="2.0", DialString=dialled)
    played = Played(pbx(), "37120000000").take(written)
    assert played.asked[0].dialled == (ABROAD if "37120000000" in dialled else "")


def test_a_verdict_that_comes_after_the_answer_still_counts() -> None:
    played = Played(pbx(), late=True).take(begin(), end())
    assert played.told() == []
    played.decide()
    assert played.told() == ["Answered 1.1"]


def test_a_verdict_that_comes_after_the_end_gives_back_what_it_took() -> None:
    played = Played(pbx(), late=True).take(begin(), end(status="CANCEL"), hangup("1.1"), hangup("1.0"))
    played.decide()
    assert played.told() == ["Ended cancelled"]
    assert played.pbx.status()["calls"] == 0


# --- ended by order -------------------------------------------------------------------------------------------------


def test_a_call_that_is_up_is_ended_at_the_trunk_and_one_that_rings_at_the_caller() -> None:
    played, attempt = call_up()
    assert played.cut(attempt)
    assert played.hung_up == [("PJSIP/trunk1-1.1", 16)]
    assert played.take(hangup("1.1")).told()[-1] == "Ended 1.1 operator"
    ringing = Played(pbx()).take(begin())
    assert ringing.cut(ringing.asked[0])
    assert ringing.hung_up == [("PJSIP/1001-1.0", 16)]


def test_what_isnt_ours_is_not_ended() -> None:
    played, attempt = call_up()
    assert not played.cut(attempt, leg="9.9")
    assert not played.pbx.cut("another", "", "operator", played.now)


# --- who calls ------------------------------------------------------------------------------------------------------


def test_who_was_transferred_calls_for_who_transferred() -> None:
    played = Played(pbx())
    played.take(
        event("Newchannel", Channel="PJSIP/trunk1-9", ChannelState="4", Uniqueid="9.0", Linkedid="9.0", Exten="100"),
        event(
            "BlindTransfer",
            Result="Success",
            TransfererChannel="PJSIP/1001-8",
            TransfereeChannel="PJSIP/trunk1-9",
            TransfereeUniqueid="9.0",
            TransfereeLinkedid="9.0",
        ),
        begin(uid="9.0", leg="9.1", number=ABROAD, channel="PJSIP/trunk1-9"),
    )
    (attempt,) = played.asked
    assert (attempt.extension, attempt.forwarded_by, attempt.extension_is) == ("1001", "1001", "forwarder")


def test_who_forwards_pays_though_the_call_came_from_outside() -> None:
    played = Played(pbx())
    played.take(
        event("Newchannel", Channel="PJSIP/trunk1-9", ChannelState="4", Uniqueid="9.0", Linkedid="9.0", Exten="100"),
        begin(uid="9.5", leg="9.6", channel="Local/x@from-internal-1;2", linked="9.0", caller="13055550100"),
    )
    (attempt,) = played.asked
    assert (attempt.extension, attempt.forwarded_by, attempt.extension_is) == ("100", "100", "forwarder")


def test_a_phone_is_known_behind_a_channel_inside_asterisk() -> None:
    played = Played(pbx())
    played.take(
        event("Newchannel", Channel="PJSIP/1001-7", ChannelState="4", Uniqueid="7.0", Linkedid="7.0", Exten="600"),
        begin(uid="7.2", leg="7.3", channel="Local/x@from-internal-1;2", linked="7.0", caller="12125550100"),
    )
    assert (played.asked[0].extension, played.asked[0].caller) == ("1001", "12125550100")


# --- away -----------------------------------------------------------------------------------------------------------


def test_what_is_gone_after_a_login_was_lost() -> None:
    played, _ = call_up()
    assert played.found([]).told()[-1] == "Ended 1.1 lost"
    assert played.pbx.status()["calls"] == played.pbx.status()["channels"] == 0


def test_what_is_still_there_goes_on_and_is_asked_about_once() -> None:
    played, _ = call_up()
    rows = [
        *listed("PJSIP/1001-1.0", "1.0", runs="PJSIP/12125550143@trunk1", dnid="12125550143"),
        *listed("PJSIP/trunk1-1.1", "1.1", linked="1.0"),
    ]
    assert played.found(rows).told() == ["Answered 1.1"]
    assert len(played.asked) == 1


def test_a_call_that_began_while_we_were_away_is_judged() -> None:
    rows = [
        *listed("PJSIP/1001-1", "1.0", runs=f"PJSIP/{ABROAD}@trunk1", dnid=ABROAD),
        *listed("PJSIP/trunk1-2", "1.1", linked="1.0", up=False),
    ]
    played = Played(pbx(), "37120000000").found(rows)
    assert (played.asked[0].dialled, played.asked[0].extension) == (ABROAD, "1001")
    assert played.hung_up == [("PJSIP/1001-1", 21)]


def test_an_originated_call_that_began_while_we_were_away_is_judged_by_what_it_called() -> None:
    played = Played(pbx(), "37120000000").found(listed("PJSIP/trunk1-2", "1.1", caller=ABROAD))
    assert played.hung_up == [("PJSIP/trunk1-2", 21)]


def test_a_call_that_was_answered_while_we_were_away_is_answered() -> None:
    played = Played(pbx()).take(begin())
    rows = [
        *listed("PJSIP/1001-1.0", "1.0", runs="PJSIP/12125550143@trunk1", dnid="12125550143"),
        *listed("PJSIP/trunk1-1.1", "1.1", linked="1.0"),
    ]
    assert played.found(rows).told() == ["Answered 1.1"]


def test_an_inbound_call_that_began_while_we_were_away_is_inbound() -> None:
    played = Played(pbx()).found(listed("PJSIP/trunk1-2", "1.1", dnid="2125550100"))
    assert (played.asked, played.told()) == ([], ["Arrived"])


def test_an_order_to_end_is_carried_out_with_the_next_login() -> None:
    _, attempt = call_up()
    again = Played(pbx())
    again.pbx.restore(attempt, ["1.1"])
    assert again.cut(attempt)
    assert again.hung_up == []
    again.found(listed("PJSIP/trunk1-1.1", "1.1", linked="1.0"))
    assert again.hung_up == [("PJSIP/trunk1-1.1", 16)]


def test_an_answer_that_the_ledger_never_had_is_told_after_a_restart() -> None:
    _, attempt = call_up()
    again = Played(pbx())
    again.pbx.restore(attempt, [])
    rows = [
        *listed("PJSIP/1001-1.0", "1.0", runs="PJSIP/12125550143@trunk1", dnid="12125550143"),
        *listed("PJSIP/trunk1-1.1", "1.1", linked="1.0"),
    ]
    assert again.found(rows).told() == ["Answered 1.1"]
    assert again.asked == []


def test_a_call_nobody_told_of_shows_in_its_record() -> None:
    cdr = event(
        "Cdr", UniqueID="5.0", DestinationChannel="PJSIP/trunk1-5", Disposition="ANSWERED", Channel="PJSIP/1001-5"
    )
    assert Played(pbx()).take(cdr).pbx.status()["unseen"] == 1
    played, _ = call_up()
    own = event("Cdr", UniqueID="1.0", DestinationChannel="PJSIP/trunk1-1.1", Disposition="ANSWERED")
    assert "unseen" not in played.take(own).pbx.status()


def test_channels_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_CHANNELS", 10)
    played = Played(pbx())
    for number in range(100):
        uid = f"{number}.0"
        played.take(event("Newchannel", Channel="PJSIP/1001-1", ChannelState="4", Uniqueid=uid, Linkedid=uid))
    assert played.pbx.status()["channels"] == 10
    assert played.pbx.status()["channels_forgotten"] == 90
