"""Processes are ended by pid, their words are kept, and what never comes is an error with their last words."""

import signal
import sys
from pathlib import Path

import pytest

from ringfence.testing.process import Process, ProcessError, free_ports, listens

SPEAKS = "import time; print('up', flush=True); time.sleep(60)"


def python(directory, code):
    return Process([sys.executable, "-c", code], directory, "child")


def test_it_is_ended_when_the_block_is_left(tmp_path):
    with python(tmp_path, SPEAKS) as child:
        child.until_says("up")
        assert child.running
        assert child.descriptors() >= 3
        assert child.rss_bytes() > 1 << 20
        assert child.threads() == 1
        assert child.cpu_s() >= 0
    assert child.wait(1) == -signal.SIGTERM


def test_a_deaf_process_is_killed(tmp_path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with python(tmp_path, code) as child:
        child.until_says("up")
        assert child.end(timeout_s=0.2) == -signal.SIGKILL


def test_the_program_inside_a_wrapper_is_ended_and_not_left_behind(tmp_path):
    inside = tmp_path / "inside.py"
    inside.write_text(SPEAKS)
    command = ["sh", "-c", f"{sys.executable} {inside}; exit 3"]
    with Process(command, tmp_path, "wrapped", wrapped=True) as child:
        child.until_says("up")
        inner = child.pid
        assert "inside.py" in Path(f"/proc/{inner}/cmdline").read_text()
    assert child.wait(1) == 3
    assert not Path(f"/proc/{inner}").exists()


def test_one_that_ends_too_early_is_told_with_its_last_words(tmp_path):
    with (
        python(tmp_path, "print('broken pipe dream')") as child,
        pytest.raises(ProcessError, match="broken pipe dream"),
    ):
        child.until_says("ready")


def test_words_that_never_come(tmp_path):
    with python(tmp_path, SPEAKS) as child, pytest.raises(ProcessError, match="no 'ready' within"):
        child.until_says("ready", timeout_s=0.3)


def test_ports_differ_and_are_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not listens(ports[0])
