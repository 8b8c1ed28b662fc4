"""The fuzz run finds what it is there for: a fault that is planted, in each room, and nothing where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ringfence.edge import core, media, rewrite, sending, state
from ringfence.sip import build, message

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import fuzz

    # A run puts names that follow from its seed in their place; so they come back.
    monkeypatch.setattr(fuzz.play.wire, "new_branch", fuzz.play.wire.new_branch)
    monkeypatch.setattr(fuzz.play.wire, "new_tag", fuzz.play.wire.new_tag)
    log = core.log
    handlers, propagate = log.handlers, log.propagate
    yield fuzz
    log.handlers, log.propagate = handlers, propagate
    for name in [name for name in sys.modules if name.partition(".")[0] in ("fuzz", "fuzzing")]:
        del sys.modules[name]


def found(fuzz: ModuleType, folder: Path, turns: int = 4) -> list[str]:
    run = fuzz.Run(3, folder)
    for _ in range(turns):
        run.turn()
    return list(run.found)


def test_it_finds_nothing_where_nothing_is_wrong(fuzz: ModuleType, tmp_path: Path) -> None:
    run = fuzz.Run(3, tmp_path)
    for _ in range(4):
        run.turn()
    assert run.found == {}
    assert run.done["parsed"] > 100
    assert run.done["let through"] > 0
    assert not any(tmp_path.iterdir())


def test_a_parser_that_stumbles(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "read_max_forwards", lambda value: int(value))
    assert any(name.startswith("ValueError in ") for name in found(fuzz, tmp_path))


def test_two_lengths_in_what_is_sent(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = build.reply

    def twice(*arguments: object) -> bytes:
        data: bytes = honest(*arguments)  # type: ignore[arg-type]
        return data.replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 0")

    monkeypatch.setattr(state, "reply", twice)
    assert "2 Content-Length in what is sent" in found(fuzz, tmp_path)


def test_another_number_than_the_judged(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = rewrite.to_carrier

    def other(*arguments: object) -> rewrite.Outgoing:
        out = honest(*arguments)  # type: ignore[arg-type]
        out.uri = out.uri.replace(b"sip:", b"sip:1900")
        return out

    monkeypatch.setattr(sending, "to_carrier", other)
    assert "an INVITE to the carrier names a number that wasn't judged" in found(fuzz, tmp_path)


def test_an_answer_to_a_stranger(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = state.Edge.transmit
    monkeypatch.setattr(
        state.Edge, "transmit", lambda edge, hop, *rest: honest(edge, hop._replace(host="192.0.2.1"), *rest)
    )
    assert "a stranger is sent something" in found(fuzz, tmp_path)


def test_media_in_the_clear(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "objects", lambda *arguments, **more: False)
    assert "media in the clear is passed on" in found(fuzz, tmp_path, turns=12)


def test_a_transaction_that_stays(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state.Edge, "forget", lambda edge, server: None)
    assert "servers isn't empty after everybody fell silent" in found(fuzz, tmp_path)


def test_a_reproducer_shows_it_again_in_few_steps(
    fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state.Edge, "forget", lambda edge, server: None)
    found(fuzz, tmp_path)
    (path,) = tmp_path.glob("edge-servers-*.json")
    assert len(fuzz.play.operations(path.read_bytes())) == 2
    with pytest.raises(fuzz.play.Broken, match="servers isn't empty"):
        fuzz.repeat(path)
    monkeypatch.undo()
    assert fuzz.repeat(path) == 0
