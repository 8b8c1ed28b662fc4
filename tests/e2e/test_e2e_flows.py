"""Calls that go another way than they should: each leaves every meter right (issue: "How we know")."""

from dataclasses import replace
from functools import partial

import pytest
from house import House
from rig import CALLER, INCREMENT, NUMBER, Meters, Site, site

from ringfence.testing import wire
from ringfence.testing.guard import STRANGER
from ringfence.testing.peer import Peer, answer_ok, leg, response_to
from ringfence.testing.stream_peer import StreamPeer

pytestmark = pytest.mark.e2e


def over_tls(directory):
    house = House(directory)
    return house.site(trunk=f"{house.trunk}\n{LIMIT}")


LIMIT = "max_call_s = 3600"
KINDS = {
    "UDP": partial(site, trunk=LIMIT),
    "TCP": partial(site, inside=StreamPeer, outside=StreamPeer, trunk=LIMIT),
    "TLS": over_tls,
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def stage(tmp_path, request):
    with request.param(tmp_path) as running:
        yield running


def talked(stage: Site) -> None:
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)


def callee_hangs_up(stage: Site) -> None:
    _, _, offered = stage.connect()
    stage.hang_up(offered, stage.pbx)


def busy(stage: Site) -> None:
    made = stage.dial()
    stage.offered(made).refuse(486, "Busy Here")
    assert stage.refused(made).status == 486
    stage.carrier.expect("ACK")


def cancelled(stage: Site) -> None:
    made = stage.dial()
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    made.cancel()
    stage.pbx.expect(200, method="CANCEL")
    answer_ok(stage.carrier, stage.carrier.expect("CANCEL"))
    offered.refuse(487, "Request Terminated")
    assert stage.refused(made).status == 487


def answered_although_cancelled(stage: Site) -> None:
    """The 2xx wins over the CANCEL that crosses it: the caller has a call, and ends it."""
    made = stage.dial()
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    made.cancel()
    answer_ok(stage.carrier, stage.carrier.expect("CANCEL"))
    dialog, _ = stage.answer(made, offered)
    stage.hang_up(dialog, stage.carrier)


def lost_ack(stage: Site) -> None:
    """The carrier repeats its 200, hears nothing, and hangs up."""
    made = stage.dial()
    offered = stage.offered(made)
    answer = offered.answer()
    stage.pbx.expect(200, call_id=made.call_id)
    stage.carrier.send(answer, offered.invite.origin)
    stage.pbx.expect(200, call_id=made.call_id, repeats=True)
    stage.hang_up(offered, stage.pbx)


def duplicate_invite(stage: Site) -> None:
    made = stage.dial()
    stage.pbx.send(made.invite, stage.guard.inside)
    offered = stage.offered(made)
    stage.pbx.send(made.invite, stage.guard.inside)
    dialog, _ = stage.answer(made, offered)
    stage.pbx.send(made.invite, stage.guard.inside)
    stage.hang_up(dialog, stage.carrier)
    assert [message for message in stage.carrier.heard(0.3) if message.method == "INVITE"] == []


def authenticated_at_the_second_try(stage: Site) -> None:
    made = stage.dial()
    offered = stage.offered(made)
    offered.refuse(407, "Proxy Authentication Required", ("Proxy-Authenticate", 'Digest realm="c", nonce="1"'))
    assert stage.refused(made).value("Proxy-Authenticate") == 'Digest realm="c", nonce="1"'
    made.again(("Proxy-Authorization", 'Digest username="u", realm="c", nonce="1", uri="x", response="0"'))
    _, dialog, offered = stage.connect(made)
    assert offered.invite.value("Proxy-Authorization").startswith('Digest username="u"')
    stage.hang_up(dialog, stage.carrier)


FLOWS = {
    talked: Meters(0, 1, INCREMENT),
    callee_hangs_up: Meters(0, 1, INCREMENT),
    busy: Meters(0, 1, 0),
    cancelled: Meters(0, 1, 0),
    answered_although_cancelled: Meters(0, 1, INCREMENT),
    lost_ack: Meters(0, 1, INCREMENT),
    duplicate_invite: Meters(0, 1, INCREMENT),
    authenticated_at_the_second_try: Meters(0, 1, INCREMENT),
}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_meters_after(stage, flow):
    flow(stage)
    assert stage.settled(FLOWS[flow]) == FLOWS[flow]


def test_a_ringing_call_is_counted_and_holds_its_first_increment(stage):
    stage.offered(stage.dial()).ring()
    stage.pbx.expect(180)
    assert stage.meters() == Meters(1, 1, INCREMENT)


def test_no_answer_ends_at_the_ring_limit(tmp_path):
    with site(tmp_path, trunk="ring_limit_s = 10") as stage:
        made = stage.dial()
        offered = stage.offered(made)
        offered.ring()
        answer_ok(stage.carrier, stage.carrier.expect("CANCEL", timeout_s=20))
        offered.refuse(487, "Request Terminated")
        assert stage.refused(made).status in (408, 480)
        assert stage.settled(Meters(0, 1, 0)) == Meters(0, 1, 0)


def test_a_lost_bye_is_made_good_at_the_longest_duration(tmp_path):
    with site(tmp_path, trunk="max_call_s = 2") as stage:
        stage.connect()
        for side in (stage.pbx, stage.carrier):
            answer_ok(side, side.expect("BYE", timeout_s=10))
        assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_a_bye_from_a_stranger_ends_nothing_and_is_not_answered(stage):
    _, dialog, offered = stage.connect()
    with Peer(STRANGER, name="stranger") as stranger:
        for victim in (dialog, offered):
            stranger.send(victim.request("BYE"), victim.next_hop)
        assert stranger.heard(0.5) == []
    assert stage.carrier.heard(0.0) + stage.pbx.heard(0.0) == []
    assert stage.meters().calls == 1
    dialog.cseq -= 1
    stage.hang_up(dialog, stage.carrier)
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_a_bye_with_wrong_tags_ends_nothing(stage):
    _, dialog, _ = stage.connect()
    wrong = replace(dialog, remote=f"{dialog.remote}x")
    wrong.send("BYE")
    for message in stage.carrier.heard(0.3):
        stage.carrier.send(response_to(message, 481, "No Such Call"), message.origin)
    assert stage.pbx.expect(0, method="BYE").status >= 400
    assert stage.meters().calls == 1
    stage.hang_up(dialog, stage.carrier)
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_a_bye_with_an_old_cseq_ends_nothing_unless_the_far_side_takes_it(stage):
    """RFC 3261 §12.2.2: a lower CSeq is answered 500 by the far side (or before it), and the dialog goes on."""
    _, dialog, _ = stage.connect()
    old = dialog.request("BYE", cseq=0)
    stage.pbx.send(old, dialog.next_hop)
    for message in stage.carrier.heard(0.3):
        stage.carrier.send(response_to(message, 500, "Out of order"), message.origin)
    assert stage.pbx.expect(0, method="BYE").status >= 400
    assert stage.meters().calls == 1
    stage.hang_up(dialog, stage.carrier)
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_each_forked_answer_is_a_call(stage):
    made = stage.dial()
    first = stage.offered(made)
    second = leg(stage.carrier, first.invite)
    dialogs = []
    for branch in (first, second):
        branch.answer()
        answer = stage.pbx.expect(200, call_id=made.call_id, method="INVITE")
        assert answer.to_tag == wire.tag_of(branch.local)
        dialogs.append(made.confirm(answer))
        stage.carrier.expect("ACK")
    assert stage.settled(Meters(2, 1, 2 * INCREMENT)) == Meters(2, 1, 2 * INCREMENT)
    stage.hang_up(dialogs[0], stage.carrier)
    assert stage.settled(Meters(1, 1, 2 * INCREMENT)) == Meters(1, 1, 2 * INCREMENT)
    stage.hang_up(second, stage.pbx)
    assert stage.settled(Meters(0, 1, 2 * INCREMENT)) == Meters(0, 1, 2 * INCREMENT)


def test_a_call_that_is_cut_ends_on_both_sides(stage):
    stage.connect()
    (listed,) = stage.calls()
    done = stage.guard.cli("calls", "cut", listed["id"], "--control", str(stage.guard.control))
    assert done.returncode == 0, done.stderr
    for side in (stage.pbx, stage.carrier):
        answer_ok(side, side.expect("BYE"))
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_what_is_sent_is_what_was_judged(stage):
    """However it was dialled, the carrier gets the number as E.164, and nothing a caller wrote beside it (C1)."""
    for dialled in ("2125550143", "12125550143", "%2B1(212)555-0143", f"{NUMBER};npdi;rn=+882123456;cic=+1234"):
        made = stage.dial(dialled)
        offered = stage.offered(made)
        assert offered.invite.user == NUMBER
        offered.refuse(486, "Busy Here")
        stage.refused(made)


@pytest.mark.parametrize(
    ("dialled", "caller", "status"),
    [
        ("0115378345678", CALLER, 603),
        ("19005551234", CALLER, 603),
        ("0112252720123456", CALLER, 603),
        ("18765551234", CALLER, 603),
        ("12345", CALLER, 603),
        (NUMBER, "+13105550100", 603),
    ],
    ids=["cuba", "premium", "ivory coast", "jamaica", "unusable", "caller id"],
)
def test_what_is_not_permitted_never_reaches_the_carrier(stage, dialled, caller, status):
    refused = stage.refused(stage.dial(dialled, caller))
    assert (refused.status, refused.value("Reason").startswith(f"SIP;cause={status}")) == (status, True)
    assert stage.carrier.heard(0.2) == []
    assert stage.meters() == Meters(0, 0, 0)
