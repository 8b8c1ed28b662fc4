"""Who calls from the carrier, by the signature in the INVITE: looked at before the call goes on, never instead of it.

    INVITE ──► certificates known ──────────────────────────► verified, told, sent to the PBX
                  │ not known
                  └──► checking: fetched by a shell ── in time, or after wait_ms without ──►

No call is refused here, and none waits longer than `wait_ms`.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from ringfence.edge import inbound, media, sending
from ringfence.edge.calls import finish
from ringfence.edge.effects import Fetch
from ringfence.edge.identity import caller_of, user_of
from ringfence.edge.records import Call, Check
from ringfence.edge.shaken.chain import Signer
from ringfence.edge.shaken.signers import is_allowed
from ringfence.edge.shaken.verify import Asked, Verification, needed, verify
from ringfence.edge.state import Edge
from ringfence.engine.destinations import digits_of, plan_of
from ringfence.model.settings import Source
from ringfence.model.time import SECOND
from ringfence.numbers import PlanSettings
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import text
from ringfence.sip.message import Request
from ringfence.sip.passport import Passport, parse_identity
from ringfence.sip.timers import MS

MOST_IDENTITIES = 8
"""Identity headers of one INVITE that are read."""


def begin(edge: Edge, call: Call, source: Source, trunk: str, now: int) -> None:
    """An inbound call that has entered: verify its caller, if that is wanted, and send it on."""
    request = call.request
    if request is None or not edge.signers.verifying:
        call.check = None
        _go_on(edge, call, trunk, None, now)
        return
    call.check = check = _check(request, source, trunk)
    missing = [url for url in needed(check.passports) if _look(edge, url, now) is None]
    if not missing:
        conclude(edge, call, now)
        return
    call.state = "checking"
    edge.agenda.arm(call, now + edge.policy.shaken.wait_ms * MS, edge.calls, call.id)
    for url in missing:
        if edge.signers.ask(url, call.id):
            edge.out.append(Fetch(url))


def fetched(edge: Edge, url: str, pem: bytes, why: str, now: int) -> None:
    """A certificate is there, or can't be had: calls that waited for it go on."""
    keep_us = edge.policy.shaken.cache_h * 3600 * SECOND
    for id in edge.signers.learn(url, pem, why, keep_us, now):
        call = edge.calls.get(id)
        if call is None or call.state != "checking" or call.check is None:
            continue
        if all(_look(edge, other, now) is not None for other in needed(call.check.passports)):
            conclude(edge, call, now)


def conclude(edge: Edge, call: Call, now: int) -> None:
    """Judge what is known by now, and send the call on."""
    check = call.check
    if check is None:
        return
    check.found = found = _judged(edge, call, check, now)
    if found.verstat == "passed":
        edge.count("caller_passed")
    elif found.verstat == "failed":
        edge.count("caller_failed")
    else:
        edge.count("caller_none")
    _go_on(edge, call, check.trunk, found, now)


def _judged(edge: Edge, call: Call, check: Check, now: int) -> Verification:
    def certificates(url: str) -> Signer | str:
        return _look(edge, url, now) or "its certificate can't be had in time"

    if check.problem and not needed(check.passports):
        return Verification("none", check.problem)
    fresh_s = edge.policy.shaken.fresh_s
    found = verify(check.passports, check.asked, certificates, now // SECOND, fresh_s)
    within_us = 2 * fresh_s * SECOND  # From the earliest to the latest moment at which it is fresh.
    if found.mark and edge.signers.came_before(found.mark, call.prototype.call_id, within_us, now):
        return Verification("failed", "the same signature came with another call before")
    return found


def _look(edge: Edge, url: str, now: int) -> Signer | str | None:
    if not is_allowed(url, edge.policy.shaken.x5u_hosts):
        return "its certificate is at a place that isn't in x5u_hosts"
    return edge.signers.look(url, now)


def _go_on(edge: Edge, call: Call, trunk: str, found: Verification | None, now: int) -> None:
    request = call.request
    if request is None or call.trunk not in edge.policy.sources:
        finish(edge, call, 480, "Temporarily Unavailable", "lost", now)
        return
    inbound.remember(edge, call.prototype, request, call.trunk, trunk, found, now)
    call.inbound, call.wake = True, 0
    if call.prototype.srtp == "offered":
        media.begins(call.prototype, offered=media.read(request) is not None)
    if media.objects(edge, call.prototype, call.prototype.caller, request, now, opening=True):
        finish(edge, call, *media.FINAL, media.CAUSE, now)
    else:
        sending.send_next(edge, call, now)


# --- what the INVITE says -------------------------------------------------------------------------------------------


def _check(request: Request, source: Source, trunk: str) -> Check:
    passports: list[Passport] = []
    problem = ""
    for value in request.all("identity")[:MOST_IDENTITIES]:
        try:
            passports.append(parse_identity(value))
        except SipParseError as error:
            problem = problem or error.reason
    asked = Asked(
        canonical(caller_of(request), source),
        canonical(user_of(request.first("to")), source),
        canonical(request.uri.user or "", source),
        _date_s(request),
    )
    return Check(trunk, passports, asked, problem)


def canonical(number: str, source: Source) -> str:
    """E.164 digits of what the carrier writes, at home where the source is (RFC 8224 §8.3); empty for what is none."""
    return digits_of(plan_of(PlanSettings(home=source.plan.home, e164_noplus=True)).for_call(number)) if number else ""


def _date_s(request: Request) -> int:
    try:
        return int(parsedate_to_datetime(text(request.first("date") or b"")).timestamp())
    except (ValueError, TypeError, OverflowError):
        return 0
