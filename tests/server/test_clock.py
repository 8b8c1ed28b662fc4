"""Time goes on, whatever the wall does."""

import pytest

from ringfence.server.clock import Clock


@pytest.mark.parametrize(
    ("wall_us", "moved_us"), [(10_000_000, 0), (10_040_000, 0), (70_000_000, 60_000_000), (1_000_000, 0)]
)
def test_it_follows_the_wall_forward_only(wall_us: int, moved_us: int) -> None:
    wall = [10_000_000_000]
    clock = Clock(wall_ns=lambda: wall[0], steady_ns=lambda: 5_000)
    wall[0] = wall_us * 1000
    assert clock.follow_wall() == moved_us
    assert clock.now() == 10_000_000 + moved_us


@pytest.mark.parametrize(
    ("stamped_ns", "since_us"),
    [(9_850_000_000, 150_000), (10_000_000_000, 0), (10_500_000_000, 0), (0, 0), (-60_000_000_000, 0)],
    ids=["lay there", "just came", "stamped ahead", "no stamp", "another wall"],
)
def test_how_long_a_datagram_lay_is_told_from_its_stamp(stamped_ns: int, since_us: int) -> None:
    clock = Clock(wall_ns=lambda: 10_000_000_000 + (61_000_000_000 if stamped_ns == 0 else 0), steady_ns=lambda: 0)
    assert clock.since_wall_us(stamped_ns) == since_us
