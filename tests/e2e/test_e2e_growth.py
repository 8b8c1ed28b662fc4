"""What calls leave behind is nothing, however many there were; bench/growth.py is the long version, with memory."""

import pytest

from ringfence.testing.growth import yard

pytestmark = pytest.mark.e2e

WARM_UP, CALLS, REFUSED, RATE = 50, 3_000, 500, 200
CUBA = "0115378345678"


def test_nothing_is_left_of_some_thousand_calls(tmp_path):
    with yard(tmp_path) as site:
        site.call(WARM_UP, RATE)
        rest = site.read()
        answered = site.call(CALLS, RATE)
        refused = site.call(REFUSED, RATE, number=CUBA)
        # 503: the machine is so busy that the guard sheds load at the door.
        assert answered["answered"] + answered["refused_503"] == CALLS
        assert answered["answered"] > CALLS // 2
        assert refused["refused_603"] + refused["refused_503"] == REFUSED
        full = site.read()
        assert full.tables["transactions"] > 0
        left = site.emptied()
        assert left.empty, left
        assert (left.threads, left.tasks) == (rest.threads, rest.tasks)
        # SQLite keeps one closed connection's descriptor for the next, from the first time the log is folded in.
        assert left.descriptors <= rest.descriptors + 1
