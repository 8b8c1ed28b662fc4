"""From a document without mistakes to what this machine's firewall is made of."""

from __future__ import annotations

from ringfence.model.firewall import Firewall, Service
from ringfence.policy.document import Document


def firewall_of(document: Document) -> Firewall | None:
    """None where the policy has no `[firewall]`."""
    if "firewall" not in document.single:
        return None
    values = document.single["firewall"].values
    admins: tuple[str, ...] = values.get("admins", ())
    return Firewall(
        services={
            name: Service(name=name, ports=entry.values["ports"], networks=entry.values.get("from", admins))
            for name, entry in document.named["service"].items()
        },
        **values,
    )
