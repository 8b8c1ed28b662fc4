"""Numbers judged per second, side by side with phonenumbers, in one run: `python bench/bench_numbers.py [COUNT]`.

The same strings are put through `DialPlan.normalise` and through phonenumbers' parse, validity, region and type, once
as it is shipped and once with the regular-expression cache of CPython raised, which it needs for worldwide traffic.
Asserts nothing; prints CPU time.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable
from importlib.resources import files

import phonenumbers

from ringfence.numbers import DialPlan, PlanSettings, numbering, overlay
from ringfence.numbers.table import Numbering


def sample(count: int, seed: int = 1) -> list[str]:
    """Valid E.164 digits from all over the world, each region alike."""
    random.seed(seed)
    by_region: dict[str, list[str]] = {}
    table = numbering().plain
    for start, row in zip(table.starts, table.rows, strict=True):
        for size, label in enumerate(row):
            if label.type and size >= len(start):
                digits = start + "".join(random.choices("0123456789", k=size - len(start)))
                if table.label(digits).type:
                    by_region.setdefault(label.region, []).append(digits)
    regions = sorted(by_region)
    return [random.choice(by_region[random.choice(regions)]) for _ in range(count)]


def rate(work: Callable[[str], object], inputs: list[str]) -> float:
    """Inputs per second of CPU time, best of three."""
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        for text in inputs:
            work(text)
        best = min(best, time.process_time() - begin)
    return len(inputs) / best


def peer(text: str, home: str) -> object:
    """What an application does with phonenumbers."""
    try:
        number = phonenumbers.parse(text, home)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return valid, phonenumbers.region_code_for_number(number), phonenumbers.number_type(number)


def main() -> None:
    """Print one line a form."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    world = sample(count)
    nanp = [digits for digits in sample(count * 20, 2) if digits[0] == "1"][:count]
    forms = {
        "+E.164": ("US", {}, ["+" + digits for digits in world]),
        "011 + E.164": ("US", {}, ["011" + digits for digits in world]),
        "00 + E.164": ("GB", {}, ["00" + digits for digits in world]),
        "NANP 1 + 10": ("US", {}, nanp),
        "9 011 + E.164": ("US", {"outside": ("9",)}, ["9011" + digits for digits in world]),
        "sip:+E.164@host": ("US", {}, [f"sip:+{digits}@192.0.2.1:5060;user=phone" for digits in world]),
        "with spaces": ("US", {}, [f"+{digits[:3]} {digits[3:6]} {digits[6:]}" for digits in world]),
    }
    print(f"{len(numbering().plain.starts):,} breakpoints; CPU ms to load, best of three: {_load_ms()}")
    print(f"{'form':18}{'ringfence /s':>14}{'phonenumbers':>14}{'ratio':>8}{'cache raised':>14}{'ratio':>8}")
    for name, (home, settings, inputs) in forms.items():
        plan = DialPlan(PlanSettings(home=home, **settings))
        ours = rate(plan.normalise, inputs)
        shipped = _peer_rate(inputs[: count // 10], home, 512)
        raised = _peer_rate(inputs, home, 20_000)
        print(f"{name:18}{ours:14,.0f}{shipped:14,.0f}{ours / shipped:8.1f}{raised:14,.0f}{ours / raised:8.1f}")


def _load_ms() -> str:
    """What a process pays once: reading the table, and cutting the overlay into it."""
    blob = files("ringfence.numbers").joinpath("data/numbering.bin").read_bytes()
    steps: dict[str, Callable[[], object]] = {
        "table": lambda: Numbering(blob),
        "overlay": overlay.table.__wrapped__,
    }
    return ", ".join(f"{name} {1000 / rate(lambda _, step=step: step(), ['']):.1f}" for name, step in steps.items())


def _peer_rate(inputs: list[str], home: str, cache: int) -> float:
    re.purge()
    re._MAXCACHE = cache  # type: ignore[attr-defined]
    return rate(lambda text: peer(text, home), inputs)


if __name__ == "__main__":
    main()
