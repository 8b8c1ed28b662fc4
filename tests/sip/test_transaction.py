"""The transaction machines against the text of RFC 3261 §17, §16.7, §9.1 and RFC 6026: every transition, every timer.

`RFC` was written from the documents. What isn't in it has to be ignored.
"""

from __future__ import annotations

import pytest

from ringfence.sip.hop import NextHop
from ringfence.sip.timers import GRAIN, MS, T1, T2, T4, TIMER_C
from ringfence.sip.transaction import CLOCKS, OVER, ROWS, TABLE, Transaction, event_of

S = 1_000 * MS
T0 = 1_800_000_000 * S

RFC = {
    # RFC 3261 §17.2.1, figure 7: "While in the Proceeding state, if a retransmission of the request is received, the
    # most recent provisional response that was received from the TU MUST be passed to the transport layer".
    ("ist.proceeding", "request"): ("ist.proceeding", "repeat"),
    ("ist.proceeding", "1xx"): ("ist.proceeding", "send"),
    # RFC 6026 §7.1: a 2xx makes it Accepted; it is sent once, its repetition is the TU's business.
    ("ist.proceeding", "2xx"): ("ist.accepted", "send"),
    ("ist.proceeding", "final"): ("ist.completed", "send"),
    ("ist.completed", "request"): ("ist.completed", "repeat"),
    ("ist.completed", "retry"): ("ist.completed", "repeat"),
    ("ist.completed", "ack"): ("ist.confirmed", ""),
    ("ist.completed", "expire"): (OVER, ""),
    ("ist.confirmed", "expire"): (OVER, ""),
    # RFC 6026 §7.1: "any retransmissions of the INVITE ... are absorbed"; each further 2xx from the TU passes.
    ("ist.accepted", "2xx"): ("ist.accepted", "send"),
    ("ist.accepted", "expire"): (OVER, ""),
    # §17.2.2, figure 8. In Trying a retransmission is discarded.
    ("nist.trying", "1xx"): ("nist.proceeding", "send"),
    ("nist.trying", "2xx"): ("nist.completed", "send"),
    ("nist.trying", "final"): ("nist.completed", "send"),
    ("nist.proceeding", "request"): ("nist.proceeding", "repeat"),
    ("nist.proceeding", "1xx"): ("nist.proceeding", "send"),
    ("nist.proceeding", "2xx"): ("nist.completed", "send"),
    ("nist.proceeding", "final"): ("nist.completed", "send"),
    ("nist.completed", "request"): ("nist.completed", "repeat"),
    ("nist.completed", "expire"): (OVER, ""),
    # §17.1.1.2, figure 5, with Accepted of RFC 6026 §7.2.
    ("ict.calling", "retry"): ("ict.calling", "repeat"),
    ("ict.calling", "expire"): (OVER, "fail"),
    ("ict.calling", "error"): (OVER, "fail"),
    ("ict.calling", "1xx"): ("ict.proceeding", "pass"),
    ("ict.calling", "2xx"): ("ict.accepted", "pass"),
    ("ict.calling", "final"): ("ict.completed", "ack+pass"),
    ("ict.calling", "next"): ("ict.abandoned", ""),
    ("ict.proceeding", "1xx"): ("ict.proceeding", "pass"),
    ("ict.proceeding", "2xx"): ("ict.accepted", "pass"),
    ("ict.proceeding", "final"): ("ict.completed", "ack+pass"),
    # §16.8: when timer C fires and there was a provisional response, CANCEL is sent; so it is on order (§9.1).
    ("ict.proceeding", "expire"): ("ict.cancelled", "cancel"),
    ("ict.proceeding", "cancel"): ("ict.cancelled", "cancel"),
    # §9.1: a CANCEL changes nothing in the INVITE's own transaction, whose final response is waited for 64*T1.
    ("ict.cancelled", "1xx"): ("ict.cancelled", ""),
    ("ict.cancelled", "2xx"): ("ict.accepted", "pass"),
    ("ict.cancelled", "final"): ("ict.completed", "ack+pass"),
    ("ict.cancelled", "expire"): (OVER, "fail"),
    # §16.7 step 10: a branch that is no longer wanted is cancelled as soon as that is allowed, and heard to its end.
    ("ict.abandoned", "1xx"): ("ict.cancelled", "cancel"),
    ("ict.abandoned", "2xx"): ("ict.accepted", "pass"),
    ("ict.abandoned", "final"): ("ict.completed", "ack+pass"),
    ("ict.abandoned", "expire"): (OVER, ""),
    # "Any retransmissions of the final response ... MUST cause the ACK to be re-passed", the response itself not.
    ("ict.completed", "final"): ("ict.completed", "ack"),
    ("ict.completed", "expire"): (OVER, ""),
    # RFC 6026 §7.2: every 2xx is passed up, also those of other branches.
    ("ict.accepted", "2xx"): ("ict.accepted", "pass"),
    ("ict.accepted", "expire"): (OVER, ""),
    # §17.1.2.2, figure 6.
    ("nict.trying", "retry"): ("nict.trying", "repeat"),
    ("nict.trying", "expire"): (OVER, "fail"),
    ("nict.trying", "error"): (OVER, "fail"),
    ("nict.trying", "1xx"): ("nict.proceeding", "pass"),
    ("nict.trying", "2xx"): ("nict.completed", "pass"),
    ("nict.trying", "final"): ("nict.completed", "pass"),
    ("nict.proceeding", "retry"): ("nict.proceeding", "repeat"),
    ("nict.proceeding", "expire"): (OVER, "fail"),
    ("nict.proceeding", "error"): (OVER, "fail"),
    ("nict.proceeding", "1xx"): ("nict.proceeding", "pass"),
    ("nict.proceeding", "2xx"): ("nict.completed", "pass"),
    ("nict.proceeding", "final"): ("nict.completed", "pass"),
    ("nict.completed", "expire"): (OVER, ""),
}
EVENTS = ("request", "1xx", "2xx", "final", "ack", "retry", "expire", "error", "cancel", "next")


def begun(state: str, limit: int = 0, *, reliable: bool = False) -> Transaction:
    return Transaction("key", state, T0, NextHop("inside", "127.0.0.1", 5060, reliable=reliable), limit)


@pytest.mark.parametrize(("state", "event"), RFC, ids=lambda value: value)
def test_a_transition_of_the_rfcs(state: str, event: str) -> None:
    transaction = begun(state)
    action = transaction.step(event, T0)
    assert (transaction.state, action) == RFC[state, event]


@pytest.mark.parametrize("state", CLOCKS)
def test_everything_else_is_ignored(state: str) -> None:
    for event in EVENTS:
        if (state, event) not in RFC:
            transaction = begun(state)
            wake = transaction.wake
            assert (transaction.step(event, T0 + S), transaction.state, transaction.wake) == ("", state, wake)


def test_each_row_has_a_case_and_stands_once() -> None:
    rows = {(state, event): row for state, events in TABLE.items() for event, row in events.items()}
    assert rows.keys() == RFC.keys()
    assert len(ROWS) == len(rows)


@pytest.mark.parametrize(("status", "event"), [(100, "1xx"), (199, "1xx"), (200, "2xx"), (299, "2xx"), (300, "final")])
def test_the_event_of_a_status(status: int, event: str) -> None:
    assert event_of(status) == event


# --- timers (RFC 3261 §17 table 4, RFC 6026 §8.7) -----------------------------------------------------------


def fired(transaction: Transaction, until_s: float = 400) -> list[tuple[float, str]]:
    """(seconds since T0, action) each time it is woken, until it doesn't want to be any more."""
    found = []
    while transaction.wake and transaction.wake <= T0 + until_s * S:
        now = transaction.wake
        found.append(((now - T0) / S, transaction.fire(now)))
        if transaction.state == OVER:
            break
    return found


DOUBLING = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
CAPPED = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""Intervals of T1 doubling up to T2 = 4 s."""


@pytest.mark.parametrize(
    ("state", "repeats", "end"),
    [
        ("ict.calling", DOUBLING, (32.0, "fail")),  # A and B
        ("ict.cancelled", [], (32.0, "fail")),
        ("ict.abandoned", [], (32.0, "")),
        ("ict.completed", [], (32.0, "")),  # D, at least 32 s
        ("ict.accepted", [], (32.0, "")),  # M
        ("nict.trying", CAPPED, (32.0, "fail")),  # E and F
        ("nict.completed", [], (5.0, "")),  # K
        ("ist.completed", CAPPED, (32.0, "")),  # G and H
        ("ist.confirmed", [], (5.0, "")),  # I
        ("ist.accepted", [], (32.0, "")),  # L
        ("nist.completed", [], (32.0, "")),  # J
    ],
)
def test_when_it_repeats_and_when_it_gives_up(state: str, repeats: list[float], end: tuple[float, str]) -> None:
    transaction = begun(state)
    assert fired(transaction) == [*((at, "repeat") for at in repeats), end]
    assert transaction.state == OVER


@pytest.mark.parametrize(
    ("state", "event", "end"),
    [
        ("ict.calling", "", (32.0, "fail")),  # B, no A
        ("nict.trying", "", (32.0, "fail")),  # F, no E
        ("nict.trying", "1xx", (32.0, "fail")),
        ("ist.proceeding", "final", (32.0, "")),  # H, no G
        ("ist.proceeding", "2xx", (32.0, "")),  # L
        ("ict.calling", "2xx", (32.0, "")),  # M
    ],
)
def test_nothing_is_repeated_over_a_reliable_transport(state: str, event: str, end: tuple[float, str]) -> None:
    transaction = begun(state, reliable=True)
    transaction.step(event, T0)
    assert fired(transaction) == [end]


@pytest.mark.parametrize(
    ("state", "event", "action"),
    [
        ("ict.proceeding", "final", "ack+pass"),  # D
        ("ist.completed", "ack", ""),  # I
        ("nist.trying", "final", "send"),  # J
        ("nist.proceeding", "2xx", "send"),
        ("nict.trying", "2xx", "pass"),  # K
    ],
)
def test_nobody_waits_for_repetitions_over_a_reliable_transport(state: str, event: str, action: str) -> None:
    transaction = begun(state, reliable=True)
    assert (transaction.step(event, T0), transaction.state, transaction.wake) == (action, OVER, 0)


@pytest.mark.parametrize("state", ["ist.proceeding", "nist.trying", "nist.proceeding", OVER])
def test_what_waits_for_its_user_has_no_timer(state: str) -> None:
    assert fired(begun(state)) == []


def test_a_non_invite_that_is_heard_of_is_repeated_each_t2_and_timer_f_runs_on() -> None:
    transaction = begun("nict.trying")
    transaction.step("1xx", T0 + 6 * S)
    assert fired(transaction) == [(at, "repeat") for at in (10, 14, 18, 22, 26, 30)] + [(32.0, "fail")]


def test_timer_c_begins_anew_with_each_provisional_response() -> None:
    transaction = begun("ict.calling")
    transaction.step("1xx", T0 + S)
    transaction.step("1xx", T0 + 100 * S)
    assert fired(transaction) == [(281.0, "cancel"), (313.0, "fail")]


def test_timer_c_is_over_three_minutes() -> None:
    assert TIMER_C > 180 * S


@pytest.mark.parametrize("heard_s", [[1], [1, 15]])
def test_the_ring_limit_is_not_put_off(heard_s: list[int]) -> None:
    transaction = begun("ict.calling", limit=T0 + 20 * S)
    for at in heard_s:
        transaction.step("1xx", T0 + at * S)
    assert fired(transaction)[0] == (20.0, "cancel")


def test_a_ring_limit_that_is_over_already_ends_it_at_once() -> None:
    transaction = begun("ict.calling", limit=T0)
    transaction.step("1xx", T0 + 5 * S)
    assert transaction.wake == T0 + 5 * S


def test_an_ack_ends_the_repetitions() -> None:
    transaction = begun("ist.completed")
    transaction.fire(transaction.wake)
    transaction.step("ack", T0 + S)
    assert fired(transaction) == [(6.0, "")]


def test_the_times_of_the_rfc() -> None:
    assert (T1, T2, T4) == (S // 2, 4 * S, 5 * S)
    assert GRAIN <= T1 // 10
