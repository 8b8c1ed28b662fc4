"""The compiled table is its source, phonenumberslite, made fast: rebuilt equal, and equal number by number."""

import importlib.util
import random
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from ringfence.numbers import DialPlan, PlanSettings, calling_code, numbering
from ringfence.numbers.table import MAGIC, MAX_DIGITS, Numbering, NumberingError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src/ringfence/numbers/data/numbering.bin"
NAMES = {
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.UNKNOWN: "",
}


@pytest.fixture(autouse=True)
def _wide_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """phonenumbers has 1,400 patterns, the cache of `re` 512 places."""
    monkeypatch.setattr(re, "_MAXCACHE", 20_000)


def source(digits: str) -> tuple[str, str]:
    """(region, type) that phonenumbers gives E.164 digits; ("", "") for an invalid number."""
    code = calling_code(digits)
    national = digits[len(code) :]
    number = phonenumbers.PhoneNumber(country_code=int(code), national_number=int(national))
    if national.startswith("0"):
        number.italian_leading_zero = True
        number.number_of_leading_zeros = len(national) - len(national.lstrip("0"))
        number.number_of_leading_zeros = min(number.number_of_leading_zeros, len(national) - 1)
    if not phonenumbers.is_valid_number(number):
        return "", ""
    return phonenumbers.region_code_for_number(number) or "", NAMES[phonenumbers.number_type(number)]


def ours(digits: str) -> tuple[str, str]:
    label = numbering().plain.label(digits)
    return (label.region, label.type) if label.type else ("", "")


def around_breakpoints(rng: random.Random) -> Iterator[str]:
    """Both sides of every breakpoint, each at some length."""
    for start in numbering().plain.starts:
        if start and calling_code(start):
            size = rng.randint(max(len(start), len(calling_code(start)) + 1), MAX_DIGITS)
            here = start.ljust(size, "0")
            yield here
            yield str(int(here) - 1)


def valid_numbers(rng: random.Random, count: int) -> Iterator[str]:
    """Numbers of all labels alike, some of them with one digit changed, added or left out."""
    table = numbering().plain
    cells = [
        (start, size)
        for start, row in zip(table.starts, table.rows, strict=True)
        for size, label in enumerate(row)
        if label.type and size >= len(start)
    ]
    for start, size in rng.choices(cells, k=count):
        digits = start + "".join(rng.choices("0123456789", k=size - len(start)))
        place = rng.randrange(len(digits))
        yield digits
        yield digits[:place] + rng.choice("0123456789") + digits[place + 1 :]
        yield (digits + rng.choice("0123456789"))[:MAX_DIGITS]
        yield digits[:-1]


def judgeable(numbers: Iterator[str]) -> list[str]:
    return [digits for digits in numbers if calling_code(digits) and len(digits) > len(calling_code(digits))]


def test_every_breakpoint_agrees_with_the_source_on_both_sides() -> None:
    differing = [(digits, ours(digits), source(digits)) for digits in judgeable(around_breakpoints(random.Random(11)))]
    assert len(differing) > 50_000
    assert [each for each in differing if each[1] != each[2]] == []


def test_random_valid_and_damaged_numbers_agree_with_the_source() -> None:
    numbers = judgeable(valid_numbers(random.Random(12), 15_000))
    differing = [(digits, ours(digits), source(digits)) for digits in numbers]
    assert sum(bool(each[1][1]) for each in differing) > 20_000, "too few of them are valid to say anything"
    assert [each for each in differing if each[1] != each[2]] == []


def test_every_example_number_of_the_source_is_in_the_table() -> None:
    seen = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind, name in NAMES.items():
            example = phonenumbers.example_number_for_type(region, kind) if name else None
            if example is not None:
                digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
                assert ours(digits) == source(digits) != ("", "")
                seen += 1
    assert seen > 1_000


def test_rebuilding_gives_the_shipped_bytes() -> None:
    """Before compression, since zlib's output isn't the same in all its builds."""
    shipped = SHIPPED.read_bytes()
    assert zlib.decompress(shipped[len(MAGIC) + 32 :]) == compiler().compile_payload()
    assert numbering().version == phonenumbers.__version__


def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_numbering", ROOT / "tools/compile_numbering.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: b"",
        lambda blob: blob[:7],
        lambda blob: b"X" + blob[1:],
        lambda blob: blob[:50] + bytes([blob[50] ^ 1]) + blob[51:],
        lambda blob: blob[:20] + bytes([blob[20] ^ 1]) + blob[21:],
        lambda blob: blob[:-100],
    ],
)
def test_a_damaged_file_is_refused(damage: object) -> None:
    with pytest.raises(NumberingError, match="reinstall"):
        Numbering(damage(SHIPPED.read_bytes()))  # type: ignore[operator]


ELSEWHERE = {"FR", "IE", "GA", "QA"}
"""Where a national form has a second meaning that we take or refuse on purpose: see test_outgoing and test_attacks."""


def test_numbers_in_national_format_are_read_back_at_home() -> None:
    rng = random.Random(13)
    checked = 0
    for digits in [each for each in valid_numbers(rng, 3_000) if ours(each)[1]]:
        region = ours(digits)[0]
        if region == "001" or region in ELSEWHERE:
            continue
        number = phonenumbers.parse("+" + digits)
        dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        found = DialPlan(PlanSettings(home=region)).normalise(dialled)
        if found.status != "short":
            assert found.e164 == digits, (region, dialled, found)
            checked += 1
    assert checked > 4_000
