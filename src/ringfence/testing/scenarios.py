"""SIPp scenarios as values: each function gives the XML of one scenario, put together from a few steps.

Callers take what they dial from SIPp's `-inf` file: field0 the number, field1 the caller ID. Talk time is SIPp's `-d`.
Every scenario routes loosely (`rrs`, `[routes]`, `[next_url]`), as RFC 3261 §12.2 asks behind a record-routing proxy.
Counters (`answered`, `refused_480`, ...) appear in SIPp's statistics.
"""

REFUSALS = (403, 404, 408, 480, 486, 487, 488, 500, 503, 603)
"""Final answers that a tolerant caller takes without failing, each with a counter."""

_SDP = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40000 RTP/AVP 0\n"
_BODY = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}"
_NO_BODY = "Content-Length: 0\n\n"
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
_FROM = "From: <sip:[field1]@[local_ip]:[local_port]>;tag=[pid]c[call_number]\n"
_TO = "To: <sip:[field0]@[remote_ip]:[remote_port]>"
_CONTACT = "Contact: <sip:u@[local_ip]:[local_port]>\n"
_OUT = "sip:[field0]@[remote_ip]:[remote_port]"


def with_srtp(xml: str) -> str:
    """The same scenario with SRTP in its session descriptions, and the key there (RFC 4568)."""
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n"
    return xml.replace("RTP/AVP 0\n", f"RTP/SAVP 0\n{key}")


def scenario(name: str, *steps: str) -> str:
    """A whole file."""
    head = f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n'
    return head + "\n".join(steps) + "\n</scenario>\n"


def _send(message: str, attributes: str = "") -> str:
    return f"<send {attributes}><![CDATA[\n{message}]]></send>"


def _recv(what: str, attributes: str = "", inside: str = "") -> str:
    return f"<recv {what} {attributes}>{inside}</recv>"


def _status(code: int, attributes: str = "") -> str:
    return _recv(f'response="{code}"', attributes)


def _optional(*codes: int) -> str:
    return "\n".join(_status(code, 'optional="true"') for code in codes)


_PAUSE = "<pause/>"
_AGAIN = 'retrans="500"'
_ANSWERED = _status(200, 'rrs="true" counter="answered"')


def _pause(milliseconds: int) -> str:
    return f'<pause milliseconds="{milliseconds}"/>'


# The caller's side.


def _invite(cseq: int = 1, extra: str = "", uri: str = _OUT, to: str = _TO, routes: str = "") -> str:
    fields = f"{_FROM}{to}\nCall-ID: [call_id]\nCSeq: {cseq} INVITE\n{_CONTACT}"
    return f"INVITE {uri} SIP/2.0\n{_VIA}{routes}Max-Forwards: 70\n{fields}{extra}{_BODY}"


def _within(method: str, cseq: int, extra: str = "") -> str:
    """A request of the caller within the dialog."""
    fields = f"{_FROM}{_TO}[peer_tag_param]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
    return f"{method} [next_url] SIP/2.0\n{_VIA}[routes]\nMax-Forwards: 70\n{fields}{_CONTACT}{extra}{_NO_BODY}"


def _hop_by_hop(method: str, cseq: int, tag: str = "[peer_tag_param]") -> str:
    """ACK of a refusal, or CANCEL: within the INVITE's transaction."""
    # SIPp's branch is the number of the step; [branch-4] is that of the INVITE, four steps before the CANCEL.
    via = "[last_Via:]\n" if method == "ACK" else _VIA.replace("[branch]", "[branch-4]")
    fields = f"{_FROM}{_TO}{tag}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
    return f"{method} {_OUT} SIP/2.0\n{via}Max-Forwards: 70\n{fields}{_NO_BODY}"


def _refused(cseq: int = 1) -> str:
    """Where the refusals of `_tolerant` lead: an ACK, and the end."""
    return '<label id="9"/>\n' + _send(_hop_by_hop("ACK", cseq))


def _tolerant() -> str:
    return "\n".join(_status(code, f'optional="true" next="9" counter="refused_{code}"') for code in REFUSALS)


def _hang_up(cseq: int = 2) -> str:
    return _send(_within("BYE", cseq), _AGAIN) + "\n" + _status(200)


_RING = _optional(180, 183)


def caller() -> str:
    """Calls, talks for `-d`, hangs up; a refusal isn't a failure, but counted."""
    return scenario(
        "caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _tolerant(),
        _ANSWERED,
        _send(_within("ACK", 1)),
        _PAUSE,
        _hang_up().replace('<recv response="200" >', '<recv response="200" next="10">'),
        _refused(),
        '<label id="10"/>',
    )


def strict_caller() -> str:
    """Calls, talks for `-d`, hangs up; anything but an answered call is a failure."""
    return scenario(
        "strict caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 1)),
        _PAUSE,
        _hang_up(),
    )


def signed_caller(identity: str) -> str:
    """The strict caller with an Identity header."""
    return strict_caller().replace(_invite(), _invite(extra=f"Identity: {identity}\n"))


def redirected_caller() -> str:
    """Calls, and wants to be told where else to: anything but a 302 is a failure."""
    return scenario(
        "redirected caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _status(302, 'counter="moved"'),
        _send(_hop_by_hop("ACK", 1)),
    )


def caller_waits_for_bye() -> str:
    """The far side hangs up."""
    return scenario(
        "caller waits for bye",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 1)),
        _recv('request="BYE"'),
        _send(_reply(200, "OK")),
    )


def cancelling_caller() -> str:
    """Gives up after 180 and `-d`."""
    return scenario(
        "cancelling caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _status(180),
        _PAUSE,
        _send(_hop_by_hop("CANCEL", 1, tag=""), _AGAIN),
        _status(200),
        _status(487),
        _send(_hop_by_hop("ACK", 1)),
    )


def vanishing_caller() -> str:
    """Is answered and then gone: no BYE ever."""
    return scenario(
        "vanishing caller", _send(_invite(), _AGAIN), _optional(100), _RING, _ANSWERED, _send(_within("ACK", 1))
    )


def authenticating_caller() -> str:
    """Answers the carrier's 407 with credentials (`[authentication]` in field2), then talks and hangs up."""
    return scenario(
        "authenticating caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _status(407, 'auth="true" counter="challenged"'),
        _send(_hop_by_hop("ACK", 1)),
        _send(_invite(2, "[field2]\n"), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 2)),
        _PAUSE,
        _hang_up(3),
    )


def reinviting_caller() -> str:
    """Sends a re-INVITE during the call, as for hold."""
    again = _invite(2, uri="[next_url]", to=f"{_TO}[peer_tag_param]", routes="[routes]\n")
    return scenario(
        "reinviting caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 1)),
        _PAUSE,
        _send(again, _AGAIN),
        _optional(100),
        _status(200, 'counter="reinvited"'),
        _send(_within("ACK", 2)),
        _hang_up(3),
    )


def reinvited_caller() -> str:
    """Takes a re-INVITE of the far side, then hangs up."""
    return scenario(
        "reinvited caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 1)),
        _recv('request="INVITE"', 'counter="reinvited"'),
        _send(_reply(200, "OK", body=True), _AGAIN),
        _recv('request="ACK"'),
        _hang_up(),
    )


def prack_caller() -> str:
    """Acknowledges a reliable 183 (RFC 3262)."""
    return scenario(
        "prack caller",
        _send(_invite(extra="Supported: 100rel\n"), _AGAIN),
        _optional(100),
        _status(183, 'rrs="true"'),
        _send(_within("PRACK", 2, "RAck: 1 1 INVITE\n"), _AGAIN),
        _status(200, 'counter="pracked"'),
        _ANSWERED,
        _send(_within("ACK", 1)),
        _PAUSE,
        _hang_up(3),
    )


def transferred_caller(final: str = "200 OK") -> str:
    """Is asked to call somebody else (REFER), says what came of it, and is hung up on."""
    notify = _within("NOTIFY", 2, "Event: refer\nSubscription-State: terminated;reason=noresource\n")
    fragment = f"Content-Type: message/sipfrag\nContent-Length: [len]\n\nSIP/2.0 {final}\n"
    return scenario(
        "transferred caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _RING,
        _ANSWERED,
        _send(_within("ACK", 1)),
        _recv('request="REFER"', 'counter="referred"'),
        _send(_reply(202, "Accepted")),
        _send(notify.replace(_NO_BODY, fragment), _AGAIN),
        _status(200),
        _HUNG_UP,
    )


def following_caller() -> str:
    """Follows a redirection to its Contact; a refusal there isn't a failure, but counted."""
    where = '<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="where"/>'
    again = _invite(2, "Diversion: <sip:107@pbx>;reason=deflection\n", uri="[$where]")
    return scenario(
        "following caller",
        _send(_invite(), _AGAIN),
        _optional(100),
        _recv('response="302"', 'counter="redirected"', f"<action>{where}</action>"),
        _send(_hop_by_hop("ACK", 1)),
        _send(again, _AGAIN),
        _optional(100),
        _RING,
        _tolerant(),
        _ANSWERED,
        _send(_within("ACK", 2)),
        _PAUSE,
        _hang_up(3).replace('<recv response="200" >', '<recv response="200" next="10">'),
        _refused(2),
        '<label id="10"/>',
    )


def registrant() -> str:
    """Registers (field0 the user), answers the 401 (field2 `[authentication]`)."""

    def register(cseq: int, extra: str = "") -> str:
        who = "<sip:[field0]@[remote_ip]>"
        fields = f"From: {who};tag=[pid]r[call_number]\nTo: {who}\nCall-ID: [call_id]\nCSeq: {cseq} REGISTER\n"
        head = f"REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n{_VIA}Max-Forwards: 70\n"
        return f"{head}{fields}{_CONTACT}Expires: 300\n{extra}{_NO_BODY}"

    return scenario(
        "registrant",
        _send(register(1), _AGAIN),
        _optional(100),
        _status(401, 'auth="true"'),
        _send(register(2, "[field2]\n"), _AGAIN),
        _optional(100),
        _status(200, 'counter="registered"'),
    )


# The called side.


def _reply(status: int, reason: str, extra: str = "", body: bool = False) -> str:
    copied = "[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
    return f"SIP/2.0 {status} {reason}\n{copied.format(tag='')}{_CONTACT}{extra}{_BODY if body else _NO_BODY}"


def _first_reply(status: int, reason: str, extra: str = "", body: bool = False) -> str:
    """A reply to the INVITE that began it, with our tag."""
    return _reply(status, reason, extra, body).replace("[last_To:]", "[last_To:];tag=[pid]s[call_number]")


_OFFERED = _recv('request="INVITE"', 'rrs="true" counter="offered"')
_RINGING = _send(_first_reply(180, "Ringing"))
_CONNECT = _send(_first_reply(200, "OK", body=True), _AGAIN) + "\n" + _recv('request="ACK"', 'crlf="true"')
_HUNG_UP = _recv('request="BYE"') + "\n" + _send(_reply(200, "OK"))


def callee(ring_ms: int = 0) -> str:
    """Rings, answers after `ring_ms`, waits for BYE."""
    return scenario("callee", _OFFERED, _RINGING, *([_pause(ring_ms)] if ring_ms else []), _CONNECT, _HUNG_UP)


def early_callee(ring_ms: int = 200) -> str:
    """183 with early media before the answer."""
    early = _send(_first_reply(183, "Session Progress", body=True))
    return scenario("early callee", _OFFERED, early, _pause(ring_ms), _CONNECT, _HUNG_UP)


def prack_callee() -> str:
    """A 183 that has to be acknowledged (RFC 3262) before the answer."""
    early = _send(_first_reply(183, "Session Progress", "Require: 100rel\nRSeq: 1\n", body=True))
    # The 200 of the INVITE needs the INVITE's Via and CSeq, while the last message is the PRACK: they are kept.
    keep = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name}"/>' for name in ("Via", "CSeq")
    )
    offered = _recv('request="INVITE"', 'rrs="true" counter="offered"', f"<action>{keep}</action>")
    answer = _reply(200, "OK", body=True).replace("[last_Via:]", "Via:[$Via]").replace("[last_CSeq:]", "CSeq:[$CSeq]")
    return scenario(
        "prack callee",
        offered,
        early,
        _recv('request="PRACK"', 'counter="pracked"'),
        _send(_reply(200, "OK")),
        _pause(50),
        _send(answer, _AGAIN),
        _recv('request="ACK"'),
        _HUNG_UP,
    )


def refusing_callee(status: int, reason: str = "Refused") -> str:
    """Refuses each call: 486, 503, ..."""
    return scenario(f"callee {status}", _OFFERED, _send(_first_reply(status, reason), _AGAIN), _recv('request="ACK"'))


def redirecting_callee(contact: str) -> str:
    """Sends each call elsewhere."""
    moved = _first_reply(302, "Moved Temporarily").replace(_CONTACT, f"Contact: <{contact}>\n")
    return scenario("redirecting callee", _OFFERED, _send(moved, _AGAIN), _recv('request="ACK"'))


def transferring_callee(target: str) -> str:
    """Answers, asks the caller to call somebody else after `-d` (REFER), hears what came of it, and hangs up."""
    refer = _from_callee("REFER", f"Refer-To: <{target}>\n{_NO_BODY}")
    return scenario(
        "transferring callee",
        _keep_parties(),
        _RINGING,
        _CONNECT,
        _PAUSE,
        _send(refer, _AGAIN),
        _status(202, 'next="3" optional="true" counter="accepted"'),
        _status(603, 'counter="refused_603"'),
        _send(_from_callee("BYE").replace("CSeq: 1", "CSeq: 2"), _AGAIN),
        _status(200, 'next="10"'),
        '<label id="3"/>',
        _recv('request="NOTIFY"', 'counter="notified"'),
        _send(_reply(200, "OK")),
        _send(_from_callee("BYE").replace("CSeq: 1", "CSeq: 2"), _AGAIN),
        _status(200),
        '<label id="10"/>',
    )


def silent_callee() -> str:
    """Rings and never answers; takes the CANCEL."""
    cancelled = _first_reply(487, "Request Terminated").replace("[last_CSeq:]", "CSeq: 1 INVITE")
    # The CANCEL's Via is that of the INVITE (RFC 3261 §9.1), so the last one serves both answers.
    return scenario(
        "silent callee",
        _OFFERED,
        _RINGING,
        _recv('request="CANCEL"', 'counter="cancelled"'),
        _send(_first_reply(200, "OK")),
        _send(cancelled, _AGAIN),
        _recv('request="ACK"'),
    )


def hanging_up_callee() -> str:
    """Answers and hangs up after `-d`."""
    return scenario(
        "hanging up callee", _keep_parties(), _RINGING, _CONNECT, _PAUSE, _send(_from_callee("BYE"), _AGAIN),
        _status(200),
    )  # fmt: skip


def reinviting_callee() -> str:
    """Answers, sends a re-INVITE after `-d`, waits for BYE."""
    return scenario(
        "reinviting callee",
        _keep_parties(),
        _RINGING,
        _CONNECT,
        _PAUSE,
        _send(_from_callee("INVITE", _BODY), _AGAIN),
        _optional(100),
        _status(200, 'counter="reinvited"'),
        _send(_from_callee("ACK")),
        _HUNG_UP,
    )


def reinvited_callee() -> str:
    """Takes a re-INVITE of the caller."""
    again = _recv('request="INVITE"', 'counter="reinvited"')
    answer = _send(_reply(200, "OK", body=True), _AGAIN)
    return scenario("reinvited callee", _OFFERED, _RINGING, _CONNECT, again, answer, _recv('request="ACK"'), _HUNG_UP)


def challenging_callee() -> str:
    """407 first; the INVITE with credentials is answered."""
    challenge = 'Proxy-Authenticate: Digest realm="carrier", nonce="5f2c", algorithm=MD5, qop="auth"\n'
    return scenario(
        "challenging callee",
        _recv('request="INVITE"', 'counter="challenged"'),
        _send(_first_reply(407, "Proxy Authentication Required", challenge), _AGAIN),
        _recv('request="ACK"'),
        _OFFERED,
        _RINGING,
        _CONNECT,
        _HUNG_UP,
    )


def registrar() -> str:
    """401, then 200 with the contact as it was sent."""
    challenge = 'WWW-Authenticate: Digest realm="carrier", nonce="5f2c", algorithm=MD5, qop="auth"\n'
    accepted = _first_reply(200, "OK", "Expires: 300\n").replace(_CONTACT, "[last_Contact:]\n")
    return scenario(
        "registrar",
        _recv('request="REGISTER"'),
        _send(_first_reply(401, "Unauthorized", challenge)),
        _recv('request="REGISTER"', 'counter="registered"'),
        _send(accepted),
    )


def _keep_parties() -> str:
    keep = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name}"/>' for name in ("From", "To")
    )
    return _recv('request="INVITE"', 'rrs="true" counter="offered"', f"<action>{keep}</action>")


def _from_callee(method: str, body: str = _NO_BODY) -> str:
    """A request of the called side within the dialog: From and To change places."""
    parties = "From:[$To];tag=[pid]s[call_number]\nTo:[$From]\n"
    head = f"{method} [next_url] SIP/2.0\n{_VIA}[routes]\nMax-Forwards: 70\n"
    return f"{head}{parties}[last_Call-ID:]\nCSeq: 1 {method}\n{_CONTACT}{body}"
