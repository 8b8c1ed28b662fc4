"""The page for operators is right: its examples are dialled, its files loaded, its words those of the code."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from ringfence.numbers import (
    FLAGS,
    REASONS,
    SHORT_TYPES,
    TYPES,
    BlockList,
    DialPlan,
    Number,
    OutgoingFormat,
    PlanSettings,
    RateDeck,
    RiskTable,
)

PAGE = (Path(__file__).parents[2] / "docs/numbers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `([^`]+)` \| ([A-Z]{2}) \| (?:`([^`]+)`)? ?\| ([^|]+) \|$", PAGE, re.MULTILINE)
FORMS = re.findall(r"^\| `([+0-9a-zE]+)` \| `([+0-9]+)` \| `([+0-9]+)` \|$", PAGE, re.MULTILINE)
FILES = re.findall(r"```csv\n(.+?)```", PAGE, re.DOTALL)


def shown(number: Number) -> str:
    if number.rejected:
        return f"refused: {number.reason}"
    return f"{'+' if number.status == 'ok' else ''}{number.e164} {number.type} {number.region}"


@pytest.mark.parametrize(("dialled", "home", "settings", "becomes"), EXAMPLES)
def test_example(dialled: str, home: str, settings: str, becomes: str) -> None:
    plan = DialPlan(msgspec.convert({"home": home, **json.loads(settings or "{}")}, PlanSettings))
    assert shown(plan.normalise(dialled)) == becomes


@pytest.mark.parametrize(("dial_format", "abroad", "home"), FORMS)
def test_outgoing_form(dial_format: str, abroad: str, home: str) -> None:
    outgoing = OutgoingFormat(dial_format, "US")
    assert (outgoing.digits("441614960123"), outgoing.digits("12125550142")) == (abroad, home)


def test_the_page_has_examples() -> None:
    assert (len(EXAMPLES), len(FORMS), len(FILES)) == (25, 4, 3)


def test_files_of_the_page_load() -> None:
    deck, blocked, risks = FILES
    assert len(RateDeck.from_csv(deck)) == 4
    assert len(BlockList.from_csv(blocked)) == 2
    assert RiskTable.from_csv(risks).score(Number("ok", "37122345678", "LV", "mobile")).score == 5


def test_every_word_of_the_code_is_explained() -> None:
    for meanings in (REASONS, FLAGS):
        for word, meaning in meanings.items():
            assert f"| `{word}` | {meaning} |" in PAGE
    for kind in (*TYPES, *SHORT_TYPES):
        assert f"`{kind}`" in PAGE.partition("## Kinds")[2].partition("## Rate decks")[0]
    for setting in PlanSettings.__struct_fields__:
        assert f"| `{setting}` |" in PAGE
