"""The rig itself: each pair of scenarios completes against each other, bare and through Kamailio.

What fails here is the rig's fault, and what fails only behind the guard is the guard's.
"""

import pytest

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.kamailio import Kamailio

pytestmark = pytest.mark.e2e

CREDENTIALS = ("+12125550123", "+12125550100", "[authentication username=u password=p]")
PAIRS = {
    "answered": (play.caller(), play.callee(), {"answered": 5}),
    "strict": (play.strict_caller(), play.callee(ring_ms=50), {"answered": 5}),
    "early media": (play.caller(), play.early_callee(50), {"answered": 5}),
    "prack": (play.prack_caller(), play.prack_callee(), {"pracked": 5, "answered": 5}),
    "busy": (play.caller(), play.refusing_callee(486, "Busy Here"), {"refused_486": 5, "answered": 0}),
    "unavailable": (play.caller(), play.refusing_callee(503, "Unavailable"), {"answered": 0}),
    "cancelled": (play.cancelling_caller(), play.silent_callee(), {}),
    "callee hangs up": (play.caller_waits_for_bye(), play.hanging_up_callee(), {"answered": 5}),
    "caller re-invites": (play.reinviting_caller(), play.reinvited_callee(), {"reinvited": 5}),
    "callee re-invites": (play.reinvited_caller(), play.reinviting_callee(), {"reinvited": 5}),
    "challenged": (play.authenticating_caller(), play.challenging_callee(), {"challenged": 5, "answered": 5}),
    "registers": (play.registrant(), play.registrar(), {"registered": 5}),
}


@pytest.mark.parametrize("proxy", ["bare", "kamailio"])
@pytest.mark.parametrize("pair", PAIRS)
def test_each_pair_completes(tmp_path, pair, proxy):
    calling, called, expected = PAIRS[pair]
    with sipp.callee(called, tmp_path) as callee:
        if proxy == "bare":
            _run(tmp_path, calling, callee, callee.address, expected)
        else:
            with Kamailio(tmp_path, callee.address) as kamailio:
                _run(tmp_path, calling, callee, kamailio.address, expected)


def _run(directory, calling, callee, target, expected):
    with sipp.caller(calling, directory, target, calls=5, rate=50, numbers=[CREDENTIALS], timeout_s=20) as caller:
        counted = caller.finish(30)
        assert (counted.succeeded, counted.failed) == (5, 0), caller.complaints()
        assert {name: counted[name] for name in expected} == expected
        answered = callee.stop()
        assert (answered.succeeded, answered.failed) == (5, 0), callee.complaints()


def test_a_call_that_fails_is_counted_as_failed(tmp_path):
    with (
        sipp.callee(play.refusing_callee(486), tmp_path) as callee,
        sipp.caller(play.strict_caller(), tmp_path, callee.address, calls=3, timeout_s=10) as caller,
    ):
        assert caller.finish(20).failed == 3
