"""What is said to the kernel's netfilter by netlink, and what it answers: bytes. Pure.

Theory. A message is a header (length, type, flags, sequence number, port), netfilter's own (family, version, resource)
and attributes: length, type, value, padded to four bytes, nested where the type has NESTED set. nftables takes changes
in batches that hold as a whole: begin, one message an element, end (linux/netfilter/nf_tables.h). Each message that
asks for it is acknowledged, with error number 0 or the reason; a batch that fails at its end says so under the sequence
number of its begin. What netfilter writes is in network byte order, the headers are in the machine's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

Network = IPv4Network | IPv6Network

REQUEST, ACK, DUMP, CREATE = 0x1, 0x4, 0x300, 0x400
_ERROR, _DONE = 2, 3
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NFTABLES, _CONNTRACK = 10, 1
_GETTABLE, _NEWSETELEM, _DELSETELEM = 1, 12, 14
_TABLE_NAME, _TABLE_HANDLE = 1, 4
_CT_GET, _CT_DELETE = 1, 2
_INET = 1
_NESTED = 0x8000
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _LIST_ITEM = 1, 2, 3, 1
_KEY, _FLAGS, _TIMEOUT, _VALUE = 1, 3, 4, 1
_INTERVAL_END = 1
_CTA_ORIG, _CTA_ID, _CTA_ZONE = 1, 12, 18
_TUPLE_IP = 1
_SOURCE, _DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}
FAMILY = {4: 2, 6: 10}
"""AF_INET and AF_INET6, by version of the Internet Protocol."""


class Told(NamedTuple):
    """What the kernel said of one message."""

    sequence: int
    error: int
    """Number as in `errno`, 0 for none."""
    done: bool
    """It is the end of a list."""
    body: bytes
    """Of what is listed: netfilter's header and attributes."""


class Element(NamedTuple):
    """A network in a set of bans."""

    set: str
    network: Network
    interval: bool
    """Whether the set holds networks rather than addresses."""


def added(table: str, elements: Sequence[tuple[Element, int]], sequence: int) -> bytes:
    """The message that adds elements of one set, each for some milliseconds; those that are there stay as they are."""
    items = b"".join(_items(element, timeout_ms) for element, timeout_ms in elements)
    body = _listed(table, elements[0][0].set, items)
    return _message(_NFTABLES << 8 | _NEWSETELEM, REQUEST | ACK | CREATE, sequence, _INET, body)


def removed(table: str, elements: Sequence[tuple[Element, int]], sequence: int) -> bytes:
    """The message that removes elements of one set, refused with ENOENT where one isn't there."""
    body = _listed(table, elements[0][0].set, b"".join(_items(element, 0) for element, _ in elements))
    return _message(_NFTABLES << 8 | _DELSETELEM, REQUEST | ACK, sequence, _INET, body)


def asked(table: str, sequence: int) -> bytes:
    """The request for a table of ours."""
    body = _attribute(_TABLE_NAME, table.encode() + b"\0")
    return _message(_NFTABLES << 8 | _GETTABLE, REQUEST, sequence, _INET, body)


def handle(table: bytes) -> int:
    """The kernel's number of a table as it was listed; 0 where it doesn't say."""
    found = (value for kind, value, _ in attributes(table[4:]) if kind == _TABLE_HANDLE)
    return int.from_bytes(next(found, b""), "big")


def batch(messages: list[bytes], sequence: int) -> bytes:
    """Messages as one change; `sequence` is of its begin, its end has none that is answered."""
    begin = _message(_BATCH_BEGIN, REQUEST, sequence, 0, b"", resource=_NFTABLES)
    return b"".join([begin, *messages, _message(_BATCH_END, REQUEST, 0, 0, b"", resource=_NFTABLES)])


def connections(version: int, sequence: int) -> bytes:
    """The request for all tracked connections of one version of the Internet Protocol."""
    return _message(_CONNTRACK << 8 | _CT_GET, REQUEST | DUMP, sequence, FAMILY[version], b"")


def forgotten(version: int, connection: bytes, sequence: int) -> bytes:
    """The request to forget a connection as it was listed: by its first direction, its zone and its id."""
    kept = [whole for kind, _, whole in attributes(connection[4:]) if kind in (_CTA_ORIG, _CTA_ID, _CTA_ZONE)]
    return _message(_CONNTRACK << 8 | _CT_DELETE, REQUEST | ACK, sequence, FAMILY[version], b"".join(kept))


def ends(version: int, connection: bytes) -> tuple[bytes, bytes]:
    """Addresses that a listed connection goes from and to, packed; empty where it doesn't say."""
    found = (b"", b"")
    for kind, value, _ in attributes(connection[4:]):
        if kind == _CTA_ORIG:
            for inner, addresses, _ in attributes(value):
                if inner == _TUPLE_IP:
                    said = {end: address for end, address, _ in attributes(addresses)}
                    found = said.get(_SOURCE[version], b""), said.get(_DESTINATION[version], b"")
    return found


def told(data: bytes) -> Iterator[Told]:
    """The messages in one answer of the kernel."""
    at = 0
    while at + 16 <= len(data):
        length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data, at)
        if length < 16:
            return
        body = data[at + 16 : at + length]
        error = -struct.unpack_from("=i", body)[0] if kind in (_ERROR, _DONE) and len(body) >= 4 else 0
        yield Told(sequence, error, kind == _DONE, b"" if kind in (_ERROR, _DONE) else body)
        at += length + 3 & ~3


def attributes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, value, and the whole of each attribute."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        end = at + (length + 3 & ~3)
        yield kind & ~_NESTED, data[at + 4 : at + length], data[at:end]
        at = end


def _items(element: Element, timeout_ms: int) -> bytes:
    """An element; of an interval its two ends."""
    network = element.network
    timeout = _attribute(_TIMEOUT, struct.pack(">Q", timeout_ms)) if timeout_ms else b""
    items = [_item(network.network_address.packed, timeout)]
    end = int(network.broadcast_address) + 1
    if element.interval and end < 1 << network.max_prefixlen:
        size = network.max_prefixlen // 8
        items.append(_item(end.to_bytes(size, "big"), _attribute(_FLAGS, struct.pack(">I", _INTERVAL_END))))
    return b"".join(items)


def _listed(table: str, name: str, items: bytes) -> bytes:
    table_name, set_name = (text.encode() + b"\0" for text in (table, name))
    return (
        _attribute(_LIST_TABLE, table_name)
        + _attribute(_LIST_SET, set_name)
        + _attribute(_LIST_ELEMENTS | _NESTED, items)
    )


def _item(key: bytes, more: bytes) -> bytes:
    return _attribute(_LIST_ITEM | _NESTED, _attribute(_KEY | _NESTED, _attribute(_VALUE, key)) + more)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _message(kind: int, flags: int, sequence: int, family: int, body: bytes, *, resource: int = 0) -> bytes:
    own = struct.pack("=BB", family, 0) + struct.pack(">H", resource)
    return struct.pack("=IHHII", 20 + len(body), kind, flags, sequence, 0) + own + body
