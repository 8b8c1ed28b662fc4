"""3xx answers: nobody is sent to a place that a direct call of his couldn't reach (RFC 3261 §8.1.3.4, C10).

    carrier to a source    300, 301, 302: back to it with each Contact leading to us, by its number alone, so that a PBX
                           which follows asks like for any call; other 3xx, or without a number: 480
    source to the carrier  480: the carrier would place a call for us that nobody judged
    inside a call          back without its Contacts: it leads nowhere, and the call stays where it is

We follow none ourselves: who is charged with a redirection is known of a new INVITE only.
"""

from __future__ import annotations

import re

from ringfence.edge.calls import close, refuse
from ringfence.edge.identity import dialled_uri
from ringfence.edge.records import Call, Client
from ringfence.edge.relay import pass_back
from ringfence.edge.state import Edge
from ringfence.sip.address import Address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire
from ringfence.sip.message import Response

FOLLOWED = (300, 301, 302)
"""Those of which a Contact is another way to who was called."""
MOST = 8
"""Contacts that are passed."""
_NUMBER = re.compile(r"[0-9A-Za-z+*#._-]{1,64}", re.ASCII)
_Q = re.compile(r"[01](?:\.[0-9]{0,3})?", re.ASCII)


def is_redirect(response: Response) -> bool:
    """Whether it is a 3xx."""
    return 300 <= response.status < 400


def take(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    """The end of a call: it is redirected."""
    leads = [] if call.inbound or response.status not in FOLLOWED else _through_us(edge, call, response)
    response.remove("contact")
    if leads:
        for lead in leads:
            response.append("contact", lead)
        pass_back(edge, client, response, now)
    else:
        refuse(edge, call.server, 480, "Temporarily Unavailable", now)
    close(edge, call, "redirected", response.status, now)


def _through_us(edge: Edge, call: Call, response: Response) -> list[bytes]:
    host = edge.uri_hosts[call.prototype.caller.listener]
    found = [_lead(value, host) for value in response.all("contact")]
    return [lead for lead in found if lead][:MOST]


def _lead(value: bytes, host: bytes) -> bytes:
    """The same number at our address; empty where there is none."""
    try:
        contact = parse_address(value)
        number = dialled_uri(contact.uri) if contact.uri.scheme in ("sip", "sips", "tel") else ""
    except SipParseError:
        return b""
    return b"<sip:%b@%b>%b" % (wire(number), host, _preference(contact)) if _NUMBER.fullmatch(number) else b""


def _preference(contact: Address) -> bytes:
    q = contact.params.get("q") or ""
    return b";q=" + wire(q) if _Q.fullmatch(q) else b""


def disarm(response: Response) -> Response:
    """A response that passes inside a call, or without state: a 3xx loses what it would lead to."""
    if is_redirect(response):
        response.remove("contact")
    return response
