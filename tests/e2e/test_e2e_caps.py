"""Caps hold exactly under a parallel burst, also over midnight (D1, D2, D7)."""

import time

import pytest

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports, polls

pytestmark = pytest.mark.e2e

CAP, BURST = 50, 500
FAKETIME = {
    "DONT_FAKE_MONOTONIC": "1",
    # Its own mending of waits on the monotonic clock makes them end at once where that clock isn't faked: seven times
    # the CPU, and calls that time out.
    "FAKETIME_FORCE_MONOTONIC_FIX": "0",
}
NUMBERS = [(f"+1212555{n:04}", f"+121255501{n % 100:02}") for n in range(1000, 1500)]


def burst(directory, callee, guard, rate, talk_ms):
    """500 calls at a rate; what the caller counted and what the callee counted."""
    with sipp.caller(
        play.caller(), directory, guard.inside, calls=BURST, rate=rate, numbers=NUMBERS, talk_ms=talk_ms, host=PBX
    ) as caller:
        counted = caller.finish(60)
        assert counted.failed == 0, caller.complaints()
    return counted, callee.stop()


@pytest.fixture
def callee(tmp_path):
    """Rings long enough that all 500 are in flight together."""
    with sipp.callee(play.callee(ring_ms=3000), tmp_path, host=CARRIER) as running:
        yield running


def guard_with(tmp_path, callee, trunk):
    return Guard(tmp_path, (PBX, free_ports(1, PBX)[0]), callee.address, trunk=trunk)


def test_500_in_flight_against_50(tmp_path, callee):
    with guard_with(tmp_path, callee, f"concurrent = {{ block = {CAP} }}") as guard:
        counted, offered = burst(tmp_path, callee, guard, rate=1000, talk_ms=1000)
    # 503: the machine is so busy that the guard sheds load at the door.
    assert (counted["answered"], counted["refused_480"] + counted["refused_503"]) == (CAP, BURST - CAP)
    assert (offered["offered"], offered.failed) == (CAP, 0)


@pytest.mark.parametrize(
    ("cap", "zone", "days"),
    [
        (f"concurrent = {{ block = {CAP} }}", "UTC", ("2026-03-01", "2026-03-02")),
        (f"calls_per_day = {{ block = {CAP} }}", "UTC", ("2026-03-01", "2026-03-02")),
        (f"calls_per_day = {{ block = {CAP} }}", "America/New_York", ("2026-03-02T04", "2026-03-02T05")),
    ],
    ids=["calls in progress", "calls a day", "calls a day, site's midnight"],
)
def test_midnight_resets_nothing(tmp_path, cap, zone, days):
    """The burst begins before midnight and ends after it; what the guard logs shows that it did."""
    long_ms = 8000 if "concurrent" in cap else 100
    with sipp.callee(play.callee(), tmp_path, host=CARRIER) as callee:
        guard = guard_with(tmp_path, callee, cap)
        begin = time.monotonic()
        guard.start("faketime", "-f", "@2026-03-01 23:59:50", environment={"TZ": zone, **FAKETIME})
        with guard:
            assert days[0] in guard.process.said()
            for _ in polls(begin + 7.5 - time.monotonic()):
                pass
            counted, offered = burst(tmp_path, callee, guard, rate=100, talk_ms=long_ms)
            assert guard.cli("reload", "--control", str(guard.control)).returncode == 0
            guard.process.until_says(days[1])
    # 503: the machine is so busy that the guard sheds load at the door.
    assert (counted["answered"], counted["refused_480"] + counted["refused_503"]) == (CAP, BURST - CAP)
    assert (offered["offered"], offered.failed) == (CAP, 0)
