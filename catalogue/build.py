"""Makes `amiflow/ami/data/catalogue.json` of the extracts, the privileges' history and the hand-kept overlay.

Nothing is decided here that is a fact about one header: those stand in `overlay.yaml`.
    python catalogue/build.py            # writes the file
    python catalogue/build.py --check    # exit status 1 if the file is not what would be written
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from extract import SNAPSHOTS

HERE = Path(__file__).parent
TARGET = HERE.parent / "amiflow" / "ami" / "data" / "catalogue.json"
OLDEST, NEWEST = "16", "22"
# What 16.28 (July 2022) did not have came with 20.0 at the earliest; what it had and 22 has not, 19 still had.
ADDED, REMOVED = "20", "19"

# How a flag is written, by the enumeration that the documentation gives.
BOOLS = {("yes", "no"), ("true", "false"), ("1", "0"), ("on", "off")}
OPPOSITE = dict(BOOLS) | {true.capitalize(): false.capitalize() for true, false in BOOLS}
TYPES = ("text", "int", "number", "bool", "duration", "time")
FLAGS = ("optional", "required", "repeated", "caller", "code", "escaped")

Facts = dict[str, Any]


def spec(text: str) -> Facts:
    """The facts of a line of the overlay: `duration ms optional names=channel since=18 true=yes values=a|b !caller`."""
    facts: Facts = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if equals:
            facts[key] = [one.replace("+", " ") for one in value.split("|") if one] if key == "values" else value
        elif word in TYPES:
            facts["type"] = word
        elif word == "!names":
            facts["names"] = ""
        elif word.lstrip("!") in FLAGS:
            facts[word.lstrip("!")] = not word.startswith("!")
        else:
            facts["unit"] = word
    if facts.get("type") == "bool":
        facts.setdefault("true", "true")
        facts.setdefault("false", OPPOSITE[facts["true"]])
    return facts


class Rules:
    """What a header's name alone says, the prefix of a snapshot (`DestChannel`) taken off."""

    def __init__(self, overlay: Facts, kind: str) -> None:
        self.by_name: dict[str, Facts] = {}
        for line, names in [*overlay["headers"].items(), *overlay[f"{kind}_headers"].items()]:
            for name in names.split():
                self.by_name.setdefault(name, {}).update(spec(line))

    def of(self, name: str, base: str = "") -> Facts:
        return dict(self.by_name.get(name) or self.by_name.get(base) or {})


def flag(values: list[str]) -> Facts:
    """The spelling of a bool whose two values the documentation lists, else {}."""
    lower = {value.lower(): value for value in values}
    for true, false in BOOLS:
        if set(lower) == {true, false}:
            return {"type": "bool", "true": lower[true], "false": lower[false]}
    return {}


def merge(*layers: Facts) -> Facts:
    """Later layers win; a type given later takes the unit, spelling and values of an earlier one with it."""
    facts: Facts = {}
    for layer in layers:
        if layer.get("type", facts.get("type")) != facts.get("type"):
            for key in ("unit", "true", "false"):
                facts.pop(key, None)
        facts |= layer
    if facts.get("type", "text") == "bool":
        facts.pop("values", None)
    return facts


def documented(rules: Rules, given: Facts, base: str = "") -> Facts:
    """A header as the documentation and its name tell it."""
    values = given.get("values", [])
    said: Facts = {"name": given["name"]}
    said |= {key: True for key in ("required", "repeated") if given.get(key)}
    return merge(said, {"values": values} if values else {}, flag(values), rules.of(given["name"], base))


def snapshot(rules: Rules, given: Facts) -> Iterable[Facts]:
    """The headers that a snapshot stands for. A channel's brings the variables that `channelvars` names."""
    prefix = given["prefix"]
    more = ["Tenantid", "ChanVariable"] if given["snapshot"] == "channel_snapshot" else []
    for base in [*SNAPSHOTS[given["snapshot"]], *more]:
        yield documented(rules, {"name": prefix + base}, base) | {"prefix": prefix}


def expand(rules: Rules, entries: list[Facts]) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    for entry in entries:
        for one in snapshot(rules, entry) if "snapshot" in entry else [documented(rules, entry)]:
            found.setdefault(one["name"].casefold(), one)
    return found


def span(facts: Facts) -> Facts:
    return {key: facts[key] for key in ("since", "until") if facts.get(key)}


def united(rules: Rules, old: list[Facts], new: list[Facts], both: bool) -> dict[str, Facts]:
    """Headers of both versions, the newer spelling kept; if `both` have the entry, what only one has is bounded."""
    older, newer = expand(rules, old), expand(rules, new)
    found = older | newer
    for key, one in found.items() if both else ():
        if key not in newer:
            one.setdefault("until", REMOVED)
        elif key not in older:
            one.setdefault("since", ADDED)
        if values := [v for side in (older, newer) for v in side.get(key, {}).get("values", [])]:
            one["values"] = list(dict.fromkeys(values))
    return found


def overlaid(rules: Rules, found: dict[str, Facts], lines: dict[str, str]) -> list[Facts]:
    """The overlay's own lines: what they name is changed, added or (`none`) taken away."""
    for name, line in lines.items():
        key = name.casefold()
        if line == "none":
            del found[key]
            continue
        known = found.get(key) or documented(rules, {"name": name})
        found[key] = merge(known, {"name": name}, spec(line or ""))
    return list(found.values())


def history(lines: list[str]) -> list[list[Any]]:
    """`1.6.2-11: dialplan` as [since, until, classes]; what the oldest or newest surveyed release has is unbounded."""
    rows: list[list[Any]] = []
    for line in lines:
        versions, _, classes = line.partition(": ")
        first, _, last = versions.partition("-")
        granted = [] if classes in ("(list)", "<none>") else classes.split(",")
        if rows and rows[-1][2] == granted:
            rows[-1][1] = last or first
        else:
            rows.append([first, last or first, granted])
    for row in rows:
        row[0] = None if row[0] in ("1.2", "1.4") and row is rows[0] else row[0]
        row[1] = None if row[1] == "master" else row[1]
    return rows


def bounds(rows: list[list[Any]]) -> Facts:
    return span({"since": rows[0][0], "until": rows[-1][1]}) if rows else {}


def listed(line: str) -> Facts:
    """`Row Row -> End` of the overlay."""
    rows, _, end = line.partition("->")
    return {"rows": rows.split(), "end": end.strip()}


class Catalogue:
    """The sources, and what is made of them."""

    def __init__(self) -> None:
        self.overlay: Facts = yaml.safe_load((HERE / "overlay.yaml").read_text(encoding="utf-8"))
        self.extracts = {v: json.loads((HERE / f"extract-{v}.json").read_text()) for v in (OLDEST, NEWEST)}
        self.privileges = json.loads((HERE / "privileges.json").read_text())
        self.headers: dict[str, Facts] = {}
        self.rules = {kind: Rules(self.overlay, kind) for kind in ("events", "actions")}
        lists = [entry for name in self.names("actions") if (entry := self.list_of(name))]
        lists += [listed(line) for line in self.overlay["sometimes"].values()]
        self.rows = {row for entry in lists for row in entry["rows"]}
        self.ends = {entry["end"] for entry in lists}
        self.refuse_strangers()

    def refuse_strangers(self) -> None:
        """An overlay that names what no source knows has a misspelling in it."""
        overlay, known = (
            self.overlay,
            {kind: {n.casefold() for n in self.names(kind)} for kind in ("events", "actions")},
        )
        sources = [*self.extracts.values(), self.privileges]
        for kind in ("events", "actions"):
            told = {name.casefold() for source in sources for name in source[kind]}
            for name, said in overlay[kind].items():
                if name.casefold() not in told and "since" not in said:
                    raise ValueError(f"{kind}: {name} is in no source")
        named = {
            "events": [row for row in self.rows | self.ends if row],
            "actions": [*overlay["causes"], *overlay["lists"], *overlay["aims"]],
        }
        named["events"] += [event for line in overlay["causes"].values() for event in line.split()]
        named["actions"] += overlay["reads"].split() + overlay["response_open"].split()
        for kind, names in named.items():
            if strangers := [name for name in names if name.casefold() not in known[kind]]:
                raise ValueError(f"{kind}: no such {', '.join(strangers)}")

    def names(self, kind: str) -> list[str]:
        """All names of a kind, in the wire's spelling; two that differ in case alone are one entry."""
        every = [n for v in (NEWEST, OLDEST) for n in self.extracts[v][kind]]
        every = [*self.overlay[kind], *self.privileges[kind], *every]
        found: dict[str, str] = {}
        for name in every:
            found.setdefault(name.casefold(), name)
        dropped = {name.casefold() for name in self.overlay["dropped"][kind].split()}
        return sorted((n for key, n in found.items() if key not in dropped), key=str.casefold)

    def facts(self, kind: str, version: str, name: str) -> Facts | None:
        entries = self.extracts[version][kind]
        return next((facts for known, facts in entries.items() if known.casefold() == name.casefold()), None)

    def grants(self, kind: str, name: str) -> list[list[Any]]:
        """The history of an entry; entries that differ in case alone are put one after the other."""
        mine = [
            facts["history"] for known, facts in self.privileges[kind].items() if known.casefold() == name.casefold()
        ]
        lines = sorted(
            (line for one in mine for line in one), key=lambda line: [int(x) for x in re.findall(r"\d+", line)]
        )
        return history(lines)

    def keys(self, headers: list[Facts]) -> list[str]:
        """The headers' keys in the shared table: the name, and a number where the same name means different things."""
        keys = []
        for facts in headers:
            small = {
                key: value
                for key, value in facts.items()
                if value not in (False, "", []) and (key, value) != ("type", "text")
            }
            small = {key: small[key] for key in ("name", *sorted(set(small) - {"name"}))}
            name, number = small["name"], 1
            while (key := name if number == 1 else f"{name}~{number}") in self.headers and self.headers[key] != small:
                number += 1
            self.headers[key] = small
            keys.append(key)
        return keys

    def united(self, kind: str, name: str) -> list[Facts]:
        old, new = (self.facts(kind, version, name) for version in (OLDEST, NEWEST))
        found = united(
            self.rules[kind], (old or {}).get("headers", []), (new or {}).get("headers", []), bool(old and new)
        )
        said = self.overlay[kind].get(name) or {}
        for undocumented in said.get("undocumented_in_16", "").split():
            del found[undocumented.casefold()]["since"]
        return overlaid(self.rules[kind], found, said.get("headers", {}))

    def list_of(self, name: str) -> Facts | None:
        said = self.overlay["lists"].get(name)
        if said is not None:
            return listed(said)
        facts = self.facts("actions", NEWEST, name) or self.facts("actions", OLDEST, name) or {}
        return {"rows": facts["rows"], "end": facts["end"][0]} if facts.get("rows") else None

    def event(self, name: str) -> Facts:
        said = self.overlay["events"].get(name) or {}
        grants = self.grants("events", name)
        absent = said.get("absent", [])
        headers = self.united("events", name)
        for one in headers:
            bounded = bool(one.get("since") or one.get("until")) and not self.within(one, bounds(grants))
            missing = absent == ["all"] or one.get("prefix") in absent
            one.pop("prefix", None)
            one.pop("required", None)
            one["optional"] = one.get("optional") or bounded or missing
        entry: Facts = {"headers": self.keys(headers), "classes": grants}
        entry |= {"row": True} if name in self.rows else {}
        entry |= {"end": True} if name in self.ends else {}
        entry |= {"open": True} if said.get("open") else {}
        return entry | span(bounds(grants) | said)

    @staticmethod
    def within(header: Facts, entry: Facts) -> bool:
        """Whether a header's bounds are no narrower than its entry's."""
        return header.get("since") in (None, entry.get("since")) and header.get("until") in (None, entry.get("until"))

    def action(self, name: str) -> Facts:
        said, overlay = self.overlay["actions"].get(name) or {}, self.overlay
        grants = self.grants("actions", name)
        entry: Facts = {"headers": self.keys(self.united("actions", name)), "privileges": grants}
        if found := self.list_of(name):
            entry["list"] = found
        elif name in overlay["sometimes"]:
            entry["list"] = listed(overlay["sometimes"][name]) | {"announced": True}
        if said.get("response"):
            entry["response"] = self.keys(overlaid(Rules(overlay, "events"), {}, said["response"]))
        entry |= {"reads": True} if name in overlay["reads"].split() else {}
        entry |= {"causes": overlay["causes"][name].split()} if name in overlay["causes"] else {}
        entry |= {"aims": overlay["aims"][name].split()} if name in overlay["aims"] else {}
        entry |= {"response_open": True} if name in overlay["response_open"].split() else {}
        entry |= {key: said[key] for key in ("one_of", "together", "refused", "open") if key in said}
        return entry | span(bounds(grants) | said)

    def build(self) -> Facts:
        events = {name: self.event(name) for name in self.names("events")}
        actions = {name: self.action(name) for name in self.names("actions")}
        return {"headers": dict(sorted(self.headers.items())), "actions": actions, "events": events}


def text(facts: Facts) -> str:
    """JSON with one entry a line, so that a review reads it and a diff is small."""
    parts = []
    for kind, entries in facts.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
        parts.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(arguments: list[str]) -> int:
    made = text(Catalogue().build())
    if "--check" in arguments:
        return int(TARGET.read_text(encoding="utf-8") != made)
    TARGET.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
