"""What protects media."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.model.settings import Policy, Trunk
from ringfence.policy.lints.base import Found, Lint, Subject


def _keys_in_clear(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    for trunk in policy.trunks.values():
        if trunk.srtp not in ("required", "offered"):
            continue
        for key, who, spoken in _in_clear(policy, trunk):
            text = f"{who} speaks {spoken.upper()}: who reads along has the keys of its calls, unless they come by DTLS"
            yield Found(key, text, "reach it over TLS")


def _in_clear(policy: Policy, trunk: Trunk) -> Iterator[tuple[str, str, str]]:
    """Dotted key, name and transport of who says keys without TLS where others may read; the house is the house."""
    spoken = policy.listens[trunk.listen].transport
    if spoken != "tls":
        yield f"trunk.{trunk.name}.srtp", f"trunk {trunk.name}", spoken
    for source in policy.sources.values():
        spoken = policy.listens[source.listen].transport
        if trunk.name in source.trunks and source.zone != "internal" and spoken != "tls":
            yield f"source.{source.name}.listen", f"source {source.name}, with trunk {trunk.name}", spoken


LINTS = (
    Lint(
        code="POL-601",
        slug="srtp-keys-in-clear",
        why="Keys in SDP protect nothing from who reads the signalling (RFC 4568 §7; A7, A8).",
        find=_keys_in_clear,
    ),
)
