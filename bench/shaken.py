"""What signatures cost: making one, verifying one, walking a chain, beside parsing and writing the INVITE they are in.

    python bench/shaken.py

Each line is the best of seven rounds on one core, in microseconds. Compare lines, not machines.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from ringfence.edge.shaken.chain import signer_of
from ringfence.edge.shaken.sign import Signing, signed
from ringfence.edge.shaken.verify import Asked, verify
from ringfence.sip.message import Request
from ringfence.sip.parse import parse
from ringfence.sip.passport import parse_identity
from ringfence.testing.certificates import Authority
from ringfence.testing.passports import ORIGID, key_of

X5U = "https://certificates.example/1234.pem"
ORIG, DEST = "12155551212", "12125550123"
ROUNDS, TIMES = 7, 2000
INVITE = (
    b"INVITE sip:+12125550123@203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:+12155551212@c.example>;tag=1\r\nTo: <sip:+12125550123@c.example>\r\n"
    b"Call-ID: 1@c.example\r\nCSeq: 1 INVITE\r\nContact: <sip:c@198.51.100.1>\r\nContent-Length: 0\r\n\r\n"
)


def us(do: Callable[[], object]) -> float:
    """Microseconds of CPU of one."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            do()
        best = min(best, time.process_time() - began)
    return best / TIMES * 1e6


def through() -> bytes:
    """An INVITE read, looked at and written."""
    message = parse(INVITE)
    assert isinstance(message, Request)
    _ = message.uri, message.from_, message.to_tag
    return message.rewritten(b"INVITE sip:x SIP/2.0", [b"Via: x"], {"route"}, [])


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        root = Authority(directory)
        between = Authority(directory, "between", by=root)
        pair = between.issue_signer()
        pem = pair.certificate.read_bytes() + between.path.read_bytes()
        roots = tuple(x509.load_pem_x509_certificates(root.path.read_bytes()))
        now_s = time.time_ns() // 1_000_000_000
        signer = signer_of(pem, roots, now_s)
        signing = Signing(key_of(pair.key), X5U, signer.authority, signer.until_s)
        value = signed(signing, ORIG, DEST, now_s, "A", ORIGID)
        asked = Asked(ORIG, DEST, DEST)
        found = verify([parse_identity(value)], asked, lambda _: signer, now_s, 60)
        assert found.verstat == "passed", found
        rows = {
            "an INVITE read and written": us(through),
            "a call signed": us(lambda: signed(signing, ORIG, DEST, now_s, "A", ORIGID)),
            "an Identity read": us(lambda: parse_identity(value)),
            "an Identity read and verified": us(
                lambda: verify([parse_identity(value)], asked, lambda _: signer, now_s, 60)
            ),
            "a chain of three walked (once for each signer)": us(lambda: signer_of(pem, roots, now_s)),
        }
    print(f"{len(value)} bytes of Identity")
    for name, cost in rows.items():
        print(f"{cost:8.1f} us  {name}")


if __name__ == "__main__":
    main()
