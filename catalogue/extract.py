"""The facts of one Asterisk's documentation XML: names, required flags, enumerations, list members.

Never a sentence of it, and never a judgement: types, units and corrections are the overlay's.
    python catalogue/extract.py 22 /usr/share/asterisk/documentation/core-en_US.xml > catalogue/extract-22.json
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INCLUDE = "{http://www.w3.org/2001/XInclude}include"
HERE = Path(__file__).parent

# What appdocsxml.xslt makes of <channel_snapshot/> and <bridge_snapshot/>; identical in Asterisk 16 and 22.
SNAPSHOTS = {
    "channel_snapshot": [
        "Channel",
        "ChannelState",
        "ChannelStateDesc",
        "CallerIDNum",
        "CallerIDName",
        "ConnectedLineNum",
        "ConnectedLineName",
        "Language",
        "AccountCode",
        "Context",
        "Exten",
        "Priority",
        "Uniqueid",
        "Linkedid",
    ],
    "bridge_snapshot": [
        "BridgeUniqueid",
        "BridgeType",
        "BridgeTechnology",
        "BridgeCreator",
        "BridgeName",
        "BridgeNumChannels",
        "BridgeVideoSourceMode",
        "BridgeVideoSource",
    ],
}

Facts = dict[str, Any]


def resolve(root: ET.Element, include: ET.Element) -> list[ET.Element]:
    """The elements an xi:include points at. Its xpointers are absolute paths that ElementTree nearly understands."""
    path = re.fullmatch(r"xpointer\(/?docs/(.*)\)", include.get("xpointer", ""))
    if path is None:
        return []
    contains = re.fullmatch(r"(.*)\[contains\(@name, '([^']*)'\)\]", path[1])
    if contains:
        return [e for e in root.findall(contains[1]) if contains[2] in e.get("name", "")]
    if re.search(r"text\(\)|node\(\)", path[1]):
        return []
    return root.findall(path[1])


def children(root: ET.Element, parent: ET.Element, depth: int = 0) -> Iterator[ET.Element]:
    """The children of `parent`, inclusions replaced by what they mean."""
    for child in parent:
        if child.tag == INCLUDE and depth < 8:
            for found in resolve(root, child):
                wrapper = ET.Element("included")
                wrapper.append(found)
                yield from children(root, wrapper, depth + 1)
        else:
            yield child


def enumeration(root: ET.Element, parameter: ET.Element) -> list[str]:
    """The values that a parameter lists, in the document's order."""
    names: list[str] = []
    for child in children(root, parameter):
        if child.tag != "enumlist":
            continue
        for enum in children(root, child):
            options = children(root, enum) if enum.tag == "configOptionToEnum" else iter([enum])
            names += [name for option in options if (name := option.get("name", "")) and name not in names]
    return names


def header(root: ET.Element, parameter: ET.Element) -> Facts:
    facts: Facts = {"name": parameter.get("name", "")}
    if parameter.get("required") in ("true", "yes"):
        facts["required"] = True
    if parameter.get("multiple") in ("true", "yes"):
        facts["repeated"] = True
    if values := enumeration(root, parameter):
        facts["values"] = values
    return facts


def headers(root: ET.Element, syntax: ET.Element | None) -> list[Facts]:
    """A syntax's headers; a snapshot stays one entry, expanded by the build."""
    found: list[Facts] = []
    for child in children(root, syntax) if syntax is not None else ():
        if child.tag in SNAPSHOTS:
            found.append({"snapshot": child.tag, "prefix": child.get("prefix", "")})
        elif child.tag == "parameter" and child.get("name"):
            found.append(header(root, child))
    unique = {json.dumps(one, sort_keys=True): one for one in found if one.get("name") != "ActionID"}
    return list(unique.values())


def event(root: ET.Element, element: ET.Element) -> Facts:
    """All instances of one event in one entry: an instance is a way of raising it, not another event."""
    facts: Facts = {"classes": [], "headers": []}
    for instance in element.iter("managerEventInstance"):
        flag = re.sub("^EVENT_FLAG_", "", instance.get("class", "")).lower()
        facts["classes"] += [flag] if flag not in facts["classes"] else []
        facts["headers"] += [h for h in headers(root, instance.find("syntax")) if h not in facts["headers"]]
    return facts


def action(root: ET.Element, element: ET.Element) -> Facts:
    facts: Facts = {"headers": headers(root, element.find("syntax"))}
    responses = element.find("responses")
    if responses is not None:
        rows = responses.find("list-elements")
        facts["rows"] = [e.get("name") for e in children(root, rows)] if rows is not None else []
        facts["end"] = [e.get("name") for e in children(root, responses) if e.tag == "managerEvent"]
    return facts


def extract(xml: Path) -> Facts:
    """The facts of a core-en_US.xml, ordered by name."""
    root = ET.parse(xml).getroot()
    events: dict[str, Facts] = {}
    for element in root.iter("managerEvent"):
        found = event(root, element)
        known = events.setdefault(element.get("name", ""), {"classes": [], "headers": []})
        for key in ("classes", "headers"):
            known[key] += [one for one in found[key] if one not in known[key]]
    actions: dict[str, Facts] = {}
    for element in root.iter("manager"):
        # chan_sip and res_pjsip document MessageSend and PJSIPNotify alike: one entry, the headers united.
        found, name = action(root, element), element.get("name", "")
        known = actions.setdefault(name, found)
        known["headers"] += [one for one in found["headers"] if one not in known["headers"]]
    return {"actions": dict(sorted(actions.items())), "events": dict(sorted(events.items()))}


def text(facts: Facts) -> str:
    """JSON with one entry a line, so that a review reads it and a diff is small."""
    parts = []
    for kind in ("actions", "events"):
        lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in facts[kind].items()]
        parts.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    (HERE / f"extract-{sys.argv[1]}.json").write_text(text(extract(Path(sys.argv[2]))))
