"""Write docs/rules.md from the docstrings of the rules; a test compares them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from ringfence.rules import ALL, CAP_RULES, LONGEST, UNVERIFIED
from ringfence.rules.base import Named

DOCS = Path(__file__).parents[1] / "docs"

HEAD = """\
# The rules

*This page is made from the code (`tools/rules_reference.py`); don't edit it.*

Every call is judged by all of them, and the verdict names every one that hit, with what was observed, the limit and the
line of the policy that decides. The reason given is that of the first in this order. All caps are granted together or
not at all. An emergency call is never refused by any.

`[rules.SLUG] mode = "observe"` records what a rule would do, `"off"` switches it off (see [policy](policy.md#rules)).

The examples are lines over a policy with one trunk `carrier` and one source `pbx`, at home in the US, with the caller
IDs +1 212 555 0100 to 0199. Where they have `rates.csv`, a minute costs 0.01 in the US, 0.02 in Great Britain and 0.05
to a mobile there, 0.50 in Latvia after 0.05 for the connection. A line `call` says what is dialled, and after the colon
whether it is allowed or which rule refuses it. They are run as tests.

| rule | answer to the caller | what it finds |
|---|---|---|
"""


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(map(row, ALL)) + "".join(map(section, ALL))


def row(rule: Named) -> str:
    """The rule's line in the table."""
    first = inspect.cleandoc(type(rule).__doc__ or "").partition("\n")[0]
    return f"| [`{rule.slug}`](#{rule.slug}) | {answer(rule)} | {first} |\n"


def answer(rule: Named) -> str:
    """What the caller gets."""
    return "BYE" if rule is LONGEST else f"{rule.status} {rule.public}"


def section(rule: Named) -> str:
    """The rule's docstring as Markdown, its indented blocks as they are."""
    doc = inspect.cleandoc(type(rule).__doc__ or "")
    text = re.sub(r"^\*([A-Z][a-z ]+)\*$", r"**\1**", doc, flags=re.MULTILINE)
    return f"\n## {rule.slug}\n\n{text}\n" + "".join(f"\n{note}\n" for note in notes(rule))


def notes(rule: Named) -> list[str]:
    """What else is to be known of it."""
    found = []
    if rule is UNVERIFIED:
        found.append("It has no mode: it always refuses.")
    if rule in CAP_RULES:
        found.append("It is a cap: `alert` tells people, `block` refuses.")
    if rule.spoofable:
        found.append("It looks at what a caller can choose: a hit says that something is wrong, not who does it.")
    return found


def main() -> None:
    """Write the page."""
    (DOCS / "rules.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
