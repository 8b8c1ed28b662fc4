"""What the pages for operators say can be done: links lead somewhere, commands exist, policies load."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.cli.app import app
from ringfence.policy import Loader
from ringfence.policy.lint import lint

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
START = (ROOT / "docs/start.md").read_text(encoding="utf-8")
UNIT = (ROOT / "examples/ringfence.service").read_text(encoding="utf-8")
EXPLAINED = re.findall(
    r"ringfence policy explain .* --dial \S+", (ROOT / "examples/policy.toml").read_text(encoding="utf-8")
)[0]
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOW = 1_800_000_000_000_000


def anchors(text: str) -> set[str]:
    """Those of headings, as GitHub makes them, and those that are written out."""
    text = FENCED.sub("", text)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return {*made, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{page.name}: {target}"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| \[[^\]]+\]\(([a-z0-9-]+\.md)\)", index, re.MULTILINE))
    assert named == {page.name for page in PAGES} - {"index.md"}


def commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of every `ringfence …` in a page, in code blocks and between backticks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line.split("  #")[0] for block in FENCED.findall(text) for line in block.splitlines()]
        blocks = re.findall(
            r"(?:^|&& |^# )(?:\.venv/bin/)?(ringfence [a-z].*?)(?= &&|$)", "\n".join(lines), re.MULTILINE
        )
        inline = re.findall(r"`(ringfence [a-z][^`]+)`", FENCED.sub("", text))
        yield from ((page.name, line.strip()) for line in (*blocks, *inline))


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_commands_exist_with_their_options(page: str, line: str) -> None:
    assert unknown(shlex.split(line)[1:]) == [], page


EXAMPLES = [line for _, line in commands() if re.match("ringfence number .*[0-9]{6}$", line)]


@pytest.mark.parametrize("line", [*EXAMPLES, EXPLAINED])
def test_what_the_pages_dial_as_an_example_is_a_number(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")
    assert app(shlex.split(line)[1:]) == 0


def unknown(words: list[str]) -> list[str]:
    """What of a command line the program doesn't know: a command, options."""
    command = app
    while words and words[0] in command:
        command, words = command[words[0]], words[1:]
    if command.default_command is None:
        return words or ["a command that does something"]
    names = {name for argument in command.assemble_argument_collection() for name in argument.names}
    return [word for word in words if word.startswith("--") and word not in names]


def policies() -> list[str]:
    """The whole policy of the page, the same with its part about money, and with its part about the firewall."""
    whole, money, firewall = re.findall(r"^```toml\n(.*?)^```$", START, re.MULTILINE | re.DOTALL)
    keys = money.partition("\n")[2]
    return [whole, whole.replace("[source.pbx]", f"{keys}\n[source.pbx]"), whole + firewall]


@pytest.mark.parametrize(
    ("index", "unwise"), [(0, ["POL-104", "POL-401"]), (1, ["POL-401"]), (2, ["POL-104", "POL-401"])]
)
def test_the_policy_to_start_with_is_right_and_wise(tmp_path: Path, index: int, unwise: list[str]) -> None:
    (tmp_path / "policy.toml").write_text(policies()[index], encoding="utf-8")
    (tmp_path / "rates.csv").write_bytes((ROOT / "examples/rates.csv").read_bytes())
    found = lint(Loader(str(tmp_path / "policy.toml")).load(), now=NOW)
    assert [finding.code for finding in found] == unwise


def test_the_unit_starts_what_the_page_installs() -> None:
    for path in re.findall(r"/opt/ringfence/\S+|/etc/ringfence/\S+|/var/lib/ringfence", UNIT):
        if path.startswith("/opt/ringfence/") and ".venv" not in path:
            assert (ROOT / path.removeprefix("/opt/ringfence/")).exists(), path
    command = re.search(r"^ExecStart=(\S+) (.*)$", UNIT, re.MULTILINE)
    assert command is not None
    assert command[1] == "/opt/ringfence/.venv/bin/ringfence"
    assert unknown(shlex.split(command[2])) == []
    for place in ("/opt/ringfence/examples/ringfence.service", "/etc/ringfence/policy.toml", "/var/lib/ringfence"):
        assert place in START
