"""How things are said to the operator."""

from __future__ import annotations

import pytest
from rulecase import at

from ringfence.numbers import DialPlan, PlanSettings
from ringfence.rules import words
from ringfence.rules.base import money

PLAN = DialPlan(PlanSettings(home="US"))


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (1, "0.000001"), (15_000, "0.015"), (20_400_000, "20.40"), (1_000_000_000_000, "1000000.00")],
)
def test_money(micros: int, text: str) -> None:
    assert money(micros) == text


@pytest.mark.parametrize(
    ("window_s", "text"),
    [(60, "a minute"), (3600, "an hour"), (86_400, "24 hours"), (2_592_000, "30 days"), (10, "10 s")],
)
def test_spans(window_s: int, text: str) -> None:
    assert words.span(window_s) == text


def test_moments_are_wall_clock() -> None:
    assert words.moment(at("2026-07-01T12:00", "UTC"), "Europe/Berlin") == "Wed 2026-07-01 14:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("dialled", "text"),
    [
        ("2125550123", "+12125550123 (fixed or mobile, US)"),
        ("411", "411 (short, US)"),
        ("01137110000000", "+37110000000"),
        ("ali\nce", "'ali\\nce'"),
    ],
)
def test_destinations(dialled: str, text: str) -> None:
    assert words.destination(PLAN.normalise(dialled), dialled) == text


def test_foreign_text_is_short_and_harmless() -> None:
    assert words.quoted("x" * 41) == f"'{'x' * 40}...'"
    assert words.quoted("a\u202eb") == "'a\\u202eb'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Ann Ü, 101", "Ann Ü, 101"), ("\x1b[2J\n", "\\x1b[2J\\n"), ("a\u202eb", "a\\u202eb"), ("\ud800", "\\ud800")],
)
def test_what_a_terminal_or_page_would_obey_is_written_out(text: str, shown: str) -> None:
    assert words.plain(text) == shown
