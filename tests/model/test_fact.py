"""Facts survive the ledger's encoding, whichever they are."""

import msgspec
import pytest

from ringfence.model import (
    UNLIMITED,
    Attempt,
    Charge,
    Decided,
    Destination,
    Ended,
    Fact,
    Hold,
    MeterKey,
    Reading,
    Strangers,
    Verdict,
)
from ringfence.numbers.deck import Rate
from ringfence.numbers.number import Number

ATTEMPT = Attempt(
    id="n1-1",
    call_id="a@b",
    listener="inside",
    peer="10.20.0.10:5060",
    source="pbx-main",
    verified="address",
    caller="+12125550100",
    extension="201",
    dialled="01144207946",
    trunk="unlimcall",
)
DESTINATION = Destination(
    number=Number("ok", "442079460000", "GB", "fixed"),
    klass="international",
    risk=10,
    price=Rate("44", "United Kingdom", 0, 12_000, 30, 6),
)
HOLD = Hold(
    id="n1-1",
    node="n1",
    charges=(Charge(MeterKey("trunk", "unlimcall", "calls", "", 0), 1, UNLIMITED, True),),
    expires=180_000_000,
)
VERDICT = Verdict(
    outcome="allow",
    reason="",
    text="allowed",
    sip_status=0,
    public_text="",
    hits=(),
    destination=DESTINATION,
    emergency=False,
    send_user="+442079460000",
    send_caller=None,
)
FACTS = [
    Decided(
        at=1,
        attempt=ATTEMPT,
        hold=HOLD,
        reading=Reading(granted=True, at=1, observed=(1,)),
        verdict=VERDICT,
        policy="p1",
        numbers="v1",
        edge=b"\x00\xff",
    ),
    Ended(at=2, id="n1-1", cause="bye-caller", status=200),
    Strangers(at=3, listener="outside", address="203.0.113.9", requests={"OPTIONS": 3}),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_fact_reads_back_equal(fact: Fact) -> None:
    encoded = msgspec.msgpack.encode(fact)
    assert msgspec.msgpack.decode(encoded, type=Fact) == fact
