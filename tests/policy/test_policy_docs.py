"""The reference and the schema are those of the code, and the schema agrees with the loader."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ringfence.policy import Loader
from ringfence.policy.keys import LISTED, NAMED, SINGLE
from ringfence.policy.kinds import Either, MapOf, Table
from ringfence.policy.reference import default_of, reference
from ringfence.policy.schema import schema

ROOT = Path(__file__).parents[2]


def test_reference_is_up_to_date() -> None:
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert page == reference(), "run tools/policy_reference.py"


def test_schema_is_up_to_date() -> None:
    assert json.loads((ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8")) == schema()


def tables(kind: Any) -> list[Table]:
    if isinstance(kind, Table):
        return [kind, *(table for key in kind.keys for table in tables(key.kind))]
    if isinstance(kind, Either):
        return tables(kind.container)
    return tables(kind.item) if isinstance(kind, MapOf) else []


TOP = [*SINGLE.values(), *NAMED.values(), *LISTED.values()]
KEYS = [(table, key) for table in {id(t): t for top in TOP for t in tables(top)}.values() for key in table.keys]
UNITS = {"_s": "seconds", "_ms": "milliseconds", "_days": "days"}


def test_every_key_has_a_meaning_and_a_default() -> None:
    page = reference()
    assert len(KEYS) > 100
    for table, key in KEYS:
        assert key.doc.endswith((".", "`.", ")")), key.name
        assert key.required or key.default or default_of(table, key.name), key.name
        assert f"| `{key.name}` |" in page


def test_every_key_with_a_unit_in_its_name_says_it() -> None:
    for suffix, unit in UNITS.items():
        assert all(unit in key.kind.says for _, key in KEYS if key.name.endswith(suffix))


def test_links_lead_somewhere() -> None:
    page = reference()
    assert {*re.findall(r"\(#([a-z-]+)\)", page)} <= {*re.findall(r'<a id="([a-z-]+)">', page)}


def valid(value: Any, rule: dict[str, Any]) -> bool:
    """The part of JSON Schema that ours uses."""
    if "anyOf" in rule and not any(valid(value, {**rule, **each, "anyOf": [{}]}) for each in rule["anyOf"] if each):
        return rule["anyOf"] == [{}] and valid(value, {k: v for k, v in rule.items() if k != "anyOf"})
    if "enum" in rule and value not in rule["enum"]:
        return False
    if "const" in rule and value != rule["const"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if "type" in rule and not isinstance(value, kinds[rule["type"]]):
        return False
    if isinstance(value, dict):
        extra = rule.get("additionalProperties", {})
        rules = rule.get("properties", {})
        return set(rule.get("required", ())) <= set(value) and all(
            (name in rules or extra is not False) and valid(child, rules.get(name, extra))
            for name, child in value.items()
        )
    if isinstance(value, list):
        return len(value) >= rule.get("minItems", 0) and all(valid(child, rule.get("items", {})) for child in value)
    return not (isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value))


def test_schema_admits_the_example() -> None:
    example = tomllib.loads((ROOT / "examples" / "policy.toml").read_text(encoding="utf-8"))
    assert valid(example, schema())
    example["trunk"]["carrier"]["permitt"] = ["US"]
    assert not valid(example, schema())


EVERY_KEY = Path(__file__).with_name("every_key.toml")


def read_keys(kind: Any, value: Any) -> Iterator[tuple[int, str]]:
    """Table and name of every key that a value writes."""
    if isinstance(kind, Either):
        yield from read_keys(kind.container, value)
    elif isinstance(kind, MapOf) and isinstance(value, dict):
        yield from (found for child in value.values() for found in read_keys(kind.item, child))
    elif isinstance(kind, Table) and isinstance(value, dict):
        for key in kind.keys:
            if key.name in value:
                yield id(kind), key.name
                yield from read_keys(key.kind, value[key.name])


def entries(written: dict[str, Any]) -> Iterator[tuple[Table, Any]]:
    """Every table of a policy, with what it holds; a source with its profile."""
    yield from ((table, written[section]) for section, table in SINGLE.items())
    yield from ((table, each) for section, table in LISTED.items() for each in written[section])
    for section, table in NAMED.items():
        for each in written[section].values():
            profile = written["profile"].get(each.get("profile"), {}) if section == "source" else {}
            yield table, {**profile, **each}


def test_every_key_can_be_written_and_the_schema_has_it() -> None:
    written = tomllib.loads(EVERY_KEY.read_text(encoding="utf-8"))
    found = {key for table, value in entries(written) for key in read_keys(table, value)}
    assert [key.name for table, key in KEYS if (id(table), key.name) not in found] == []
    assert valid(json.loads(msgspec.json.encode(written)), schema())


def test_the_policy_with_every_key_loads(tmp_path: Path) -> None:
    for name, text in {
        "policy.toml": EVERY_KEY.read_text(encoding="utf-8"),
        "rates.csv": (ROOT / "examples" / "rates.csv").read_text(encoding="utf-8"),
        "risks.csv": "prefix,score,source,date\n371,80,us,2026-01-01\n",
        "blocked.csv": "prefix,reason,source,date\n44203,robocalls,noc,2026-01-01\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    policy = Loader(str(tmp_path / "policy.toml")).load().policy
    assert (len(policy.trunks), len(policy.sources), len(policy.exceptions)) == (3, 8, 2)
