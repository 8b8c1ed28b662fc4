"""SIP over TCP on either side, with SIPp and with peers that break their connections (RFC 3261 §18, A15)."""

import pytest
from rig import CALLER, NUMBER, Meters, Site, site

from ringfence.testing import scenarios as play
from ringfence.testing import sipp, wire
from ringfence.testing.guard import CARRIER, PBX, STRANGER, Guard
from ringfence.testing.peer import answer_ok, call, leg
from ringfence.testing.process import polls
from ringfence.testing.stream_peer import StreamPeer

pytestmark = pytest.mark.e2e

CALLS = 40
TCP = 'transport = "tcp"'


@pytest.mark.parametrize("inside", ["u1", "t1", "tn"])
@pytest.mark.parametrize("outside", ["u1", "t1"])
def test_sipp_on_both_sides(tmp_path, inside, outside):
    """Calls answered and hung up, whatever each side speaks; nothing is repeated, nothing is lost."""
    tcp = {"listen_inside": TCP if inside != "u1" else "", "listen_outside": TCP if outside != "u1" else ""}
    options = ("-t", inside, "-max_socket", "1000")
    (tmp_path / "caller").mkdir()
    with (
        sipp.callee(play.callee(), tmp_path, "callee", "-t", outside, host=CARRIER) as callee,
        Guard(tmp_path, (PBX, 5060), callee.address, **tcp) as guard,
    ):
        numbers = [(NUMBER, CALLER)]
        with sipp.caller(
            play.strict_caller(), tmp_path / "caller", guard.inside, *options, calls=CALLS, rate=20, numbers=numbers,
            host=PBX,
        ) as caller:  # fmt: skip
            called = caller.finish(60)
        assert (called.succeeded, called.failed, called["answered"]) == (CALLS, 0, CALLS)
        status = guard.status()
        assert (status["calls"], status["edge"]["dialogs"]) == (0, 0)
        assert callee.stop()["offered"] == CALLS


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path, inside=StreamPeer, outside=StreamPeer) as running:
        yield running


def gone(stage: Site, *peers: StreamPeer, reset: bool) -> None:
    """These close their connections, and the guard knows it."""
    expected = stage.guard.ask("status")["edge"]["connections"] - sum(len(peer.wires) for peer in peers)
    for peer in peers:
        peer.hang_up(reset=reset)
    for _ in polls(5.0):
        if stage.guard.ask("status")["edge"]["connections"] <= expected:
            return
    pytest.fail("the guard holds connections that are closed")


def over(stage: Site, attempts: int = 1) -> None:
    """Nothing is in progress."""
    for _ in polls(5.0, every_s=0.2):
        left = stage.meters()
        if not left.calls:
            break
    assert (left.calls, left.attempts) == (0, attempts)


def test_both_directions_share_the_connections_that_are_there(stage):
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)
    _, _, offered = stage.connect()
    stage.hang_up(offered, stage.pbx)
    assert len(stage.pbx.wires) == 1
    assert [one.far for one in stage.carrier.wires if one.far != stage.guard.outside] == [offered.invite.origin]


def test_an_answer_goes_back_on_the_connection_of_its_request_alone(stage):
    """Two connections of one PBX: each call's answers come on its own (§18.2.2)."""
    first, second = stage.pbx.connect(stage.guard.inside), stage.pbx.connect(stage.guard.inside)
    made = stage.dial()  # On the newest one.
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    assert first.buffer == b""
    first.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        first.socket.recv(1)
    second.socket.setblocking(True)
    stage.hang_up(stage.answer(made, offered)[0], stage.carrier)
    over(stage)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_an_answer_whose_connection_is_gone_goes_to_the_sent_by(stage, reset):
    """§18.2.2: to the address that the request came from, at the port that its Via names."""
    made = stage.dial()
    offered = stage.offered(made)
    gone(stage, stage.pbx, reset=reset)
    offered.ring()
    stage.pbx.expect(180)
    dialog, _ = stage.answer(made, offered)
    stage.hang_up(dialog, stage.carrier)
    over(stage)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_the_far_side_hangs_up_after_all_connections_are_gone(stage, reset):
    _, _, offered = stage.connect()
    gone(stage, stage.pbx, stage.carrier, reset=reset)
    stage.hang_up(offered, stage.pbx)
    over(stage)


def test_the_caller_hangs_up_after_the_carrier_dropped_the_connection(stage):
    _, dialog, _ = stage.connect()
    gone(stage, stage.carrier, reset=False)
    stage.hang_up(dialog, stage.carrier)
    over(stage)


def test_a_request_that_was_lost_with_its_connection_is_sent_again(stage):
    """The carrier's process dies with the INVITE in it and comes back: the call goes on, as one attempt."""
    made = stage.dial()
    lost = stage.carrier.expect("INVITE")
    stage.carrier.hang_up(reset=True)
    again = stage.carrier.expect("INVITE", repeats=True)
    assert again.raw == lost.raw
    stage.hang_up(stage.answer(made, leg(stage.carrier, again))[0], stage.carrier)
    over(stage)


def test_a_refusal_that_was_lost_with_its_connection_is_sent_again(stage):
    """The PBX's process dies with the refusal in it, comes back, and gets it again over another one."""
    made = stage.dial()
    stage.offered(made).refuse(486)
    lost = stage.pbx.expect(486)
    stage.pbx.hang_up(reset=True)
    again = stage.pbx.expect(486, repeats=True)
    assert again.raw == lost.raw
    made.ack_refusal(again)
    over(stage)


def test_one_that_is_lost_twice_fails(stage):
    made = stage.dial()
    for _ in range(2):
        stage.carrier.expect("INVITE", repeats=True)
        stage.carrier.hang_up(reset=True)
    assert stage.refused(made).status == 500
    assert stage.carrier.heard(0.5) == []


def test_a_call_that_rings_waits_for_its_answer_on_another_connection(stage):
    made = stage.dial()
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    gone(stage, stage.carrier, reset=True)
    response = offered._response(200, "OK", body=wire.SDP)
    stage.carrier.send(response, stage.guard.outside)
    dialog = made.confirm(stage.pbx.expect(200, call_id=made.call_id, method="INVITE"))
    stage.carrier.expect("ACK")
    stage.hang_up(dialog, stage.carrier)
    over(stage)


def test_nothing_listens_at_the_carrier(tmp_path):
    """The next address is tried at once; where all are tried the caller hears 500, and status says why."""
    with StreamPeer(CARRIER, name="spare") as spare, site(
        tmp_path, spare, inside=StreamPeer, outside=StreamPeer
    ) as stage:  # fmt: skip
        stage.carrier.socket.close()
        made = stage.dial()
        dialog, _ = stage.answer(made, stage.offered(made, by=spare))
        stage.hang_up(dialog, spare)
        spare.hang_up()
        spare.socket.close()
        assert stage.refused(stage.dial()).status == 500
        (first, second) = stage.guard.status()["streams"]["troubles"]
        assert first == {
            "listen": "outside",
            "address": wire.host_port(stage.carrier.address),
            "party": "trunk carrier",
            "error": "nothing listens there (connection refused)",
        }
        assert second["address"] == wire.host_port(spare.address)


def test_the_bye_of_a_cut_is_tried_until_the_carrier_is_back(stage):
    """A call that isn't hung up costs money: timer F gives it 32 seconds."""
    _, dialog, _ = stage.connect()
    stage.carrier.hang_up()
    stage.carrier.socket.close()
    (row,) = stage.calls()
    assert stage.guard.cli("calls", "cut", row["id"], "--control", str(stage.guard.control)).returncode == 0
    answer_ok(stage.pbx, stage.pbx.expect("BYE"))
    with StreamPeer(*stage.carrier.address, name="carrier again") as again:
        answer_ok(again, again.expect("BYE", call_id=dialog.call_id, timeout_s=10))
    over(stage)


@pytest.mark.parametrize("end", ["caller", "callee", "operator"])
def test_calls_survive_kill_9(stage, end):
    """Connections are made anew to where the dialog's record says."""
    _, dialog, offered = stage.connect()
    assert stage.settled(Meters(1, 1, 600)).calls == 1
    stage.guard.process.kill()
    stage.guard.start()
    if end == "caller":
        stage.hang_up(dialog, stage.carrier)
    elif end == "callee":
        stage.hang_up(offered, stage.pbx)
    else:
        (row,) = stage.calls()
        assert stage.guard.cli("calls", "cut", row["id"], "--control", str(stage.guard.control)).returncode == 0
        for side in (stage.pbx, stage.carrier):
            answer_ok(side, side.expect("BYE", call_id=dialog.call_id))
    over(stage)


@pytest.mark.parametrize("refuse", [False, True], ids=["answered", "refused"])
def test_a_call_that_rang_survives_kill_9(stage, refuse):
    made = stage.dial()
    offered = stage.offered(made)
    offered.ring()
    stage.pbx.expect(180)
    stage.guard.process.kill()
    stage.guard.start()
    if refuse:
        stage.carrier.send(offered._response(486, "Busy Here"), stage.guard.outside)
        assert stage.refused(made).status == 486
        stage.carrier.expect("ACK")
    else:
        stage.carrier.send(offered._response(200, "OK", body=wire.SDP), stage.guard.outside)
        dialog = made.confirm(stage.pbx.expect(200, call_id=made.call_id, method="INVITE"))
        stage.carrier.expect("ACK")
        stage.hang_up(dialog, stage.carrier)
    over(stage)


def test_a_stranger_is_reset_and_counted(tmp_path):
    with site(tmp_path, inside=StreamPeer) as stage, StreamPeer(STRANGER) as stranger:
        opened = stranger.connect(stage.guard.inside)
        assert opened.until_closed() == b""
        assert stage.guard.status()["sockets"]["inside"]["refused"] == 1
        stage.hang_up(stage.connect()[1], stage.carrier)
        stage.guard.process.end()
        (row,) = stage.guard.cli("log", "--kind", "strangers", "--json", "--ledger", "state/ledger.db").stdout.split(
            "\n"
        )[:-1]
        assert '"connection":1' in row.replace(" ", "")


def test_udp_inside_tcp_outside_says_so_on_each_side(tmp_path):
    """Two Record-Route entries, each with the transport of its side (RFC 5658)."""
    with site(tmp_path, outside=StreamPeer) as stage:
        _, _, offered = stage.connect()
        outer, inner = offered.invite.all("Record-Route")
        assert f"@{wire.host_port(stage.guard.outside)};transport=tcp;lr>" in outer
        assert f"@{wire.host_port(stage.guard.inside)};lr>" in inner
        assert offered.invite.value("Via").startswith("SIP/2.0/TCP ")
        stage.hang_up(offered, stage.pbx)


def test_over_ipv6(tmp_path):
    with site(tmp_path, pbx_host="::1", carrier_host="::1", inside=StreamPeer, outside=StreamPeer) as stage:
        _, dialog, _ = stage.connect()
        stage.hang_up(dialog, stage.carrier)
        _, _, offered = stage.connect()
        stage.hang_up(offered, stage.pbx)
        over(stage, 2)


def test_a_large_request_stays_on_udp(tmp_path):
    """Its size doesn't change its transport (§18.1.1 would): a carrier on UDP alone is common."""
    with site(tmp_path) as stage:
        long = wire.SDP + "".join(f"a=x-{n}:{'y' * 60}\r\n" for n in range(40))
        made = call(stage.pbx, stage.guard.inside, NUMBER, CALLER, body=long)
        assert len(stage.offered(made).invite.raw) > 1500
