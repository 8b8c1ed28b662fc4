"""`make try` beside `make run`: what the first minute shows is what happened."""

import shutil
import socket
import sys
from pathlib import Path

import pytest

from ringfence.testing import showcase
from ringfence.testing.guard import READY, SAME_SOURCES
from ringfence.testing.process import Process, free_ports

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = """
a permitted call, answered and hung up       2125550123        +12125550123    allow                          200 OK
Cuba, dialled by 011                         0115372041000     +5372041000     deny  destination-not-permitted  603
a premium number                             19005551234       +19005551234    deny  special-kind               603
Baton Rouge: area code 225                   12255550123       +12255550123    allow                          200 OK
Ivory Coast: country code 225                0112250123456789  +2250123456789  deny  destination-not-permitted  603
Jamaica, dialled as if at home               18765550123       +18765550123    deny  destination-not-permitted  603
a caller ID that isn't owned                 2125550123        +12125550123    deny  caller-id-not-owned        603
a burst over the cap of 5 calls: 10 at once  2125550143 +12125550143 deny concurrent-calls 5 times 200 OK, 5 times 480
emergency, while every cap is full           911               911             allow emergency                200 OK
""".strip().splitlines()


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example on free ports, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLES / "rates.csv", tmp_path)
    text = (EXAMPLES / "policy.toml").read_text(encoding="utf-8")
    for listener in ("127.0.0.1:5060", "127.0.0.1:5080"):
        text = text.replace(f'bind = "{listener}"', 'bind = "127.0.0.1:0"')
    text = text.replace('"sip:127.0.0.3:5090"', f'"sip:127.0.0.3:{free_ports(1, "127.0.0.3")[0]}"')
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
    return tmp_path / "policy.toml"


def test_it_shows_each_call_as_it_was_decided(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "ringfence", "serve", "--policy", policy]
    with Process(command, policy.parent, "guard", SAME_SOURCES) as guard:
        guard.until_says(READY, timeout_s=30.0)
        for _ in range(2):  # The second time the same numbers are in the ledger already.
            assert showcase.main(policy) == 0
            lines = capsys.readouterr().out.splitlines()
            assert [line.split() for line in lines[2:11]] == [row.split() for row in ROWS]


def test_without_a_guard_it_says_what_to_do(policy: Path) -> None:
    with pytest.raises(showcase.RingfenceError, match=r"no guard answers.*\n.*make run"):
        showcase.main(policy)


def test_a_place_of_the_carrier_that_is_taken_is_named(policy: Path) -> None:
    stage = showcase.Stage(policy, policy.parent)
    host, port = stage.trunk.send_to[0].removeprefix("sip:").split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((host, int(port)))
        with pytest.raises(showcase.RingfenceError, match=f"{host}:{port} .*another program has this UDP port"):
            stage.carrier()
