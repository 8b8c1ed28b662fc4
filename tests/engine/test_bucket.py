"""A token bucket lets exactly the burst and then the sustained rate through."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.bucket import TokenBucket, interval_us
from ringfence.model import SECOND, Charge, MeterKey

KEY = MeterKey("trunk", "t", "rate", "", 0)


def charge(per_second: float, burst: int = 1, pace_ms: int = 0) -> Charge:
    return Charge(KEY, 1, int(per_second * 1000), True, burst=burst, pace_us=pace_ms * 1000)


def play(asked: Charge, times: list[int]) -> list[int]:
    """The instants at which those that weren't refused go."""
    bucket, gone = TokenBucket(), []
    for now in times:
        wait = bucket.wait_us(asked, now)
        if wait <= asked.pace_us:
            bucket.take(asked, now)
            gone.append(now + wait)
    return gone


def test_the_burst_goes_at_once_and_one_more_is_refused() -> None:
    assert len(play(charge(5, burst=10), [SECOND] * 30)) == 10


def test_a_paced_call_waits_its_turn() -> None:
    gone = play(charge(10, burst=1, pace_ms=300), [SECOND] * 10)
    assert gone == [SECOND, SECOND + 100_000, SECOND + 200_000, SECOND + 300_000]


def test_a_fraction_of_a_call_per_second() -> None:
    assert play(charge(0.5), [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND, 5 * SECOND]) == [
        SECOND,
        3 * SECOND,
        5 * SECOND,
    ]


@given(
    st.lists(st.integers(0, SECOND // 2), min_size=1, max_size=150),
    st.integers(1, 50),
    st.integers(1, 10),
    st.integers(0, 500),
)
def test_no_stretch_of_time_has_more_than_burst_and_rate(steps: list[int], rate: int, burst: int, pace_ms: int) -> None:
    asked = charge(rate, burst, pace_ms)
    now, times = 0, []
    for step in steps:
        now += step
        times.append(now)
    gone = play(asked, times)
    assert gone == sorted(gone)
    for i, start in enumerate(gone):
        for n, end in enumerate(gone[i:], start=1):
            assert n <= burst + (end - start) // interval_us(asked)


def test_calls_that_go_unenforced_leave_a_bounded_debt() -> None:
    asked, bucket = charge(1, burst=5), TokenBucket()
    for _ in range(10_000):
        bucket.take(asked, SECOND)
    assert bucket.wait_us(asked, SECOND) <= SECOND
