"""The guard registers at a carrier and answers its challenges, for a PBX that holds no secret; also after a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rig import Site, site

from ringfence.edge.secrets import Owner, Secrets, hashes_of
from ringfence.server import secret_file
from ringfence.sip.digest import ALGORITHMS, find_credentials, proves
from ringfence.testing.peer import answer_ok, leg, response_to
from ringfence.testing.process import polls
from ringfence.testing.wire import Sip

pytestmark = pytest.mark.e2e

OWNER, PASSWORD = Owner("15551234", "carrier.example"), "Given-by-carrier"
CHALLENGE = 'Digest realm="carrier.example", nonce="{}", algorithm={}, qop="auth"'


def is_right(request: Sip, header: str) -> bool:
    given = find_credentials([value.encode() for value in request.all(header)], OWNER.realm)
    return given is not None and proves(hashes_of(OWNER, PASSWORD, ALGORITHMS)[given.algorithm], given, request.method)


def asks(stage: Site, request: Sip, status: int, algorithm: str) -> None:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    header = (name, CHALLENGE.format(f"n{request.cseq[0]}", algorithm))
    stage.carrier.send(response_to(request, status, "Prove It", header, tag="c"), request.origin)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_pbx_without_a_secret_calls_through_a_carrier_that_asks_for_one(tmp_path: Path, algorithm: str) -> None:
    register = 'register = { user = "15551234", domain = "carrier.example" }'
    with site(tmp_path, start=False, trunk=register) as stage:
        with secret_file.changing(tmp_path / "state" / "secrets") as held:
            held[0] = Secrets({OWNER: hashes_of(OWNER, PASSWORD, ALGORITHMS)})
        stage.guard.start()
        asks(stage, stage.carrier.expect("REGISTER"), 401, algorithm)
        registering = stage.carrier.expect("REGISTER")
        assert is_right(registering, "Authorization")
        contact = ("Contact", f"{registering.value('Contact')};expires=600, <sip:x@192.0.2.66>;expires=60")
        stage.carrier.send(response_to(registering, 200, "OK", contact, tag="c"), registering.origin)
        for _ in polls(5.0):
            (found,) = stage.guard.status()["enrolments"]
            if found["state"] == "registered":
                break
        assert found["foreign"] == ["sip:x@192.0.2.66"]

        made = stage.dial()
        asks(stage, stage.carrier.expect("INVITE", call_id=made.call_id), 407, algorithm)
        stage.carrier.expect("ACK", call_id=made.call_id)
        invite = stage.carrier.expect("INVITE", call_id=made.call_id)
        assert is_right(invite, "Proxy-Authorization")
        dialog, _ = stage.answer(made, leg(stage.carrier, invite))
        for _ in polls(5.0):
            if stage.calls()[0]["state"] == "up":
                break
        stage.guard.process.kill()
        stage.guard.start()
        dialog.send("BYE")
        bye = stage.carrier.expect("BYE", call_id=made.call_id)
        # What the guard was killed before it was told it makes up for with a gap.
        assert bye.cseq[0] > invite.cseq[0] == 2
        answer_ok(stage.carrier, bye)
        assert stage.pbx.expect(200, call_id=made.call_id, method="BYE").cseq == (2, "BYE")
        told = [json.loads(line) for line in stage.guard.cli("log", "--kind", "enrolled", "--json").stdout.splitlines()]
        assert told[0]["entry"]["foreign"] == ["sip:x@192.0.2.66"]
        assert PASSWORD.encode() not in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
