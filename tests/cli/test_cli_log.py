"""`ringfence log`: instants as people write them, and what observe mode let through."""

import msgspec
import pytest

from ringfence.cli.log import WhenError, observed_rule, when
from ringfence.model import SECOND, Destination, Hit, Outcome, Verdict
from ringfence.model.verdict import Severity
from ringfence.numbers import Number

NOW = 1_800_000_000 * SECOND


def verdict(outcome: Outcome, *hits: tuple[str, Severity, bool], emergency: bool = False) -> Verdict:
    return Verdict(
        outcome=outcome,
        reason="",
        text="",
        sip_status=0,
        public_text="",
        hits=tuple(Hit(rule=rule, severity=severity, text="", enforced=enforced) for rule, severity, enforced in hits),
        destination=Destination(
            number=Number("ok", "5355512345", "CU", "mobile"), klass="international", risk=0, price=None
        ),
        emergency=emergency,
        send_user="",
        send_caller=None,
    )


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (verdict("allow"), ""),
        (verdict("allow", ("high-risk", "alert", False)), ""),
        (verdict("allow", ("high-risk", "alert", True), ("special-kind", "block", False)), "special-kind"),
        (verdict("allow", ("special-kind", "block", False), ("spend", "block", False)), "special-kind"),
        (verdict("deny", ("special-kind", "block", False), ("spend", "block", True)), ""),
        (verdict("allow", ("concurrent-calls", "block", False), emergency=True), ""),
    ],
)
def test_a_call_that_observe_mode_let_through_names_the_rule(given: Verdict, rule: str) -> None:
    assert observed_rule(given) == rule


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [("15m", 900), ("36h", 129_600), ("7d", 604_800), ("90s", 90), ("2027-01-15T08:00:00+00:00", 0)],
)
def test_instants(text: str, ago_s: int) -> None:
    assert when(text, NOW) == NOW - ago_s * SECOND


@pytest.mark.parametrize("text", ["yesterday", "15 m", "-5m", "2027-13-01", "٣h"])
def test_what_is_no_instant_is_said(text: str) -> None:
    with pytest.raises(WhenError, match="is no time: write 15m"):
        when(text, NOW)


def test_the_rule_is_read_from_what_was_kept() -> None:
    kept = msgspec.msgpack.encode(verdict("allow", ("spend", "block", False)))
    assert observed_rule(msgspec.msgpack.decode(kept, type=Verdict)) == "spend"
