"""Our own registration at carriers, for trunks with `register` (A5, A16; RFC 3261 §10.2, RFC 5626 §4.5).

    wake ──► REGISTER ──► 2xx          registered; again before it runs out
                │  │ └──► 401, 407     answered once; answered well and refused all the same: the password is wrong
                │  └────► 423          asked again, for as long as the carrier wants
                └───────► others       after Retry-After where that is said, else after half a minute, twice as long
                                       each time, up to half an hour

One REGISTER is out at a time, all of one process with one Call-ID (RFC 3261 §10.2). A refresh answers the challenge of
before, as long as that is taken.

What the carrier answers lists every contact it has under our name. One that isn't ours is told: somebody registered
with our password, or another PBX does.
"""

from __future__ import annotations

import re

from ringfence.edge.answering import Unanswerable, answer_to, asked_by
from ringfence.edge.enrolled import Enrolment
from ringfence.edge.records import Client
from ringfence.edge.state import Edge
from ringfence.model.fact import Enrolled
from ringfence.model.settings import Register
from ringfence.model.time import SECOND
from ringfence.sip.address import parse_address
from ringfence.sip.build import build_request
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import escape, text, wire
from ringfence.sip.message import Response
from ringfence.sip.values import read_seconds

FIRST_WAIT_US, LONGEST_WAIT_US = 30 * SECOND, 1800 * SECOND
LONGEST_EXPIRES_S = 7 * 86_400
MOST_FOREIGN = 8
NOWHERE = "no address of send_to is known"
_USER = re.compile(rb"[A-Za-z0-9_.!~*'()&=+$,;?/-]")


def review(edge: Edge, now: int) -> None:
    """Begin for trunks that are to be registered by this policy, and stop for those that aren't any more.

    What failed is tried again: policy or secret may be right now.
    """
    wanted = {name: trunk.register for name, trunk in edge.policy.trunks.items() if trunk.register is not None}
    for name in [name for name, known in edge.enrolments.items() if wanted.get(name) != known.settings]:
        del edge.enrolments[name]
    for name in wanted.keys() - edge.enrolments.keys():
        enrolment = edge.enrolments[name] = Enrolment(name, wanted[name], edge.tokens.call_id(edge.tokens.new_id(now)))
        edge.agenda.arm(enrolment, now, edge.enrolments, name)
    for enrolment in edge.enrolments.values():
        if enrolment.told is not None and enrolment.told.state != "registered":
            edge.agenda.arm(enrolment, now, edge.enrolments, enrolment.trunk)


def resolved(edge: Edge) -> None:
    """A name was looked up: who had nowhere to ask tries again at once."""
    for enrolment in edge.enrolments.values():
        if enrolment.told is not None and enrolment.told.why == NOWHERE:
            edge.agenda.arm(enrolment, 1, edge.enrolments, enrolment.trunk)


def due(edge: Edge, enrolment: Enrolment, now: int) -> None:
    """Register, or register again."""
    enrolment.fresh = False
    _ask(edge, enrolment, now)


def _ask(edge: Edge, enrolment: Enrolment, now: int) -> None:
    targets = edge.targets.of(enrolment.trunk, now)
    if not targets:
        _failed(edge, enrolment, NOWHERE, now)
        return
    trunk = edge.policy.trunks[enrolment.trunk]
    hop = edge.hop_to(trunk.listen, targets[0].host, targets[0].port)
    branch = edge.tokens.branch(edge.tokens.new_id(now), "own")
    client = Client(branch, now, "REGISTER", hop)
    client.purpose, client.call = "enrol", enrolment.trunk
    enrolment.client = branch
    enrolment.cseq += 1
    edge.send(client, _request(edge, enrolment, client))


def _request(edge: Edge, enrolment: Enrolment, client: Client) -> bytes:
    settings = enrolment.settings
    uri = b"sip:" + wire(settings.domain)
    ours = b"<sip:%b@%b>" % (_user(settings), wire(settings.domain))
    headers = [
        ("Via", edge.via(client.hop.listener, client.key)),
        ("Max-Forwards", b"70"),
        ("From", ours + b";tag=" + wire(edge.tokens.tag(enrolment.call_id))),
        ("To", ours),
        ("Call-ID", wire(enrolment.call_id)),
        ("CSeq", b"%d REGISTER" % enrolment.cseq),
        ("Contact", b"<" + _contact(edge, enrolment) + b">"),
        ("Expires", b"%d" % enrolment.expires_s),
    ]
    if enrolment.asked is not None:
        enrolment.count += 1
        headers.append(answer_to(edge, enrolment.asked, settings.user, "REGISTER", text(uri), enrolment.count))
    return build_request("REGISTER", uri, headers).to_bytes()


def _user(settings: Register) -> bytes:
    return escape(settings.user, _USER)


def _contact(edge: Edge, enrolment: Enrolment) -> bytes:
    """Where the carrier reaches us."""
    listener = edge.policy.trunks[enrolment.trunk].listen
    return b"sip:%b@%b" % (_user(enrolment.settings), edge.uri_hosts[listener])


# --- what the carrier says ------------------------------------------------------------------------------------------


def answered(edge: Edge, client: Client, response: Response, now: int) -> None:
    """The carrier's answer to our REGISTER."""
    enrolment = edge.enrolments.get(client.call)
    if enrolment is None or enrolment.client != client.key or response.status < 200:
        return
    status = response.status
    if status < 300:
        _registered(edge, enrolment, response, now)
    elif status in (401, 407):
        _challenged(edge, enrolment, response, now)
    elif status == 423 and enrolment.expires_s < _header(response, "min-expires") <= LONGEST_EXPIRES_S:
        enrolment.expires_s = _header(response, "min-expires")
        _ask(edge, enrolment, now)
    else:
        if status == 503:
            edge.targets.mark_down(client.hop.host, client.hop.port, now)
        said = f"{status} {response.reason}".strip()
        _failed(edge, enrolment, said, now, _header(response, "retry-after"))


def gave_up(edge: Edge, client: Client, now: int) -> None:
    """No answer came, or the REGISTER couldn't be sent: the next address is tried at once, where there is one."""
    enrolment = edge.enrolments.get(client.call)
    if enrolment is None or enrolment.client != client.key:
        return
    edge.targets.mark_down(client.hop.host, client.hop.port, now)
    enrolment.tries += 1
    if enrolment.tries < len(edge.targets.of(enrolment.trunk, now)):
        _ask(edge, enrolment, now)
    else:
        _failed(edge, enrolment, f"no answer from {client.hop.host}", now)


def _challenged(edge: Edge, enrolment: Enrolment, response: Response, now: int) -> None:
    try:
        asked = asked_by(response, enrolment.settings, edge.digest.secrets)
    except Unanswerable as why:
        _failed(edge, enrolment, str(why), now)
        return
    refused = enrolment.fresh and not asked.stale
    enrolment.asked, enrolment.count, enrolment.fresh = asked, 0, True
    if refused:
        _failed(edge, enrolment, f"{response.status}: the password of {enrolment.settings.user} is wrong", now)
    else:
        _ask(edge, enrolment, now)


def _registered(edge: Edge, enrolment: Enrolment, response: Response, now: int) -> None:
    ours, foreign, expires = _contact(edge, enrolment), [], _header(response, "expires") or enrolment.expires_s
    for value in response.all("contact"):
        try:
            contact = parse_address(value)
        except SipParseError:
            continue
        mine = contact.uri.replace(params={}).to_bytes() == ours.partition(b";")[0]
        given = contact.params.get("expires") or ""
        if mine and given.isdecimal():
            expires = int(given[:9])
        elif not mine:
            foreign.append(text(contact.uri.to_bytes())[:200])
    enrolment.failures = enrolment.tries = 0
    seconds = max(1, min(expires, LONGEST_EXPIRES_S))
    enrolment.until = now + seconds * SECOND
    edge.agenda.arm(enrolment, now + _refresh_s(seconds) * SECOND, edge.enrolments, enrolment.trunk)
    _tell(
        edge,
        enrolment,
        Enrolled(at=now, trunk=enrolment.trunk, state="registered", foreign=tuple(foreign[:MOST_FOREIGN])),
    )


def _refresh_s(expires_s: int) -> int:
    """When to register again: with time for two tries."""
    return max(expires_s // 2, expires_s - 90)


def _failed(edge: Edge, enrolment: Enrolment, why: str, now: int, retry_after_s: int = 0) -> None:
    wait = min(LONGEST_WAIT_US, FIRST_WAIT_US << min(enrolment.failures, 10))
    # Half of it at random, so that what failed together isn't tried together; the same for the same failure.
    wait -= wait * int(edge.tokens.tag(f"{enrolment.trunk} {enrolment.failures} {enrolment.cseq}")[2:6], 16) // 0x20000
    if retry_after_s:
        wait = min(max(1, retry_after_s), 3600) * SECOND
    enrolment.failures += 1
    enrolment.tries = 0
    enrolment.client = ""
    held = enrolment.until > now
    if held:
        wait = min(wait, max(SECOND, enrolment.until - now))
    edge.agenda.arm(enrolment, now + wait, edge.enrolments, enrolment.trunk)
    _tell(edge, enrolment, Enrolled(at=now, trunk=enrolment.trunk, state="failing" if held else "lost", why=why))


def _tell(edge: Edge, enrolment: Enrolment, fact: Enrolled) -> None:
    told, enrolment.told = enrolment.told, fact
    if told is None or (told.state, told.why, told.foreign) != (fact.state, fact.why, fact.foreign):
        edge.note(fact)


def _header(response: Response, name: str) -> int:
    """A number of seconds; 0 where there is none that can be read."""
    return read_seconds(response.first(name) or b"")


def shown(enrolment: Enrolment, now: int) -> dict[str, object]:
    """How it stands, as plain data."""
    told = enrolment.told
    return {
        "trunk": enrolment.trunk,
        "user": enrolment.settings.user,
        "state": told.state if told is not None else "asking",
        "why": told.why if told is not None else "",
        "foreign": list(told.foreign) if told is not None else [],
        "expires_s": max(0, enrolment.until - now) // SECOND,
        "next_s": max(0, enrolment.wake - now) // SECOND,
    }
