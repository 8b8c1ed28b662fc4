"""Calls over IPv6, and from one kind of address to the other."""

import json

import pytest
from rig import INCREMENT, Meters, site

from ringfence.testing.guard import CARRIER, GUARD6, PBX
from ringfence.testing.peer import answer_ok
from ringfence.testing.wire import host_port

pytestmark = pytest.mark.e2e

SITES = {
    "inside": (GUARD6, CARRIER),
    "outside": (PBX, GUARD6),
    "both": (GUARD6, GUARD6),
}


@pytest.fixture(params=SITES)
def stage(tmp_path, request):
    pbx, carrier = SITES[request.param]
    with site(tmp_path, pbx_host=pbx, carrier_host=carrier) as running:
        yield running


def test_each_side_is_spoken_to_at_an_address_of_its_kind(stage):
    """Via and Record-Route name the listener of the side that reads them, or its messages would find no way back."""
    made = stage.dial()
    offered = stage.offered(made)
    own = host_port(stage.guard.outside)
    assert own in offered.invite.all("Via")[0]
    assert own in offered.invite.all("Record-Route")[0]
    assert offered.invite.uri.endswith(host_port(stage.carrier.address))
    dialog, _ = stage.answer(made, offered)
    assert dialog.next_hop == stage.guard.inside
    assert offered.next_hop == stage.guard.outside
    stage.hang_up(dialog, stage.carrier)
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_calls_in_and_their_requests_find_their_way(stage):
    made = stage.dialled_in()
    offered = stage.offered(made)
    assert offered.invite.uri.endswith(host_port(stage.pbx.address))
    dialog, _ = stage.answer(made, offered)
    for speaker, other in ((dialog, stage.pbx), (offered, stage.carrier)):
        speaker.send("INFO")
        answer_ok(other, other.expect("INFO"))
        speaker.peer.expect(200, method="INFO")
    stage.hang_up(offered, stage.carrier)


def test_a_call_is_cut_on_both_sides(stage):
    stage.connect()
    (listed,) = stage.calls()
    stage.guard.ask("cut", id=listed["id"])
    for side in (stage.pbx, stage.carrier):
        answer_ok(side, side.expect("BYE"))
    assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


def test_who_called_is_recorded_with_brackets(tmp_path):
    with site(tmp_path, pbx_host=GUARD6, carrier_host=GUARD6) as stage:
        assert stage.refused(stage.dial("0115378345678")).status == 603
        (row,) = stage.guard.cli("log", "--ledger", "state/ledger.db", "--json").stdout.splitlines()
        assert json.loads(row)["peer"] == host_port(stage.pbx.address)
