"""docs/cli.md is what the commands say, and every parameter is explained in help and page alike."""

import re
import runpy
from pathlib import Path

from ringfence.cli.app import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
TOOL = runpy.run_path(str(ROOT / "tools/cli_reference.py"))


def test_the_page_is_made_from_the_code() -> None:
    assert TOOL["reference"]() == PAGE, "run tools/cli_reference.py"


def test_links_of_the_page_lead_to_its_commands() -> None:
    linked = re.findall(r"\(#([a-z-]+)\)", PAGE)
    assert linked == re.findall(r'^<a id="([a-z-]+)"></a>$', PAGE, re.MULTILINE)
    assert [name.replace("-", " ") for name in linked] == re.findall(r"^## `ringfence ([a-z ]+)`$", PAGE, re.MULTILINE)


def test_commands_stand_in_the_page_as_the_help_names_them() -> None:
    named = [name for name in app if not name.startswith("-")]
    assert list(dict.fromkeys(re.findall(r"^## `ringfence ([a-z]+)", PAGE, re.MULTILINE))) == named
