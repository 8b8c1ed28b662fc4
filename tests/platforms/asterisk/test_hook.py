"""Questions of a dial plan and their answers; what is kept of them; the dial plan itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pbxkit import Played, asterisk, begin, end, hangup, pbx, verdict

from ringfence.model.settings import Bounds, Caps, Levels, Source, Trunk, WhenDown
from ringfence.numbers.settings import PlanSettings
from ringfence.platforms.asterisk import calls
from ringfence.platforms.asterisk.dialplan import Door, dialplan, home_forms, home_patterns
from ringfence.platforms.asterisk.effects import Ask, Tell
from ringfence.platforms.asterisk.hook import HookError, Question, agi_values, is_key, key_of, question, reply_of

ASKED = {"pbx": "pbx", "key": "k", "dst": "12125550143", "trunk": "trunk1", "uid": "1.0"}


def asked(number: str = "12125550143", uid: str = "1.0", **more: str) -> Question:
    return Question(pbx="pbx", key="k", number=number, trunk="trunk1", uid=uid, **more)


def ask(played: Played, asking: Question, token: int, trunk: str = "carrier") -> list[Tell]:
    """Ask, and what is told."""
    before = len(played.effects)
    played.pbx.admit(asking, trunk, token, played.now)
    played.take()
    played._settle()
    return [effect for effect in played.effects[before:] if isinstance(effect, Tell)]


def outcomes(told: list[Tell]) -> list[tuple[int, str]]:
    return [(tell.token, tell.verdict.outcome if tell.verdict is not None else "gone") for tell in told]


# --- kept verdicts --------------------------------------------------------------------------------------------------


def test_asking_again_is_the_same_attempt_and_dialling_too() -> None:
    played = Played(pbx())
    assert outcomes(ask(played, asked(channel="PJSIP/1001-1"), 1)) == [(1, "allow")]
    assert outcomes(ask(played, asked(number="+12125550143"), 2)) == [(2, "allow")]
    played.take(begin(), end())
    assert len(played.asked) == 1
    assert played.told() == ["Answered 1.1"]
    assert "not_asked_before" not in played.pbx.status()


def test_another_number_another_trunk_and_another_channel_are_new_questions() -> None:
    played = Played(pbx(trunk1="carrier", trunk2="second"))
    for token, (question_, trunk) in enumerate(
        [
            (asked(), "carrier"),
            (asked(number="12125550144"), "carrier"),
            (asked(), "second"),
            (asked(uid="2.0"), "carrier"),
        ]
    ):
        ask(played, question_, token, trunk)
    assert len(played.asked) == 4
    assert played.asked[0].id == played.asked[2].id  # the next trunk in line is the same attempt


def test_a_refusal_is_kept_and_what_is_dialled_all_the_same_is_hung_up() -> None:
    played = Played(pbx(), "12125550143")
    assert outcomes(ask(played, asked(channel="PJSIP/1001-1"), 1)) == [(1, "deny")]
    assert outcomes(ask(played, asked(), 2)) == [(2, "deny")]
    played.take(begin())
    assert len(played.asked) == 1
    assert [cause for _, cause in played.hung_up] == [21]


def test_both_who_ask_before_the_verdict_get_it() -> None:
    played = Played(pbx(), late=True)
    assert ask(played, asked(), 1) == ask(played, asked(), 2) == []
    played.decide()
    assert outcomes([e for e in played.effects if isinstance(e, Tell)]) == [(1, "allow"), (2, "allow")]
    assert len([e for e in played.effects if isinstance(e, Ask)]) == 1


def test_who_hangs_up_before_the_verdict_holds_nothing() -> None:
    played = Played(pbx(), late=True)
    ask(played, asked(channel="PJSIP/1001-1"), 1)
    played.take(hangup("1.0"))
    played.decide()
    assert outcomes([e for e in played.effects if isinstance(e, Tell)]) == [(1, "gone")]
    assert played.told() == ["Ended cancelled"]


def test_who_hangs_up_before_dialling_gives_back_what_it_holds() -> None:
    played = Played(pbx())
    ask(played, asked(channel="PJSIP/1001-1"), 1)
    assert played.take(hangup("1.0")).told() == ["Ended cancelled"]


def test_questions_about_channels_that_nobody_tells_the_end_of_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_CHANNELS", 10)
    played = Played(pbx(), "12125550143")
    for number in range(100):
        ask(played, asked(uid=f"{number}.0"), number)
    assert (played.pbx.status()["channels"], played.pbx.status()["calls"]) == (10, 10)


def test_who_calls_is_the_channel_before_what_the_dial_plan_calls_him() -> None:
    played = Played(pbx())
    ask(played, asked(channel="PJSIP/1001-1", label="boss", caller="12125550100", peer="192.0.2.7:5060"), 1)
    ask(played, asked(uid="3.0", channel="Local/x@y-1;2", label="1002", linked="3.0"), 2)
    first, second = played.asked
    assert (first.extension, first.extension_is, first.caller, first.peer) == (
        *("1001", "account", "12125550100", "192.0.2.7:5060"),
    )
    assert (second.extension, second.extension_is) == ("1002", "label")


# --- on the wire ----------------------------------------------------------------------------------------------------


def test_a_question_is_read_and_a_caller_that_isnt_there_is_none() -> None:
    assert question({**ASKED, "cid": "<unknown>", "ip": "192.0.2.1:5060"}) == asked(peer="192.0.2.1:5060")


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"uid": None}, "has no uid"), ({"dst": "1" * 300}, "number isn't"), ({"chan": "a\r\nb"}, "channel isn't")],
)
def test_a_question_that_isnt_one_says_why(changed: dict[str, str | None], says: str) -> None:
    values = {name: value for name, value in {**ASKED, **changed}.items() if value is not None}
    with pytest.raises(HookError, match=says):
        question(values)


def test_an_answer_is_one_line_of_four_words() -> None:
    (attempt,) = Played(pbx()).take(begin()).asked
    assert reply_of(verdict(attempt, "allow")).line() == "allow - 0 -\n"
    assert reply_of(verdict(attempt, "deny"), "sounds/no").line() == "deny deny 0 sounds/no\n"
    assert reply_of(verdict(attempt, "not_ready")).verdict == "deny"


def test_the_key_is_made_of_the_secret_and_doesnt_show_it() -> None:
    assert is_key(key_of("secret"), "secret")
    assert not is_key(key_of("secret"), "other")
    assert not is_key("", "secret")
    assert not is_key("ü", "secret")
    assert re.fullmatch("[0-9a-f]{32}", key_of("secret"))


def test_fastagi_asks_the_same() -> None:
    lines = [
        "agi_network: yes",
        "agi_network_script: admit?pbx=pbx&key=k",
        "agi_channel: PJSIP/1001-0000001c",
        "agi_uniqueid: 1.0",
        "agi_callerid: unknown",
        "agi_arg_1: trunk1",
        "agi_arg_2: 12125550143",
        "agi_arg_3: acc",
    ]
    assert question(agi_values(lines)) == asked(channel="PJSIP/1001-0000001c", label="acc")
    with pytest.raises(HookError, match="has no pbx, key, dst, trunk, uid"):
        question(agi_values([]))


# --- the dial plan --------------------------------------------------------------------------------------------------


def rendered(when_down: WhenDown = "national_only", home: str = "US", block: int | None = None) -> str:
    source = Source(name="office", zone="internal", trunks=("carrier",), plan=PlanSettings(home=home))
    bounds = Bounds(caps=Caps(concurrent=Levels(block=block)))
    trunk = Trunk(name="carrier", when_down=when_down, bounds=bounds)
    return dialplan(asterisk(), source, {"carrier": trunk}, Door("http", "127.0.0.1:8573", "k" * 32))


def contexts(text: str) -> Iterator[str]:
    yield from re.findall(r"^\[(.*)\]$", text, re.MULTILINE)


def test_the_numbers_at_home_are_there_only_where_they_are_needed() -> None:
    assert "ringfence-national" in list(contexts(rendered()))
    for when_down in ("allow", "refuse"):
        assert "ringfence-national" not in list(contexts(rendered(when_down)))


def test_a_trunk_with_fewer_channels_has_fewer_without_an_answer() -> None:
    assert "} > 10]" in rendered()
    assert "} > 3]" in rendered(block=3)


def test_every_step_has_a_priority_and_labels_are_there() -> None:
    text = rendered()
    for context in re.split(r"^\[.*\]$", text, flags=re.MULTILINE)[1:]:
        wanted = set(re.findall(r"\?([a-z]+)(?::([a-z]+))?\)$", context, re.MULTILINE))
        labels = set(re.findall(r"n\(([a-z]+)\)", context))
        assert {label for pair in wanted for label in pair if label} <= labels
        for line in filter(None, context.splitlines()):
            assert re.match(r"exten => \S+,1,\w+\(| same => n(\([a-z]+\))?,\w+\(", line), line


@pytest.mark.parametrize(
    ("home", "has", "hasnt"),
    [
        ("DE", [("+", ""), ("0", "49")], [("", "")]),  # 49 begins numbers of Germany too
        ("US", [("+", ""), ("", ""), ("", "1")], [("0", "1")]),
        ("LV", [("", ""), ("", "371")], [("0", "371")]),
    ],
)
def test_the_ways_to_dial_home_are_those_that_the_plan_reads_so(
    home: str, has: list[tuple[str, str]], hasnt: list[tuple[str, str]]
) -> None:
    forms = set(home_forms(Source(name="o", zone="internal", plan=PlanSettings(home=home))))
    assert forms.issuperset(has)
    assert forms.isdisjoint(hasnt)


@pytest.mark.parametrize("home", ["US", "GB", "LV"])
def test_patterns_are_asterisks_and_of_one_length_each(home: str) -> None:
    patterns = home_patterns(Source(name="o", zone="internal", plan=PlanSettings(home=home)))
    assert patterns
    assert all(re.fullmatch(r"_[0-9]+(\[[0-9]+\])?X*", pattern) for pattern in patterns)
    assert len(set(patterns)) == len(patterns)
