"""Transfers and redirections through the real guard, by SIPp and over UDP and TCP (RFC 5359, RFC 5589)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import BY_THE_HOUR, NUMBER, OWNED, Site, site

from ringfence.testing import scenarios, wire
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.peer import Peer, answer_ok, response_to
from ringfence.testing.process import free_ports, polls
from ringfence.testing.sipp import callee, caller
from ringfence.testing.stream_peer import StreamPeer

pytestmark = pytest.mark.e2e
CUBA, STRANGER = "+5378345678", "+13105550199"
JUDGE = 'transfers = "judge"'
FORWARDS = 'caller_id_policy = "owned_or_forwarded"'


# --- SIPp -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(directory: Path, pbx: wire.Address, carrier: wire.Address) -> Iterator[Guard]:
    guard = Guard(directory, pbx, carrier, trunk=JUDGE, source=FORWARDS)
    (directory / "rates.csv").write_text(BY_THE_HOUR)
    try:
        guard.start()
        yield guard
    finally:
        guard.__exit__(None, None, None)


def slots(guard: Guard) -> int:
    """Calls in progress on the trunk."""
    rows = guard.status()["meters"]
    found = [row["value"] for row in rows if (row["scope"], row["quantity"], row["klass"]) == ("trunk", "calls", "")]
    return int(found[0]) if found else 0


def judged(guard: Guard) -> list[tuple[str, str, str]]:
    """Verdict, reason and what was dialled, by `ringfence log`."""
    for _ in polls(10.0, every_s=0.2):
        lines = guard.cli("log", "--ledger", "state/ledger.db", "--json").stdout.splitlines()
        found = [one for one in map(json.loads, lines) if "outcome" in one]
        if found:
            return [(one["outcome"], one["reason"], one["dialled"]) for one in found]
    raise AssertionError("nothing was judged")


@pytest.mark.parametrize(
    ("target", "carrier", "counted", "left", "verdict"),
    [
        ("2125550143", scenarios.transferred_caller(), "accepted", 1, ("allow", "")),
        ("2125550143", scenarios.transferred_caller("486 Busy Here"), "accepted", 0, ("allow", "")),
        (CUBA, scenarios.caller_waits_for_bye(), "refused_603", 0, ("deny", "destination-not-permitted")),
    ],
    ids=["passes", "is busy", "is refused"],
)
def test_a_blind_transfer(
    tmp_path: Path, target: str, carrier: str, counted: str, left: int, verdict: tuple[str, str]
) -> None:
    """The PBX takes a call and has the carrier call somebody; what the carrier calls counts on when both hung up."""
    uri, out = f"sip:{target}@pbx.example", (CARRIER, free_ports(1, CARRIER)[0])
    with (
        callee(scenarios.transferring_callee(uri), tmp_path, "pbx", "-d", "200", host=PBX) as pbx,
        running(tmp_path, pbx.address, out) as guard,
    ):
        numbers = [(OWNED, STRANGER)]
        with caller(carrier, tmp_path, guard.outside, numbers=numbers, host=CARRIER, name="carrier") as calling:
            called, answering = calling.finish(30), pbx.stop()
        assert (called.succeeded, answering.succeeded, answering[counted]) == (1, 1, 1), calling.complaints()
        assert judged(guard) == [(*verdict, target)]
        assert next((read for _ in polls(5.0, every_s=0.2) if (read := slots(guard)) == left), None) == left


def test_who_follows_a_redirection_is_judged(tmp_path: Path) -> None:
    redirecting = scenarios.redirecting_callee(f"sip:{CUBA}@carrier.example:5099")
    with (
        callee(redirecting, tmp_path, "carrier", host=CARRIER) as carrier,
        running(tmp_path, (PBX, free_ports(1, PBX)[0]), carrier.address) as guard,
        caller(scenarios.following_caller(), tmp_path, guard.inside, numbers=[(NUMBER, OWNED)], host=PBX) as calling,
    ):
        called = calling.finish(30)
        assert (called.succeeded, called["redirected"], called["refused_603"]) == (1, 1, 1), calling.complaints()
        assert judged(guard)[-2:] == [("allow", "", NUMBER), ("deny", "destination-not-permitted", CUBA)]
        assert carrier.stop()["offered"] == 1


# --- over UDP and TCP -----------------------------------------------------------------------------------------------


@pytest.fixture(params=[Peer, StreamPeer], ids=["UDP", "TCP"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    kind = request.param
    with site(tmp_path, inside=kind, outside=kind, trunk=JUDGE, source=f"{JUDGE}\n{FORWARDS}") as running_site:
        yield running_site


def test_an_attended_transfer(stage: Site) -> None:
    """Whoever called in is joined with whom the PBX called (RFC 5589 §7.1)."""
    _, consulted, _ = stage.connect()
    _, incoming, offered = stage.connect(stage.dialled_in(caller=STRANGER))
    theirs, ours = wire.tag_of(consulted.remote), wire.tag_of(consulted.local)
    named = f"{consulted.call_id.replace('@', '%40')}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}"
    offered.send("REFER", ("Refer-To", f"<sip:{NUMBER}@x?Replaces={named}>"))
    refer = stage.carrier.expect("REFER")
    contact = wire.uri_of(stage.carrier.contact)
    assert refer.value("Refer-To") == f"<{contact}?Replaces={named}>"
    stage.carrier.send(response_to(refer, 202, "Accepted"), refer.origin)
    stage.pbx.expect(202, method="REFER")
    incoming.send("NOTIFY", ("Event", "refer"), ("Subscription-State", "terminated"))
    answer_ok(stage.pbx, stage.pbx.expect("NOTIFY"))
    stage.carrier.expect(200, method="NOTIFY")
    stage.hang_up(consulted, stage.carrier)
    stage.hang_up(offered, stage.carrier)
    assert [call["state"] for call in stage.calls()] == ["up"], "the carrier's call goes on"


def test_a_transfer_by_the_pbx_is_asked_about_again(stage: Site) -> None:
    _, _, offered = stage.connect()
    offered.send("REFER", ("Refer-To", "<sip:2125550144@carrier.example>"))
    refer = stage.pbx.expect("REFER")
    stage.pbx.send(response_to(refer, 202, "Accepted"), refer.origin)
    stage.carrier.expect(202, method="REFER")
    made = stage.dial("2125550144")
    _, dialog, _ = stage.connect(made)
    stage.hang_up(dialog, stage.carrier)


def test_a_refused_transfer_leaves_the_call_as_it_is(stage: Site) -> None:
    _, dialog, offered = stage.connect()
    offered.send("REFER", ("Refer-To", f"<sip:{CUBA}@x>"))
    assert stage.carrier.expect(0, method="REFER").status == 603
    assert stage.pbx.heard(0.1) == []
    stage.hang_up(dialog, stage.carrier)
