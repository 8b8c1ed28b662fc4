"""An attack over SIP: it is noticed, contained, its calls are cut, and all of it is undone (E11, F1, F2)."""

import json
import subprocess
import zipfile

import pytest
from rig import CALLER, Site, site

from ringfence.testing.guard import RATES
from ringfence.testing.peer import Call, Dialog, Leg, answer_ok
from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e

LATVIA = "371,Latvia,0,0.50,60,60,\n"
THIEF, VICTIM = "+12125550101", "+12125550102"
"""Two extensions of the PBX."""


def latvian(number: int) -> str:
    """Each in a range of a thousand of its own."""
    return f"+37129{number:03d}001"


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path, start=False) as running:
        (tmp_path / "rates.csv").write_text(RATES + LATVIA)
        running.guard.edit('permit = ["US", "CA", "GB"]', 'permit = ["US", "CA", "GB", "LV"]')
        with running.guard.policy.open("a") as policy:
            # What the hour of the day adds would make the test one of the time it runs at.
            policy.write('\n[behaviour]\nmode = "enforce"\n\n[rules.unusual-hour]\nmode = "off"\n')
        running.guard.start()
        yield running


def cli(stage: Site, *arguments: str, code: int = 0) -> str:
    done: subprocess.CompletedProcess[str] = stage.guard.cli(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def asked(stage: Site, *arguments: str, code: int = 0):
    """What a command says with --json."""
    return json.loads(cli(stage, *arguments, "--control", str(stage.guard.control), "--json", code=code))


def refused(stage: Site, number: str, caller: str = THIEF) -> None:
    assert stage.refused(stage.dial(number, caller)).status in (480, 603)


def attack(stage: Site) -> tuple[Call, Dialog, Leg]:
    """A call to Latvia that passes and stays up, then so many that the extension is quarantined; the first."""
    first = stage.connect(stage.dial(latvian(100), THIEF))
    for number in range(101, 106):
        refused(stage, latvian(number))
    return first


def test_an_attack_is_contained_cut_and_undone(stage):
    _, honest, _ = stage.connect(stage.dial(caller=VICTIM))
    _, dialog, offered = attack(stage)
    answer_ok(stage.pbx, stage.pbx.expect("BYE", call_id=dialog.call_id))
    answer_ok(stage.carrier, stage.carrier.expect("BYE", call_id=offered.call_id))
    (incident,) = asked(stage, "incidents", code=1)
    assert (incident["source"], incident["extensions"], incident["regions"].keys()) == ("pbx", [THIEF], {"LV"})
    contained = {fact["id"]: fact for fact in asked(stage, "containments")}
    quarantine = contained[f"{incident['id']}:extension:pbx/{THIEF}"]
    assert (quarantine["klass"], quarantine["action"]) == ("new", "refuse")

    # Nobody else is touched, and nothing at home.
    stage.hang_up(honest, stage.carrier)
    stage.hang_up(stage.connect(stage.dial(caller=THIEF))[1], stage.carrier)

    # It outlives the guard.
    stage.guard.process.kill()
    stage.guard.start()
    refused(stage, "+442079460018")
    assert {fact["id"] for fact in asked(stage, "containments")} == {*contained}

    said = cli(stage, "release", incident["id"], "--control", str(stage.guard.control))
    assert said.count("is released") == len(contained)
    assert asked(stage, "containments") == []
    stage.hang_up(stage.connect(stage.dial("+442079460018", VICTIM))[1], stage.carrier)


def test_the_story_is_told(stage):
    attack(stage)
    control = str(stage.guard.control)
    (incident,) = asked(stage, "incidents", code=1)
    listed = cli(stage, "incidents", "--control", control, code=1)
    assert incident["id"] in listed and THIEF in listed
    story = cli(stage, "incidents", incident["id"][:-1], "--control", control, code=1)
    held = f"in force    extension pbx/{THIEF} is contained for calls abroad to new numbers until"
    for text in (f"incident {incident['id']}, open", "country new", latvian(102), held, f"accept {incident['id']}"):
        assert text in story, story
    log = [json.loads(line) for line in cli(stage, "log", "--incident", incident["id"], "--json").splitlines()]
    assert {call["reason"] for call in log} >= {"suspicious-call", "contained"}
    assert all(call["incident"] == incident["id"] for call in log)
    last = cli(stage, "explain", log[-1]["id"], code=1)
    assert f"incident {incident['id']}" in last
    said = stage.guard.process.said()
    assert f"incident {incident['id']} begins with a call of pbx/{THIEF}" in said
    assert f"extension pbx/{THIEF} is contained for calls abroad to new numbers until" in said


def test_what_to_do_and_what_proves_it(stage, tmp_path):
    """While the guard runs: the first hour by its data, and a bundle to hand over (F3, F4)."""
    first, _, _ = attack(stage)
    (incident,) = asked(stage, "incidents", code=1)
    whole = "policy.toml, chain.txt, SHA256SUMS, and the messages of 6 calls"
    for _ in polls(10.0, every_s=0.5):  # Messages are written together, up to a second later.
        said = cli(stage, "evidence", incident["id"], "--out", "bundle.zip", "--policy", str(stage.guard.policy))
        if whole in said:
            break
    for text in (f"Incident {incident['id']}, node ", "WHAT GOT THROUGH", f"change the passwords of {THIEF}", whole):
        assert text in said, said
    with zipfile.ZipFile(stage.guard.directory / "bundle.zip") as bundle:
        letter = bundle.read("carrier.txt").decode()
        assert first.call_id in letter and latvian(100) in letter
        assert "ledger of node" in bundle.read("chain.txt").decode()
        assert all(bundle.read(name) for name in bundle.namelist())


def test_what_is_accepted_is_free(stage):
    attack(stage)
    (incident,) = asked(stage, "incidents", code=1)
    fact = asked(stage, "accept", incident["id"], "--for", "90d", "--why", "new customer in Riga")
    assert fact["prefixes"] == ["371291"]
    stage.hang_up(stage.connect(stage.dial(latvian(150), THIEF))[1], stage.carrier)
    assert asked(stage, "incidents")[0]["state"] == "accepted"
    listed = cli(stage, "containments", "--control", str(stage.guard.control))
    assert "calls of source pbx to +371291 are accepted" in listed and "new customer in Riga" in listed


def test_somebody_contains_by_hand(stage):
    _, dialog, offered = stage.connect(stage.dial("+442079460018"))
    fact = asked(
        stage, "contain", "extension", f"pbx/{CALLER}", "--for", "30m", "--cut", "--why", "a drill", "--owner", "noc"
    )
    assert fact["until"] - fact["at"] == 1800 * 1_000_000
    answer_ok(stage.pbx, stage.pbx.expect("BYE", call_id=dialog.call_id))
    answer_ok(stage.carrier, stage.carrier.expect("BYE", call_id=offered.call_id))
    refused(stage, "+442079460019", CALLER)
    cli(stage, "release", fact["id"], "--control", str(stage.guard.control))
    stage.connect(stage.dial("+442079460019"))
    kinds = [
        json.loads(line)["kind"]
        for line in cli(stage, "log", "--kind", "contained", "--kind", "released", "--json").splitlines()
    ]
    assert kinds == ["contained", "released"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("contain", "extension", "pbx", "--why", "w"), "an extension is written SOURCE/EXTENSION, not 'pbx'"),
        (("contain", "source", "bpx", "--why", "w"), 'there is no source "bpx"; did you mean "pbx"?'),
        (("contain", "trunk", "xyz", "--why", "w"), 'there is no trunk "xyz"; there is carrier'),
        (("contain", "range", "+1", "--why", "w"), "+1 is every number at home"),
        (("contain", "range", "+999", "--why", "w"), "'+999' is no beginning of a number"),
        (("contain", "country", "Latvia", "--why", "w"), "there is no country 'Latvia'"),
        (("contain", "country", "LV", "--slow", "--why", "w"), "a country can't be slowed down"),
        (("contain", "address", "1.2.3", "--why", "w"), "'1.2.3' is no address or network"),
        (("contain", "source", "pbx", "--why", "w", "--for", "5"), "'5' is no length of time"),
        (("contain", "source", "pbx", "--why", "w", "--for", "999d"), "it has to end"),
        (("contain", "source", "pbx", "--why", " "), "say why (--why)"),
        (("contain", "source", "pbx", "--why", "w", "--incident", "i-1"), "there is no incident 'i-1'"),
        (("release", "c-1"), "nothing in force is called 'c-1'"),
        (("accept", "i-1", "--why", "w"), "there is no incident 'i-1'"),
        (("accept", "i-1", "--why", "w", "--for", "1y"), "'1y' is no length of time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_says_why(shared, arguments, said):
    done = shared.guard.cli(*arguments, "--control", str(shared.guard.control))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One site for those that change nothing."""
    with site(tmp_path_factory.mktemp("shared")) as running:
        yield running
