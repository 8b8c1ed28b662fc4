"""Networks, addresses of sockets, SIP URIs of carriers."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from ringfence.model.firewall import Ports
from ringfence.policy.kinds import Leaf, Wrong
from ringfence.policy.leaves import as_text, shown
from ringfence.sip.errors import SipParseError
from ringfence.sip.hop import DEFAULT_PORT
from ringfence.sip.uri import Uri, parse_uri

Address = tuple[str, int | None]
"""Host without brackets, and port."""

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
_CIDR = "an address or network such as 192.0.2.10, 198.51.100.0/28 or 2001:db8::/48"


def network(value: Any) -> str:
    """An address or network in canonical CIDR form."""
    string = as_text(value, _CIDR)
    try:
        return str(ip_network(string))
    except ValueError:
        raise Wrong(f"must be {_CIDR}, not {shown(value)}", _network_hint(string)) from None


def _network_hint(string: str) -> str:
    try:
        return f'bits are set after the prefix: write "{ip_network(string, strict=False)}"'
    except ValueError:
        name = _HOST.fullmatch(string) and not _numeric(string)
        return "names aren't resolved here: write addresses" if name else ""


NETWORK = Leaf(_CIDR, network, {"type": "string"})

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(udp|tcp))?", re.ASCII)


def _ports(says: str, *, protocol: Literal["udp"] | None, regex: str) -> Leaf:
    """One port or a range of them; with the protocol after a slash unless it is given."""

    def parse(value: Any) -> Ports:
        found = _PORTS.fullmatch(as_text(value, says))
        if found is None or bool(found[3]) == bool(protocol):
            raise Wrong(f"must be {says}, not {shown(value)}")
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last <= 65535:
            raise Wrong(f"must be {says}, not {shown(value)}", "ports are 1 to 65535, the lower one first")
        return Ports("udp" if protocol or found[3] == "udp" else "tcp", first, last)

    return Leaf(says, parse, {"type": "string", "pattern": regex})


PORTS = _ports('ports such as "22/tcp" or "5160-5170/udp"', protocol=None, regex="^[0-9]+(-[0-9]+)?/(udp|tcp)$")
RTP_PORTS = _ports('ports such as "10000-20000"', protocol="udp", regex="^[0-9]+(-[0-9]+)?$")


def address(*, names: bool) -> Leaf:
    """`host`, `host:port` or `[v6]:port`; host names only if `names`. Reads as an Address."""
    says = "an address such as 192.0.2.1:5060 or [2001:db8::1]:5060" + (" or a host name" if names else "")

    def parse(value: Any) -> Address:
        host, port = _split(as_text(value, says))
        bad_port = port is not None and not (port.isascii() and port.isdecimal() and int(port[:6]) < 65536)
        if bad_port or not (_is_ip(host) or (names and _HOST.fullmatch(host) and not _numeric(host))):
            raise Wrong(f"must be {says}, not {shown(value)}")
        return (str(ip_address(host)) if _is_ip(host) else host.lower()), None if port is None else int(port)

    return Leaf(says, parse, {"type": "string"})


def _split(string: str) -> tuple[str, str | None]:
    """Host and port; an IPv6 address without brackets has no port."""
    if string.startswith("["):
        host, bracket, rest = string[1:].partition("]")
        if bracket and ":" in host and (not rest or rest.startswith(":")):
            return host, rest[1:] if rest else None
        return "", None
    if string.count(":") > 1:
        return string, None
    host, colon, port = string.partition(":")
    return host, port if colon else None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _numeric(host: str) -> bool:
    return host.replace(".", "").isdecimal()


_SEND_TO = "a SIP URI such as sip:sbc.carrier.example:5060"


def _send_to(value: Any) -> str:
    uri = _uri(as_text(value, _SEND_TO))
    if uri is None or uri.scheme not in ("sip", "sips") or uri.user is not None or uri.headers:
        raise Wrong(f"must be {_SEND_TO}, not {shown(value)}", _send_to_hint(value, uri))
    if transport_of(uri) not in ("", *DEFAULT_PORT):
        raise Wrong(f"names a transport that isn't spoken here: {shown(value)}", "write ;transport=tcp")
    return str(uri)


def transport_of(uri: Uri) -> str:
    """The transport that a URI asks for in lower case, empty where it leaves it open."""
    return "tls" if uri.scheme == "sips" else (uri.params.get("transport") or "").lower()


def _send_to_hint(value: str, uri: Uri | None) -> str:
    """A host without its scheme is the usual mistake; its name is then read as one."""
    bare = (uri is None or uri.scheme not in ("sip", "sips")) and _uri(f"sip:{value}") is not None
    return f'write "sip:{value}"' if bare else "scheme, host and port, without a user"


def _uri(string: str) -> Uri | None:
    try:
        return parse_uri(string.encode("utf-8"))
    except SipParseError:
        return None


SEND_TO = Leaf(_SEND_TO, _send_to, {"type": "string", "pattern": "^sips?:"})
