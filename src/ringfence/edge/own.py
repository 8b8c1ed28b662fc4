"""Toward carriers that see nothing of the inside (trunks with `identity = "own"`; A14).

    PBX                                 we                                carrier
     │ INVITE 7, Call-ID a@10.0.0.5 ───► │ INVITE 7+s, Call-ID rf-… ────────► │
     │   From <sip:+1…@10.0.0.5>;tag=x   │   From <sip:+1…@us>;tag=x          │
     │   Contact, Via, Record-Route      │   Contact <sip:rf-…@us>, our Via   │
     │ ◄─────────── 200 7, Call-ID a@… ──│ ◄──────────────── 200 7+s, rf-… ── │

The record of the dialog has both: `Dialog.own` is the carrier's Call-ID, `shift` the distance of the numbers, and each
leg has its name as it knows itself (`seen`) and as the other side knows it (`name`). Tags are the same on both sides,
so a dialog is found by its inside Call-ID alone; a carrier's Call-ID names the attempt, signed. A call from the carrier
keeps the Call-ID and the numbers that the carrier gave it, and hides the rest.

What goes to the carrier is made of what SIP needs, not of all but what is known to be bad: of the headers only those
pass that are listed here or in the trunk's `pass_headers`, and of these none in which anything may stand passes when it
names the inside. Sealed in our Via, which comes back as it was, stand those of the hops behind us, so that an answer
finds its way also when the process that sent the request is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ringfence.edge.peers import Party
from ringfence.edge.records import Client
from ringfence.edge.rewrite import Outgoing, renumbered, shown_from, tagged
from ringfence.edge.shaken.verstat import unmarked
from ringfence.edge.state import Edge
from ringfence.edge.telltale import inside_of, telling, tells
from ringfence.edge.tokens import is_inbound
from ringfence.model.attempt import Attempt
from ringfence.model.settings import Trunk
from ringfence.model.verdict import Verdict
from ringfence.rules.callers import ANONYMOUS
from ringfence.sip.address import parse_address
from ringfence.sip.dialog import Dialog, Leg, contact_uri
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, params_bytes, parse_params, text, wire
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Message, Response
from ringfence.sip.session_origin import renamed
from ringfence.sip.uri import Uri, parse_uri

Restore = tuple[tuple[str, bytes], ...]

PASSED = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "allow", "allow-events", "answer-mode"),
        *("content-disposition", "content-encoding", "content-language", "content-length", "content-type"),
        *("date", "diversion", "event"),
        *("expires", "geolocation", "geolocation-routing", "info-package", "mime-version", "min-expires", "min-se"),
        *("p-asserted-identity", "p-early-media", "priority", "privacy", "rack", "recv-info", "require", "retry-after"),
        *("rseq", "session-expires", "subscription-state", "supported", "timestamp", "unsupported"),
    }
)
"""Headers that pass, and hold nothing of the inside. Geolocation is there for emergency calls, and as it came: where
somebody is comes before what he sits behind."""
FREE = frozenset({"reason", "subject"})
"""Headers that pass unless they name the inside, since anything may stand in them."""
NAMING = ("replaces", "join", "target-dialog")
"""Headers that name another call (RFC 3891, RFC 3911, RFC 4538)."""
_OF_ALL = frozenset({"via", "from", "to", "call-id", "cseq", "contact", "record-route"})
_PEOPLE = ("p-asserted-identity", "diversion")
_PARAMS = ("tag", "reason", "counter", "limit", "privacy", "screen")
"""Parameters of From and Diversion (RFC 5806) that go on."""
_SEALED = "rfv"
"""Parameter of our Via."""
NOWHERE = "anonymous.invalid"
"""Host of a caller that asks for privacy (RFC 3323 §4.1.1.3)."""
_LARGEST = 2**30
"""CSeq number of a caller from which no distance is added: there is no room for it."""


# --- what a call is toward the carrier ------------------------------------------------------------------------------


def begin(edge: Edge, prototype: Dialog, trunk: Trunk | None) -> None:
    """An attempt goes to a trunk: its Call-ID and its numbers there."""
    hidden = trunk is not None and trunk.identity == "own"
    prototype.own = edge.tokens.call_id(prototype.id) if hidden else ""
    far = int(edge.tokens.tag(f"cseq {prototype.id}")[2:5], 16) + 1
    prototype.base = far if hidden and prototype.invite_cseq < _LARGEST else 0
    prototype.shift, prototype.invites = prototype.base, (0, 0)


def name(edge: Edge, dialog: Dialog, attempt: Attempt, verdict: Verdict) -> None:
    """Set who calls and who is called as the carrier knows them."""
    caller = dialog.caller
    caller.name = unmarked(caller.seen)
    if verdict.send_caller is not None:
        caller.name = shown_from(caller.seen, attempt, verdict.send_caller)
    trunk = edge.policy.trunks.get(attempt.trunk)
    if dialog.own and trunk is not None:
        caller.name = _at(edge, caller.name, trunk, dialog)
        dialog.callee.seen = _called(trunk, verdict)


def hides(dialog: Dialog, leg: Leg) -> bool:
    """Whether what goes to this leg may not name the inside."""
    return bool(dialog.own) and (leg is dialog.callee) != dialog.inbound


def is_own(edge: Edge, names: tuple[str, ...]) -> bool:
    """Whether one of these trunks sees nothing of the inside."""
    return any(trunk.identity == "own" for trunk in _trunks(edge, names))


def _trunks(edge: Edge, names: tuple[str, ...]) -> Iterator[Trunk]:
    return (edge.policy.trunks[name] for name in names if name in edge.policy.trunks)


def _names(dialog: Dialog) -> tuple[str, ...]:
    """The trunks that a call may be of."""
    return tuple(dialog.caller.party.partition(":")[2].split(",")) if dialog.inbound else (dialog.trunk,)


def _called(trunk: Trunk, verdict: Verdict) -> bytes:
    """The To of a call to a trunk."""
    user = wire(verdict.send_user)
    if user.startswith(b"urn:"):
        return b"<" + user + b">"
    first = parse_uri(trunk.send_to[0].encode())
    return b"<sip:" + user + b"@" + host_port_bytes(first.host, first.port) + b">"


def _at(edge: Edge, value: bytes, trunk: Trunk, dialog: Dialog) -> bytes:
    """A From, P-Asserted-Identity or Diversion value with a host of ours, or the domain that we are registered at."""
    address = parse_address(value)
    display = address.display
    if display and tells(edge, display, inside_of(dialog)):
        display = b""
    params = params_bytes({key: given for key, given in address.params.items() if key in _PARAMS})
    uri = _person(edge, address.uri, trunk).to_bytes()
    return (display + b" " if display else b"") + b"<" + uri + b">" + params


def _person(edge: Edge, uri: Uri, trunk: Trunk) -> Uri:
    """The same user there; of what isn't a SIP or tel URI nobody."""
    if uri.scheme not in ("sip", "sips", "tel") or uri.host == NOWHERE:
        return Uri(scheme="sip", user=ANONYMOUS, user_raw=ANONYMOUS, host=NOWHERE)
    host = trunk.register.domain if trunk.register is not None else edge.policy.listens[trunk.listen].advertise_host
    user = uri.user_raw.partition(";")[0] if uri.user_raw is not None else None
    params = {key: given for key, given in uri.params.items() if key == "user"}
    return Uri(scheme="sip", user=uri.user, user_raw=user, host=host, params=params)


def contact(edge: Edge, id: str, listener: str) -> bytes:
    """Our Contact in a call."""
    return b"<sip:%b@%b>" % (edge.tokens.cookie(id).encode("ascii"), edge.uri_hosts[listener])


# --- requests -------------------------------------------------------------------------------------------------------


def across(edge: Edge, out: Outgoing, dialog: Dialog, leg: Leg, listener: str) -> Restore:
    """A request of one leg as the other knows the call, which leaves by `listener`; gives what answers get back."""
    request, other = out.request, dialog.other(leg)
    out.put("from", leg.name)
    out.put("to", other.seen)
    out.put("call-id", wire(dialog.call_id_to(other)))
    restore = [(name, request.first(name) or b"") for name in ("from", "to", "call-id")]
    hidden = hides(dialog, other)
    for name in NAMING:
        if request.has(name):
            out.put(name, *_calls_named(edge, request.all(name), to_carrier=hidden))
    if hidden:
        restore.append(("via", b", ".join(request.all("via"))))
        _hide(edge, out, dialog, listener)
    return tuple(restore)


def _hide(edge: Edge, out: Outgoing, dialog: Dialog, listener: str) -> None:
    """Leave out of a request to the carrier what names the inside."""
    request, trunks = out.request, list(_trunks(edge, _names(dialog)))
    free = _free(trunks)
    out.only(PASSED | free | {"cseq"})
    out.drop(*telling(edge, request, free, dialog))
    if request.has("contact"):
        out.put("contact", contact(edge, dialog.id, listener))
    for name in _PEOPLE if trunks else ():
        values = out.values(name)
        if values:
            out.put(name, *(_at(edge, value, trunks[0], dialog) for value in values))
    if request.body:
        out.carry(_body(edge, request, listener))


def _free(trunks: Iterable[Trunk]) -> frozenset[str]:
    """What passes where it doesn't name the inside."""
    return FREE.union(*(trunk.pass_headers for trunk in trunks)) - PASSED - _OF_ALL


def stateless(edge: Edge, out: Outgoing, id: str, hop: NextHop, party: Party) -> Restore:
    """A request of the inside within a call that no record tells of; its numbers may have been others."""
    request, inbound = out.request, is_inbound(id)
    name, to = request.first("from") or b"", request.first("to") or b""
    inner = Leg(f"source:{id}", request.from_tag or "", name, name, contact_uri(request), (), -1, "", 0, "")
    outer = Leg(party.label, request.to_tag or "", to, to, request.uri_raw, (), -1, hop.host, hop.port, hop.listener)
    caller, callee = (outer, inner) if inbound else (inner, outer)
    dialog = Dialog(id, request.call_id, caller, callee, inbound=inbound, trunk=party.names[0])
    dialog.own = request.call_id
    if not inbound:
        begin(edge, dialog, edge.policy.trunks[party.names[0]])
        inner.name = _at(edge, name, edge.policy.trunks[party.names[0]], dialog)
        outer.seen = _at(edge, to, edge.policy.trunks[party.names[0]], dialog)
    numbers = renumbered(out, dialog) if dialog.shift else ()
    return (*numbers, *across(edge, out, dialog, inner, hop.listener))


def _body(edge: Edge, message: Message, listener: str) -> bytes:
    """A body for the carrier: session descriptions of our making, of a message within it (RFC 3420) the first line."""
    kind = message.first("content-type") or b""
    if kind.partition(b";")[0].strip().lower() == b"message/sipfrag":
        return message.body.partition(b"\r\n")[0] + b"\r\n"
    return renamed(message.body, kind, edge.policy.listens[listener].advertise_host)


def via(edge: Edge, client: Client) -> bytes:
    """Our Via of a request: with the hops behind us sealed in it where they are left out of it."""
    ours = edge.via(client.hop.listener, client.key)
    behind = dict(client.restore).get("via")
    return ours if behind is None else ours + f";{_SEALED}={edge.tokens.seal(behind)}".encode("ascii")


def _calls_named(edge: Edge, values: list[bytes], *, to_carrier: bool) -> list[bytes]:
    """Replaces and its like with the Call-ID by which the other side knows that call.

    To the carrier those that name no call with it are left out: they would say a Call-ID of the inside, and nothing to
    the carrier. From the carrier they may name a call that it made, which has the same one on both sides.
    """
    if to_carrier:
        return [found for value in values if (found := _outward(edge, value)) is not None]
    return [inward(edge, value) for value in values]


def _outward(edge: Edge, value: bytes) -> bytes | None:
    call_id, _, rest = value.partition(b";")
    try:
        params = parse_params(b";" + rest) if rest else {}
    except SipParseError:
        return None
    tags = [given or "" for key, given in params.items() if key.endswith("-tag")]
    if len(tags) != 2:
        return None
    named, one, other = text(call_id.strip()), *tags
    dialog = edge.dialogs.get((named, one, other)) or edge.dialogs.get((named, other, one))
    if dialog is None or not dialog.own:
        return None
    return wire(dialog.own) + params_bytes(params)


def inward(edge: Edge, value: bytes) -> bytes:
    """The value of a Replaces that a carrier wrote, with the Call-ID inside where it names a call that has another."""
    call_id, mark, rest = value.partition(b";")
    id = edge.tokens.read_call_id(text(call_id.strip()))
    dialogs = edge.dialogs_of(id) if id is not None else []
    return wire(dialogs[0].call_id) + mark + rest if dialogs else value


# --- responses ------------------------------------------------------------------------------------------------------


def answer(edge: Edge, client: Client, response: Response) -> None:
    """A response on its way back through a call of which one side sees nothing of the inside; it is edited in place."""
    dialog = client.dialog
    if dialog is None or not dialog.own:
        return
    leg = dialog.caller if client.side == "c" else dialog.callee
    if hides(dialog, leg):
        hide_answer(edge, response, dialog, leg.listener)
    elif client.purpose == "begin":
        _lead_back(edge, response, dialog)


def _lead_back(edge: Edge, response: Response, dialog: Dialog) -> None:
    """The way to us, which the carrier wasn't told and so doesn't repeat."""
    caller = dialog.caller
    response.remove("record-route")
    for route in (*edge.record_routes(dialog.id, caller.listener, caller.listener), *caller.routes):
        response.append("record-route", route)


def hide_answer(edge: Edge, response: Response, dialog: Dialog, listener: str) -> None:
    """Leave out of a response to the carrier what names the inside."""
    free = _free(_trunks(edge, _names(dialog)))
    response.keep_only(_OF_ALL | PASSED | free)
    for name in telling(edge, response, free, dialog):
        response.remove(name)
    if tells(edge, wire(response.reason), inside_of(dialog)):
        response.set_reason("")
    routes = below_ours(edge, response)
    response.remove("record-route")
    for route in routes:
        response.append("record-route", route)
    if response.has("contact"):
        response.set("contact", contact(edge, dialog.id, listener))
    trunk = next(_trunks(edge, _names(dialog)), None)
    asserted = response.first("p-asserted-identity")
    if asserted is not None and trunk is not None:
        response.set("p-asserted-identity", _at(edge, asserted, trunk, dialog))
    if response.body:
        response.set_body(_body(edge, response, listener))


def below_ours(edge: Edge, response: Response) -> list[bytes]:
    """The carrier's own Record-Route values."""
    values = response.all("record-route")
    ours = [place for place, value in enumerate(values) if edge.named_by(value) is not None]
    return values[ours[-1] + 1 :] if ours else []


def unveil(edge: Edge, response: Response) -> None:
    """Put the hops behind us back under our Via, where they are sealed in it."""
    token = response.top_via.params.get(_SEALED)
    behind = edge.tokens.unseal(token) if token else None
    if behind is not None:
        response.append("via", behind)


def turn_back(edge: Edge, dialog: Dialog, leg: Leg, response: Response) -> None:
    """A response to a request of this leg by the record alone, after a restart."""
    response.set("from", leg.seen)
    response.set("to", tagged(dialog.other(leg).name, response.to_tag))
    response.set("call-id", wire(dialog.call_id_to(leg)))
    if hides(dialog, leg):
        hide_answer(edge, response, dialog, leg.listener)
    elif leg is dialog.caller and response.cseq[1] == "INVITE":
        _lead_back(edge, response, dialog)


def harmless(edge: Edge, message: Message, name: str, dialog: Dialog, leg: Leg) -> list[bytes]:
    """The values of a header that may be told to a leg: all, or those that don't name the inside."""
    values = message.all(name)
    inside = inside_of(dialog, message) if values and hides(dialog, leg) else None
    return values if inside is None else [value for value in values if not tells(edge, value, inside)]
