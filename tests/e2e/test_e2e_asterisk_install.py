"""`ringfence install` on a real Asterisk 22: shown, applied, verified, put back, removed without a trace."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.testing.asterisk import unpacked
from ringfence.testing.beside import PbxSite, pbx_site
from ringfence.testing.peer import answer_ok, leg
from ringfence.testing.process import ProcessError, free_ports

pytestmark = pytest.mark.e2e

HOME, ABROAD = "12125550143", "01137120000000"
PLAIN = """
[from-internal]
exten => _X.,1,Gosub(ringfence-admit,s,1(trunk1,${EXTEN}))
 same => n,GotoIf($["${GOSUB_RETVAL}" = "allow"]?go)
 same => n,Hangup(21)
 same => n(go),Dial(PJSIP/${EXTEN}@trunk1,30)
"""
GENERATED = """
#include extensions_custom.conf

[from-internal]
exten => _X.,1,Set(DIAL_NUMBER=${EXTEN})
 same => n,Set(EMERGENCYROUTE=YES)
 same => n,Gosub(macro-dialout-trunk,s,1(2,${DIAL_NUMBER},,off))
 same => n,Hangup()

[macro-dialout-trunk]
exten => s,1,Set(DIAL_TRUNK=${ARG1})
 same => n,Set(OUTNUM=${DIAL_NUMBER})
 same => n,Set(AMPUSER=101)
 same => n,Gosub(macro-dialout-trunk-predial-hook,s,1())
 same => n,GotoIf($["${PREDIAL_HOOK_RET}" = "BYPASS"]?bypass)
 same => n,Gosub(trunk-dial-with-exten,${OUTNUM},1(${DIAL_TRUNK}))
 same => n(bypass),Return()

[trunk-dial-with-exten]
exten => _X!,1,Dial(PJSIP/${OUTNUM}@trunk1,30)
 same => n,Return()

[macro-dialout-trunk-predial-hook]
exten => s,1,Return()
"""
"""Outbound routes of FreePBX 17 as `core` writes them: routes, macro-dialout-trunk, the stub of the hook at the end."""


MACROS = """
#include extensions_custom.conf

[from-internal]
exten => _[+0-9].,1,Set(DIAL_NUMBER=${EXTEN})
 same => n,Macro(dialout-trunk,2,${DIAL_NUMBER},,off)
 same => n,Hangup()

[macro-dialout-trunk]
exten => s,1,Set(DIAL_TRUNK=${ARG1})
 same => n,Set(OUTNUM=${DIAL_NUMBER})
 same => n,Set(AMPUSER=101)
 same => n,Macro(dialout-trunk-predial-hook,)
 same => n,GotoIf($["${PREDIAL_HOOK_RET}" = "BYPASS"]?bypass,1)
 same => n,Dial(PJSIP/${OUTNUM}@trunk1,30)
exten => bypass,1,NoOp()

[macro-dialout-trunk-predial-hook]
exten => s,1,MacroExit()
"""
"""The same of FreePBX 16, which needs an Asterisk that still has Macro."""


@contextlib.contextmanager
def fresh(directory: Path, dialplan: str, suite: str = "forky") -> Iterator[PbxSite]:
    """A site whose Asterisk knows neither the guard nor the hook, files of a FreePBX included."""
    http, fastagi = free_ports(2, tcp=True)
    admit = f'[admit]\nhttp = "127.0.0.1:{http}"\nfastagi = "127.0.0.1:{fastagi}"\n'
    asterisk = 'user = "ringfence"\nsecret = "made.secret"'
    mine = "; mine, without a line end"
    with pbx_site(directory, dialplan=dialplan, custom=mine, suite=suite, admit=admit, start=False) as site:
        site.guard.edit('user = "guard"\nsecret = "manager.secret"', asterisk)
        site.guard.edit('trunks = { trunk1 = "carrier" }', 'trunks = { trunk1 = "carrier", "2" = "carrier" }')
        manager = site.asterisk.etc / "manager.conf"
        manager.write_text(f"{manager.read_text()}\n#tryinclude manager_custom.conf\n")
        yield site


def install(site: PbxSite, kind: str, *options: str) -> subprocess.CompletedProcess[str]:
    given = ("--etc", str(site.asterisk.etc), "--asterisk", site.asterisk.command, "--control", "control.sock")
    permit = ("--permit", "127.0.0.0/255.0.0.0")
    return site.guard.cli("install", kind, "office", *given, *permit, *options)


def files(site: PbxSite) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in site.asterisk.etc.iterdir()}


@pytest.mark.parametrize(
    ("kind", "dialplan", "via"),
    [("asterisk", PLAIN, "http"), ("freepbx", GENERATED, "http"), ("freepbx", GENERATED, "fastagi")],
)
def test_it_is_shown_applied_and_removed_without_a_trace(tmp_path: Path, kind: str, dialplan: str, via: str) -> None:
    with fresh(tmp_path, dialplan) as site:
        before = files(site)
        shown = install(site, kind)
        assert (shown.returncode, files(site)) == (1, before), shown.stderr
        assert "made made.secret" in shown.stdout
        assert (tmp_path / "made.secret").read_text().strip() not in shown.stdout
        assert "+write = call,reporting" in shown.stdout
        early = install(site, kind, "--via", via, "--apply")
        assert (early.returncode, files(site)) == (2, before)
        assert "no guard answers" in early.stderr
        site.guard.start()
        done = install(site, kind, "--via", via, "--apply")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "was asked through the dial plan" in done.stdout
        changed = {name for name, text in files(site).items() if before.get(name) != text}
        assert changed == (
            {"extensions.conf", "manager.conf", "ringfence.conf"}
            if kind == "asterisk"
            else {"extensions_custom.conf", "manager_custom.conf"}
        )
        assert [path.read_bytes() for path in tmp_path.glob("state/backup/*/extensions*.conf")] == [
            before["extensions.conf" if kind == "asterisk" else "extensions_custom.conf"]
        ]
        assert site.refused(site.dial(ABROAD)) == 403
        made = site.dial(HOME)
        offered = leg(site.carrier, site.carrier.expect("INVITE"))
        offered.answer()
        dialog = made.confirm(site.phone.expect(200, call_id=made.call_id))
        assert [row["state"] for row in site.calls(1)]
        assert "not_asked_before" not in site.link()
        dialog.send("BYE")
        answer_ok(site.carrier, site.carrier.expect("BYE"))
        again = install(site, kind, "--via", via, "--apply")
        assert (again.returncode, again.stdout) == (0, "everything is there already\n")
        assert install(site, kind, "--remove").returncode == 1
        assert install(site, kind, "--remove", "--apply").returncode == 0
        assert files(site) == before


def test_freepbx_16_with_macros_asks_too(tmp_path: Path) -> None:
    """On an Asterisk 16.28, as long as Debian's mirrors have its release, whose support is over."""
    try:
        unpacked("bullseye")
    except ProcessError as error:
        pytest.skip(f"Asterisk 16.28 can't be had: {error}")
    with fresh(tmp_path, MACROS, "bullseye") as site:
        install(site, "freepbx")
        site.guard.start()
        done = install(site, "freepbx", "--apply")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert site.refused(site.dial(ABROAD)) == 403
        site.connect(HOME)
        assert len(site.calls(1)) == 1
        assert not {"not_asked_before", "hung_up"} & site.link().keys()
        site.guard.process.kill()
        assert site.refused(site.dial(ABROAD)) == 403
        for number in ("911", f"+{HOME}"):
            made = site.dial(number)
            assert site.carrier.expect("INVITE", timeout_s=10.0).user == number
            made.cancel()


def test_an_emergency_route_is_no_way_around_it(tmp_path: Path) -> None:
    """EMERGENCYROUTE is set by each route that somebody marked so: 911 passes by its digits, nothing by the mark."""
    with fresh(tmp_path, GENERATED) as site:
        install(site, "freepbx")
        site.guard.start()
        assert install(site, "freepbx", "--apply").returncode == 0
        assert site.refused(site.dial(ABROAD)) == 403
        site.guard.process.kill()
        site.dial("911")
        site.carrier.expect("INVITE", timeout_s=10.0)


def test_what_doesnt_work_is_put_back(tmp_path: Path) -> None:
    with fresh(tmp_path, PLAIN) as site:
        install(site, "asterisk")
        site.guard.start()
        before = files(site)
        site.asterisk.cli("module unload func_curl")
        done = install(site, "asterisk", "--apply")
        assert done.returncode == 1
        assert "everything is put back as it was" in done.stdout
        assert files(site) == before


def test_somebody_elses_hook_is_left_alone(tmp_path: Path) -> None:
    with fresh(tmp_path, GENERATED) as site:
        custom = site.asterisk.etc / "extensions_custom.conf"
        custom.write_text("[macro-dialout-trunk-predial-hook]\nexten => s,1,Return()\n")
        done = install(site, "freepbx", "--apply")
        assert done.returncode == 2
        assert "extensions_custom.conf:1: [macro-dialout-trunk-predial-hook] is there already" in done.stderr
        assert custom.read_text().startswith("[macro-dialout-trunk-predial-hook]")
