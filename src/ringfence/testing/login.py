"""A party that answers challenges, with a digest of its own: on purpose not the guard's."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from ringfence.testing.wire import Sip

_PARAM = re.compile(r'([a-z]+)=(?:"([^"]*)"|([^",\s]+))', re.IGNORECASE)
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_ANSWERED_WITH = {401: "Authorization", 407: "Proxy-Authorization"}


def params(value: str) -> dict[str, str]:
    """The parameters of a Digest header."""
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAM.findall(value)}


@dataclass
class Login:
    """A user with a password; it remembers the last challenge and counts how often it used its nonce."""

    user: str
    password: str
    knows: tuple[str, ...] = ("SHA-256", "MD5")
    """Algorithms that it takes, whichever is offered first."""
    asked: dict[str, str] = field(default_factory=dict)
    count: int = 0
    header: str = ""

    def challenged(self, response: Sip) -> None:
        """Take the first challenge that it knows an algorithm of."""
        name = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
        offers = [params(value) for value in response.all(name)]
        self.asked = next(offer for offer in offers if offer.get("algorithm", "MD5") in self.knows)
        self.count, self.header = 0, _ANSWERED_WITH[response.status]

    def answer(self, method: str, uri: str, **changed: str) -> tuple[str, str]:
        """The header that answers it; a parameter changed to nothing is left out."""
        self.count += 1
        algorithm, nonce, realm = self.asked.get("algorithm", "MD5"), self.asked["nonce"], self.asked["realm"]
        given = {"nc": f"{self.count:08x}", "cnonce": f"c{self.count}", "uri": uri, **changed}
        parts = f"{nonce}:{given['nc']}:{given['cnonce']}:auth"
        secret, action = f"{self.user}:{realm}:{self.password}", f"{method}:{given['uri']}"
        response = self._hash(algorithm, f"{self._hash(algorithm, secret)}:{parts}:{self._hash(algorithm, action)}")
        quoted = {"username": self.user, "realm": realm, "nonce": nonce, "response": response, **given}
        plain = {"algorithm": algorithm, "qop": "auth", "nc": quoted.pop("nc")}
        texts = [f'{name}="{value}"' for name, value in quoted.items() if value]
        texts += [f"{name}={changed.get(name, value)}" for name, value in plain.items()]
        return self.header, f"Digest {', '.join(texts)}"

    @staticmethod
    def _hash(algorithm: str, text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()
