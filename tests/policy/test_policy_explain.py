"""An explanation puts the hit that decides first, with its line, and lists the caps with theirs."""

from pathlib import Path

import pytest

from ringfence.model import UNLIMITED, Attempt, Charge, Destination, Hit, Hold, Instant, Judgement, MeterKey, Verdict
from ringfence.numbers import DialPlan
from ringfence.policy import Loaded, Loader
from ringfence.policy.explain import ExplainError, explain

EXAMPLE = Path(__file__).parents[2] / "examples" / "policy.toml"
AT = 1_798_761_600_000_000
CALLS = MeterKey("trunk", "carrier", "calls", "", 0)
HITS = (
    Hit(rule="high-risk", severity="alert", text="risk 80 of 100", where="trunk.carrier.risk_alert"),
    Hit(rule="destination-not-permitted", severity="block", text="CU is not permitted", where="trunk.carrier.permit"),
)


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return Loader(str(EXAMPLE)).load()


def decide(attempt: Attempt, at: Instant) -> tuple[Judgement, Verdict]:
    """Stands for the engine: refuses Cuba and counts calls."""
    number = DialPlan(Loader(str(EXAMPLE)).load().policy.sources["pbx"].plan).normalise(attempt.dialled)
    destination = Destination(number=number, klass="international", risk=80, price=None)
    hits = HITS if number.region == "CU" else ()
    charges = () if hits else (Charge(CALLS, 1, 5, True), Charge(CALLS, 1, UNLIMITED, False))
    judgement = Judgement(
        attempt=attempt,
        destination=destination,
        hits=hits,
        hold=Hold("explain", "here", charges, at),
        charge_rules=("concurrent-calls",) * len(charges),
        charge_where=("trunk.carrier.concurrent.block", "")[: len(charges)],
        emergency=False,
        send_user=f"+{number.e164}",
        send_caller=None,
        max_call_s=3600,
        ring_limit_s=180,
    )
    verdict = Verdict(
        outcome="deny" if hits else "allow",
        reason=hits[1].rule if hits else "",
        text="",
        sip_status=603 if hits else 0,
        public_text="",
        hits=hits,
        destination=destination,
        emergency=False,
        send_user=judgement.send_user,
        send_caller=None,
    )
    return judgement, verdict


def line_of(start: str) -> str:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return f"{EXAMPLE}:{next(n for n, line in enumerate(lines, 1) if line.startswith(start))}"


def test_refused(loaded: Loaded) -> None:
    told = explain(loaded, "pbx", "01153123456", AT, decide)
    first, second = told.lines
    assert (first.rule, first.decides, first.place) == ("destination-not-permitted", True, line_of("permit ="))
    assert (second.rule, second.decides, second.place) == ("high-risk", False, line_of("[trunk.carrier]"))
    assert told.steps[-1].stage == "result"
    assert told.caps == ()


def test_allowed(loaded: Loaded) -> None:
    told = explain(loaded, "pbx", "12125550123", AT, decide)
    assert told.lines == ()
    (cap,) = told.caps
    assert (cap.limit, cap.meter, cap.place) == (5, "calls of trunk carrier", line_of("concurrent ="))


def test_attempt(loaded: Loaded) -> None:
    attempt = explain(loaded, "pbx", "12125550123", AT, decide).attempt
    assert (attempt.listener, attempt.peer, attempt.trunk) == ("inside", "127.0.0.1:5060", "carrier")
    assert attempt.caller == "+12125550100"
    assert explain(loaded, "pbx", "1", AT, decide, caller="+15550100").attempt.caller == "+15550100"


@pytest.mark.parametrize(
    ("source", "trunk", "said"),
    [("pbxx", None, "there is no source 'pbxx'; did you mean 'pbx'"), ("pbx", "zzz", "there is carrier")],
)
def test_unknown_names(loaded: Loaded, source: str, trunk: str | None, said: str) -> None:
    with pytest.raises(ExplainError, match=said):
        explain(loaded, source, "1", AT, decide, trunk=trunk)
