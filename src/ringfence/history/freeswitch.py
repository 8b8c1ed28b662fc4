"""FreeSWITCH's call detail records: mod_cdr_csv's shipped template, mod_json_cdr, mod_xml_cdr.

JSON and XML hold one call a file (`UUID.cdr.json`, `a_UUID.cdr.xml`), JSON also one a line; values are URL-encoded.
They tell how a call went on:

    bridge to sofia/gateway/NAME/NUMBER     out, over that gateway, to that number
    context public, or came by a gateway    in
    outbound leg with an originator         the second leg of a call: left out, its first leg is judged

The CSV tells none of that: context public is inbound, and what is shorter than seven digits stays inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from ringfence.history.cdr import Broken, Cdr
from ringfence.history.fields import Inside, Row, in_order, instant, leads_out, needed, times, whole
from ringfence.history.tables import CsvRows, opened, records, why
from ringfence.model.time import Instant

TEMPLATE = (
    "caller_id_name", "caller_id_number", "destination_number", "context", "start", "answer", "end", "duration",
    "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode",
)  # fmt: skip
"""The template `example`, from the first caller column on; newer ones begin with local_ip_v4."""
MAX_CALL = 4 << 20
"""Bytes of one call in JSON or XML."""
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_GATEWAY = re.compile(r"sofia/gateway/(?:[\w.-]+::)?([^/,|\]\s]+)/([^,|\]\s@]+)")
_USER = re.compile(r"sips?:([^@;>]+)")


def read_freeswitch(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Calls of a CSV, JSON or XML file; raises CdrError."""
    with opened(path) as file:
        first = file.readline(10_000).lstrip()[:1]
    return _json(path, zone) if first == "{" else _xml(path, zone) if first == "<" else _csv(path, zone)


def is_row(row: Sequence[str]) -> bool:
    """Whether it looks like one of mod_cdr_csv's template."""
    return len(row) >= len(TEMPLATE) and any(_STAMP.fullmatch(row[at]) for at in (4, 5))


def _csv(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        yield from records(path, CsvRows(file), lambda row: _from_row(row, zone), whole=False)


def _from_row(fields: Sequence[str], zone: tzinfo) -> Cdr:
    if not is_row(fields):
        raise ValueError("no row of FreeSWITCH's template: 13 columns or more, with a date in the fifth or sixth")
    row = dict(zip(TEMPLATE, fields if _STAMP.fullmatch(fields[4]) else fields[1:], strict=False))
    start = instant(row["start"], zone)
    answer, end = times(row, start, zone)
    inbound, dialled = row["context"] == "public", needed(row, "destination_number")
    if not inbound and not leads_out(dialled):
        raise Inside()
    return Cdr(
        call_id=needed(row, "uuid"),
        start=start,
        answer=answer,
        end=end,
        caller=row["caller_id_number"],
        extension="" if inbound else row["caller_id_number"],
        dialled=dialled,
        direction="in" if inbound else "out",
    )


def _json(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """One object a line, or one object in the whole file."""
    with opened(path) as file:
        first = file.readline(MAX_CALL)
        many = first.rstrip().endswith("}")
        texts = [first] if many else [first + file.read(MAX_CALL)]
        number = 0
        while texts[0]:
            number += 1
            if texts[0].strip():
                yield _one(f"{path}:{number}", texts[0], zone)
            texts[0] = file.readline(MAX_CALL) if many else ""


def _one(where: str, text: str, zone: tzinfo) -> Cdr | Broken:
    try:
        found = json.loads(text)
        return call(_decoded(found["variables"]), _profile(found.get("callflow")), zone)
    except json.JSONDecodeError:
        return Broken(where, "no JSON object")
    except (ValueError, OverflowError, KeyError, RecursionError) as error:
        return Broken(where, why(error))
    except (TypeError, AttributeError):
        return Broken(where, "no call of mod_json_cdr")


def _xml(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        text = file.read(MAX_CALL)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        yield Broken(f"{path}:1", "XML with entities of its own")
        return
    try:
        root = ElementTree.fromstring(text)
        variables = {one.tag: one.text or "" for one in root.iterfind("variables/*")}
        profile = {one.tag: one.text or "" for one in root.iterfind("callflow/caller_profile/*")}
        yield call(_decoded(variables), _decoded(profile), zone)
    except ElementTree.ParseError as error:
        yield Broken(f"{path}:{error.position[0]}", "no XML")
    except (ValueError, OverflowError, KeyError) as error:
        yield Broken(f"{path}:1", why(error))


def _profile(callflow: Any) -> Row:
    flows = callflow if isinstance(callflow, list) else [callflow or {}]
    return _decoded(flows[0].get("caller_profile") or {}) if flows else {}


def _decoded(values: Mapping[str, Any]) -> Row:
    return {name: unquote(whole(str(value))) for name, value in values.items() if isinstance(value, (str, int, float))}


def call(variables: Row, profile: Row, zone: tzinfo) -> Cdr:
    """The call of a first leg; raises ValueError."""
    if variables.get("direction") == "outbound" and variables.get("originator"):
        raise ValueError("the second leg of a call")
    start, answer = _epoch(variables, "start", zone), _epoch(variables, "answer", zone)
    answer, end = in_order(start, answer, _epoch(variables, "end", zone) or start)
    dialled = profile.get("destination_number") or variables.get("destination_number") or ""
    inbound = profile.get("context") == "public" or bool(variables.get("sip_gateway"))
    trunk, number = _way(variables)
    if not inbound and not number and not leads_out(dialled):
        raise Inside()
    return Cdr(
        call_id=needed(variables, "uuid"),
        start=start,
        answer=answer,
        end=end,
        caller=profile.get("caller_id_number")
        or variables.get("caller_id_number")
        or variables.get("sip_from_user", ""),
        extension="" if inbound else variables.get("user_name") or variables.get("sip_from_user") or "",
        dialled=needed({"destination_number": dialled if inbound else number or dialled}, "destination_number"),
        trunk=variables.get("sip_gateway", "") if inbound else trunk,
        source_ip=profile.get("network_addr") or variables.get("sip_network_ip") or "",
        user_agent=variables.get("sip_user_agent") or "",
        diverted_from=_user(variables.get("sip_h_Diversion") or variables.get("sip_h_diversion") or ""),
        direction="in" if inbound else "out",
    )


def _epoch(variables: Row, what: str, zone: tzinfo) -> Instant:
    """Microseconds where there are any, else seconds; 0: it didn't happen."""
    exact = variables.get(f"{what}_uepoch", "0")
    if exact.isdigit() and int(exact):
        return instant(f"{exact[:-6]}.{exact[-6:]}", zone)
    text = variables[f"{what}_epoch"]
    return instant(text, zone) if text not in ("", "0") else 0


def _way(variables: Row) -> tuple[str, str]:
    """Gateway and number of the last bridge, or of an outbound leg; empty where it went over none."""
    if variables.get("sip_gateway_name") and variables.get("direction") == "outbound":
        return variables["sip_gateway_name"], _user(variables.get("sip_destination_url") or "")
    found = _GATEWAY.search(variables.get("last_arg") or variables.get("current_application_data") or "")
    return (found[1], found[2]) if found else ("", "")


def _user(uri: str) -> str:
    found = _USER.search(uri)
    return found[1] if found else ""
