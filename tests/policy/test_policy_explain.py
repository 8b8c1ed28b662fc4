"""An explanation puts the hit that decides first, with its line, and lists the caps with theirs."""

from pathlib import Path

import pytest

from ringfence.model import UNLIMITED, Attempt, Charge, Destination, Hit, Hold, Instant, Judgement, MeterKey, Verdict
from ringfence.numbers import DialPlan
from ringfence.policy import Loaded, Loader
from ringfence.policy.explain import ExplainError, explain, in_words

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
    charges = () if hits else (Charge(CALLS, 1, 5, alert=4), Charge(CALLS, 1, UNLIMITED, False))
    judgement = Judgement(
        attempt=attempt,
        destination=destination,
        hits=hits,
        hold=Hold("explain", "here", charges, at),
        charge_rules=("concurrent-calls",) * len(charges),
        charge_where=("trunk.carrier.concurrent.block", "")[: len(charges)],
        charge_levels=tuple(charge.level for charge in charges),
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
    assert (first.default, second.default) == (False, True)
    assert told.caps == () == told.permissions


def test_allowed(loaded: Loaded) -> None:
    told = explain(loaded, "pbx", "12125550123", AT, decide)
    assert told.lines == ()
    (permission,) = told.permissions
    assert (permission.text, permission.place) == ("trunk carrier permits US", line_of("permit ="))
    (cap,) = told.caps
    assert (cap.limit, cap.alert, cap.place) == (5, 4, line_of("concurrent ="))
    assert cap.text == "trunk carrier: alert from 4 calls, at most 5 calls at once"


def test_every_list_admits(tmp_path: Path) -> None:
    """The entry that admits is named: the longest prefix, or the country; a trunk without a list has its home."""
    text = EXAMPLE.read_text(encoding="utf-8").replace('permit = ["US", "CA", "GB"]', "")
    text = text.replace('profile = "office"\n', 'profile = "office"\npermit = ["+1212", "+1", "GB"]\ntenant = "t"\n')
    path = tmp_path / "policy.toml"
    path.write_text(text + "\n[tenant.t]\npermit = 'home'\n")
    (tmp_path / "rates.csv").write_text(EXAMPLE.with_name("rates.csv").read_text())
    told = explain(Loader(str(path)).load(), "pbx", "12125550123", AT, decide)
    texts = ["trunk carrier permits US, its home", "source pbx permits +1212", "tenant t permits US"]
    assert [permission.text for permission in told.permissions] == texts


@pytest.mark.parametrize(
    ("charge", "text"),
    [
        (Charge(MeterKey("trunk", "a", "calls", "", 0), 1, 1), "trunk a: at most 1 call at once"),
        (
            Charge(MeterKey("trunk", "a", "attempts", "international", 60), 1, 90, alert=60),
            "trunk a, international: alert from 60 calls, at most 90 calls in a minute",
        ),
        (Charge(MeterKey("trunk", "a", "attempts", "", 10), 1, alert=2), "trunk a: alert from 2 calls in 10 s"),
        (
            Charge(MeterKey("source", "a", "rate", "", 0), 1, 2500, burst=3, pace_us=300_000),
            "source a: at most 2.5 calls a second, 3 at once, waiting up to 300 ms",
        ),
        (
            Charge(MeterKey("caller", "a/101", "money", "", 86_400), 7, 5_250_000),
            "extension a/101: at most 5.25 EUR in 24 hours",
        ),
    ],
)
def test_caps_in_words(charge: Charge, text: str) -> None:
    assert in_words(charge, "EUR") == text


def test_attempt(loaded: Loaded) -> None:
    attempt = explain(loaded, "pbx", "12125550123", AT, decide).attempt
    assert (attempt.listener, attempt.peer, attempt.trunk) == ("inside", "127.0.0.2:5060", "carrier")
    assert attempt.caller == "+12125550100"
    assert explain(loaded, "pbx", "1", AT, decide, caller="+15550100").attempt.caller == "+15550100"


@pytest.mark.parametrize(
    ("source", "trunk", "said"),
    [("pbxx", None, "there is no source 'pbxx'; did you mean 'pbx'"), ("pbx", "zzz", "there is carrier")],
)
def test_unknown_names(loaded: Loaded, source: str, trunk: str | None, said: str) -> None:
    with pytest.raises(ExplainError, match=said):
        explain(loaded, source, "1", AT, decide, trunk=trunk)
