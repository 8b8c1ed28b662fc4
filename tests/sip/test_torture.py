"""Every message of RFC 4475 and RFC 5118: accepted, or refused with which status.

Where we refuse what RFC 4475 lets pass it is because two readers could take it differently: that is how a number is
smuggled past a firewall.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Request, Response
from ringfence.sip.parse import parse

TORTURE = Path(__file__).parent / "torture"

ACCEPTED = [
    ("rfc4475/wsinv.dat", "§3.1.1.1 folds, compact names, odd spaces"),
    ("rfc4475/esc01.dat", "§3.1.1.3 valid escapes"),
    ("rfc4475/escnull.dat", "§3.1.1.4 an escaped NUL is a legal URI; dialled() refuses it"),
    ("rfc4475/esc02.dat", "§3.1.1.5 a % that is no escape, in a method"),
    ("rfc4475/lwsdisp.dat", "§3.1.1.6 no space between display name and <"),
    ("rfc4475/longreq.dat", "§3.1.1.7 long values"),
    ("rfc4475/dblreq.dat", "§3.1.1.8 a second request in the datagram is cut off by Content-Length"),
    ("rfc4475/semiuri.dat", "§3.1.1.9 semicolon in the user part"),
    ("rfc4475/transports.dat", "§3.1.1.10 unknown transports"),
    ("rfc4475/mpart01.dat", "§3.1.1.11 multipart body"),
    ("rfc4475/unreason.dat", "§3.1.1.12 UTF-8 reason phrase"),
    ("rfc4475/noreason.dat", "§3.1.1.13 empty reason phrase"),
    ("rfc4475/escruri.dat", "§3.1.2.11 headers in a Request-URI: legal to a proxy, rebuilt on the way out"),
    ("rfc4475/baddate.dat", "§3.1.2.12 a Date outside GMT is for the far end"),
    ("rfc4475/badbranch.dat", "§3.2.1 the branch is only the cookie: handled as RFC 2543"),
    ("rfc4475/unkscm.dat", "§3.3.2 unknown scheme in the Request-URI"),
    ("rfc4475/novelsc.dat", "§3.3.3 known scheme that is no SIP"),
    ("rfc4475/unksm2.dat", "§3.3.4 unknown schemes in From, To, Contact"),
    ("rfc4475/bext01.dat", "§3.3.5 unknown Require: the proxy answers 420, not the parser"),
    ("rfc4475/invut.dat", "§3.3.6 unknown content type"),
    ("rfc4475/regaut01.dat", "§3.3.7 unknown authorization scheme"),
    ("rfc4475/bcast.dat", "§3.3.10 a response whose Via isn't ours: dropped by the proxy"),
    ("rfc4475/zeromf.dat", "§3.3.11 Max-Forwards 0: the proxy answers 483"),
    ("rfc4475/cparam01.dat", "§3.3.12 unknown contact parameter"),
    ("rfc4475/cparam02.dat", "§3.3.13 unknown URI parameter"),
    ("rfc4475/regescrt.dat", "§3.3.14 headers in a Contact URI"),
    ("rfc4475/sdp01.dat", "§3.3.15 unacceptable Accept"),
    ("rfc4475/inv2543.dat", "§3.4.1 INVITE of RFC 2543"),
    ("rfc5118/ipv6-good", "§4.1"),
    ("rfc5118/port-ambiguous", "§4.3 the port is part of the address, as written"),
    ("rfc5118/port-unambiguous", "§4.4"),
    ("rfc5118/via-received-param-with-delim", "§4.5"),
    ("rfc5118/via-received-param-no-delim", "§4.5"),
    ("rfc5118/ipv6-in-sdp", "§4.6"),
    ("rfc5118/mult-ip-in-header", "§4.7"),
    ("rfc5118/mult-ip-in-sdp", "§4.8"),
    ("rfc5118/ipv4-mapped-ipv6", "§4.9"),
    ("rfc5118/ipv6-correct-abnf-2-colons", "§4.10"),
]

REFUSED = [
    ("rfc4475/intmeth.dat", 400, "§3.1.1.2 legal, but its escaped NULs come with a raw one in a quoted string"),
    ("rfc4475/badinv01.dat", 400, "§3.1.2.1 stray separators"),
    ("rfc4475/clerr.dat", 400, "§3.1.2.2 Content-Length over the datagram"),
    ("rfc4475/ncl.dat", 400, "§3.1.2.3 negative Content-Length"),
    ("rfc4475/scalar02.dat", 400, "§3.1.2.4 overlarge scalars in a request"),
    ("rfc4475/scalarlg.dat", 400, "§3.1.2.5 overlarge scalars in a response"),
    ("rfc4475/quotbal.dat", 400, "§3.1.2.6 open quote"),
    ("rfc4475/ltgtruri.dat", 400, "§3.1.2.7 <Request-URI>"),
    ("rfc4475/lwsruri.dat", 400, "§3.1.2.8 space in the Request-URI"),
    ("rfc4475/lwsstart.dat", 400, "§3.1.2.9 two spaces in the start line"),
    ("rfc4475/trws.dat", 400, "§3.1.2.10 space after the start line"),
    ("rfc4475/regbadct.dat", 400, "§3.1.2.13 headers in a bare Contact"),
    ("rfc4475/badaspec.dat", 400, "§3.1.2.14 spaces inside <>"),
    ("rfc4475/baddn.dat", 400, "§3.1.2.15 unquoted separator in a display name"),
    ("rfc4475/badvers.dat", 505, "§3.1.2.16 unknown version"),
    ("rfc4475/mismatch01.dat", 400, "§3.1.2.17 CSeq names another method"),
    ("rfc4475/mismatch02.dat", 400, "§3.1.2.18 the same with an unknown method"),
    ("rfc4475/bigcode.dat", 400, "§3.1.2.19 status over 699"),
    ("rfc4475/insuf.dat", 400, "§3.3.1 required headers missing"),
    ("rfc4475/multi01.dat", 400, "§3.3.8 single headers given twice"),
    ("rfc4475/mcl01.dat", 400, "§3.3.9 Content-Length given twice"),
    ("rfc5118/ipv6-bad", 400, "§4.2 IPv6 without brackets"),
    ("rfc5118/ipv6-bug-abnf-3-colons", 400, "§4.10 three colons, which the grammar of RFC 3261 let pass"),
]


def read(name: str) -> Request | Response:
    message = parse((TORTURE / name).read_bytes())
    message.validate()
    return message


@pytest.mark.parametrize(("name", "section"), ACCEPTED, ids=lambda value: value)
def test_accepted_and_stable(name: str, section: str) -> None:
    message = read(name)
    again = parse(message.to_bytes())
    assert (again.headers(), again.body) == (message.headers(), message.body), section


@pytest.mark.parametrize(("name", "status", "section"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(name: str, status: int, section: str) -> None:
    with pytest.raises(SipParseError) as caught:
        read(name)
    assert caught.value.status == status, section


def test_the_table_names_every_file() -> None:
    files = {str(p.relative_to(TORTURE)) for p in TORTURE.glob("*/*")}
    assert files == {row[0] for row in ACCEPTED} | {row[0] for row in REFUSED}


ALL = [(TORTURE / row[0]).read_bytes() for row in [*ACCEPTED, *REFUSED]]


@given(st.sampled_from(ALL), st.integers(0, 4000), st.integers(0, 40), st.binary(max_size=20))
def test_mutations_parse_or_raise_and_stay_the_same(data: bytes, at: int, cut: int, put: bytes) -> None:
    at %= len(data)
    mutated = data[:at] + put + data[at + cut :]
    try:
        message = parse(mutated)
        message.validate()
    except SipParseError:
        return
    again = parse(message.to_bytes())
    again.validate()
    assert (again.start_line, again.headers(), again.body) == (message.start_line, message.headers(), message.body)
