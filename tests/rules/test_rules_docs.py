"""docs/rules.md is what the code says, and its links lead somewhere."""

import re
import runpy
from pathlib import Path

from ringfence.policy.keys import RULE_SLUGS
from ringfence.rules import SLUGS, TRANSFER, UNVERIFIED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")


def test_the_page_is_made_from_the_code() -> None:
    made = runpy.run_path(str(ROOT / "tools/rules_reference.py"))["reference"]()
    assert made == PAGE, "run tools/rules_reference.py"


def test_links_of_the_page_lead_to_its_sections() -> None:
    linked = re.findall(r"\(#([a-z-]+)\)", PAGE)
    assert linked == list(SLUGS) == re.findall(r"^## ([a-z-]+)$", PAGE, re.MULTILINE)


def test_the_policy_knows_every_rule_that_has_a_mode() -> None:
    assert (UNVERIFIED.slug, TRANSFER.slug, *RULE_SLUGS) == SLUGS
