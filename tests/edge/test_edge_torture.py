"""Every message of RFC 4475 and RFC 5118 through the edge: what comes back to a party that we know.

`tests/sip/test_torture.py` has how each is read; here is what is done with it. Where that isn't what RFC 4475 asks of a
proxy, the reason stands beside it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from table import CARRIER, INSIDE, OUTSIDE, PBX, STRANGER, Table

from ringfence.edge.effects import Send

TORTURE = Path(__file__).parents[1] / "sip/torture"

ANSWERED = {
    200: [
        *("rfc4475/lwsdisp.dat", "rfc4475/semiuri.dat", "rfc4475/transports.dat", "rfc4475/badbranch.dat"),
        "rfc4475/zeromf.dat",  # OPTIONS is answered here, whatever it says (RFC 3261 §16.3 item 3).
        *("rfc5118/via-received-param-no-delim", "rfc5118/ipv6-correct-abnf-2-colons"),
    ],
    400: [
        *("rfc4475/clerr.dat", "rfc4475/ncl.dat", "rfc4475/scalar02.dat", "rfc4475/quotbal.dat"),
        *("rfc4475/ltgtruri.dat", "rfc4475/lwsruri.dat", "rfc4475/lwsstart.dat", "rfc4475/trws.dat"),
        *("rfc4475/regbadct.dat", "rfc4475/badaspec.dat", "rfc4475/baddn.dat", "rfc4475/mismatch01.dat"),
        *("rfc4475/mismatch02.dat", "rfc4475/multi01.dat", "rfc4475/mcl01.dat"),
        "rfc4475/inv2543.dat",  # Without a From tag two calls of RFC 2543 can be one.
        *("rfc5118/ipv6-bad", "rfc5118/ipv6-bug-abnf-3-colons"),
    ],
    405: ["rfc4475/esc02.dat"],
    416: ["rfc4475/unkscm.dat", "rfc4475/novelsc.dat"],
    420: ["rfc4475/bext01.dat"],
    481: [
        "rfc4475/wsinv.dat",  # It has a To tag of no call.
        *("rfc5118/via-received-param-with-delim", "rfc5118/mult-ip-in-header"),
    ],
    603: [  # Nobody there may call: their caller IDs and numbers aren't the PBX's.
        *("rfc4475/esc01.dat", "rfc4475/longreq.dat", "rfc4475/mpart01.dat", "rfc4475/escruri.dat"),
        *("rfc4475/baddate.dat", "rfc4475/invut.dat", "rfc4475/sdp01.dat", "rfc5118/ipv6-in-sdp"),
        *("rfc5118/mult-ip-in-sdp", "rfc5118/ipv4-mapped-ipv6"),
    ],
}
TO_THE_CARRIER = [  # REGISTERs that an ordinary one could be.
    *("rfc4475/escnull.dat", "rfc4475/dblreq.dat", "rfc4475/unksm2.dat", "rfc4475/regaut01.dat"),
    *("rfc4475/cparam01.dat", "rfc4475/cparam02.dat", "rfc4475/regescrt.dat"),
    *("rfc5118/ipv6-good", "rfc5118/port-ambiguous", "rfc5118/port-unambiguous"),
]
SILENCE = [
    *("rfc4475/unreason.dat", "rfc4475/noreason.dat", "rfc4475/bcast.dat"),  # Responses to nothing of ours.
    *("rfc4475/scalarlg.dat", "rfc4475/bigcode.dat"),
    *("rfc4475/badinv01.dat", "rfc4475/badvers.dat"),  # The Via can't be read: nobody knows where an answer goes.
    *("rfc4475/insuf.dat", "rfc4475/intmeth.dat"),  # Too little of it can be repeated; a NUL is never repeated.
]
EACH = [(name, status) for status, names in ANSWERED.items() for name in names]


class Watched(Table):
    """Keeps all that is sent, wherever it goes."""

    def _sent(self, send: Send) -> None:
        self.out = [*getattr(self, "out", []), (send.hop.listener, send.hop.host, send.data)]


@pytest.fixture
def table(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def sent(table: Watched, name: str, origin: tuple[str, int] = PBX, to: tuple[str, int] = INSIDE) -> list[str]:
    """What goes out when the edge gets a message of the torture: `inside 400`, `outside REGISTER`."""
    table.deliver((TORTURE / name).read_bytes(), origin, to)
    table.run(60)
    left = table.edge.status()
    assert (left.get("error", 0), left["dialogs"], left["waiting"]) == (0, 0, 0)
    words = [(listener, data.split(b" ")) for listener, _, data in getattr(table, "out", [])]
    said = [f"{listener} {(word[1] if word[0] == b'SIP/2.0' else word[0]).decode()}" for listener, word in words]
    return [word for word in dict.fromkeys(said) if word != "inside 100"]


@pytest.mark.parametrize(("name", "status"), EACH, ids=[name for name, _ in EACH])
def test_answered(table: Watched, name: str, status: int) -> None:
    assert sent(table, name) == [f"inside {status}"]
    assert {host for _, host, _ in table.out} == {PBX[0]}


@pytest.mark.parametrize("name", TO_THE_CARRIER)
def test_a_registration_passes(table: Watched, name: str) -> None:
    assert sent(table, name)[0] == "outside REGISTER"
    assert {host for listener, host, _ in table.out if listener == "outside"} == {CARRIER[0]}


@pytest.mark.parametrize("name", SILENCE)
def test_not_answered(table: Watched, name: str) -> None:
    assert sent(table, name) == []


def test_nobody_is_left_out() -> None:
    named = [*(name for name, _ in EACH), *TO_THE_CARRIER, *SILENCE]
    assert sorted(named) == sorted(str(path.relative_to(TORTURE)) for path in TORTURE.glob("*/*"))


@pytest.mark.parametrize(("origin", "to"), [(STRANGER, INSIDE), (STRANGER, OUTSIDE), (CARRIER, OUTSIDE)])
def test_strangers_hear_nothing_and_the_carrier_does_no_harm(
    tmp_path: Path, origin: tuple[str, int], to: tuple[str, int]
) -> None:
    for name in sorted(str(path.relative_to(TORTURE)) for path in TORTURE.glob("*/*")):
        table = Watched(tmp_path)
        said = sent(table, name, origin, to)
        assert said == [] or origin == CARRIER, name
        assert not [word for word in said if word == "outside INVITE"], name
