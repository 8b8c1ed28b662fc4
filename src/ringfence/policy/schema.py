"""The JSON Schema of the policy file, for editors (`ringfence policy schema`)."""

from __future__ import annotations

from ringfence.policy.keys import INCLUDE, LISTED, NAMED, RULE_SLUGS, SINGLE
from ringfence.policy.kinds import Schema, Table

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def schema() -> Schema:
    """The schema, draft 2020-12, of the main file; an included file has the same named tables and exceptions."""
    named = {section: _named(section, table) for section, table in NAMED.items()}
    single = {section: {**table.schema(), "description": table.doc} for section, table in SINGLE.items()}
    listed = {
        section: {"type": "array", "items": table.schema(), "description": table.doc}
        for section, table in LISTED.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ringfence policy",
        "type": "object",
        "properties": {
            INCLUDE.name: {**INCLUDE.kind.schema(), "description": INCLUDE.doc},
            **single,
            **named,
            **listed,
        },
        "additionalProperties": False,
        "required": ["site", "listen", "trunk", "source"],
    }


def _named(section: str, table: Table) -> Schema:
    """A table of tables; a source may have its required keys from its profile, so none is required here."""
    item = table.schema()
    if section == "source":
        item.pop("required")
    names = {"enum": list(RULE_SLUGS)} if section == "rules" else {"pattern": NAME_PATTERN}
    return {"type": "object", "propertyNames": names, "additionalProperties": item, "description": table.doc}
