"""A site with TLS on both sides: an authority, certificates, the lines of a policy that trusts them."""

from pathlib import Path

from rig import site

from ringfence.testing.certificates import Authority, Pair
from ringfence.testing.peer import Peer
from ringfence.testing.stream_peer import TlsPeer, tls_peer


class House:
    """An authority, what it issued to guard, PBX and carrier, and the lines of a policy that trusts it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority(directory)
        self.guard = self.authority.issue("guard.example")
        self.pbx = self.authority.issue("pbx.example")
        self.carrier = self.authority.issue("sbc.carrier.example")

    def kind(self, pair: Pair, **options: bool) -> type[TlsPeer]:
        return tls_peer(pair, self.authority.path, **options)

    @property
    def listen(self) -> str:
        return f'certificate = "{self.guard.certificate.name}"\nkey = "{self.guard.key.name}"'

    @property
    def mutual(self) -> str:
        return f'{self.listen}\nclient_ca = "{self.authority.path.name}"'

    @property
    def trunk(self) -> str:
        return f'ca = "{self.authority.path.name}"\ntls_name = "sbc.carrier.example"'

    @property
    def source(self) -> str:
        return f'ca = "{self.authority.path.name}"\ntls_peer = ["pbx.example"]'

    def site(self, *, inside: type[Peer] | None = None, outside: type[Peer] | None = None, **policy: str):
        """TLS on both sides, mutual, unless said otherwise."""
        inside, outside = inside or self.kind(self.pbx), outside or self.kind(self.carrier)
        lines = {
            "listen_inside": self.mutual,
            "listen_outside": self.listen,
            "trunk": self.trunk,
            "source": self.source,
        }
        return site(self.directory, inside=inside, outside=outside, **{**lines, **policy})
