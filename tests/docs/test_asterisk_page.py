"""The page on Asterisk: its policy loads, its manager user is the one that is rendered, and no more than that."""

import re
import textwrap
from pathlib import Path

from ringfence.platforms.asterisk.render import READ, WRITE, manager_conf
from ringfence.policy import load

PAGE = (Path(__file__).parents[2] / "docs" / "asterisk.md").read_text(encoding="utf-8")
SITE = '[site]\nhome_country = "US"\ntime_zone = "America/New_York"\n\n'


def fenced(kind: str) -> str:
    found = re.search(rf"^ *```{kind}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return textwrap.dedent(found[1])


def test_the_policy_of_the_page_is_right(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(SITE + fenced("toml"), encoding="utf-8")
    policy = load(str(tmp_path / "policy.toml"))
    assert policy.asterisks["office"].trunks == {"trunk1": "carrier"}
    assert policy.asterisks["office"].secret in PAGE


def test_the_manager_user_of_the_page_is_the_one_that_is_rendered() -> None:
    assert fenced("ini") == manager_conf("ringfence", "a-long-random-secret")
    assert "system" not in WRITE
    assert {"command", "config", "originate", "dialplan"}.isdisjoint({*READ, *WRITE})
