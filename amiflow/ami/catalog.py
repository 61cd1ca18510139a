"""What every AMI action and event of Asterisk is made of: the shipped catalogue, read.

Facts only, from `data/catalogue.json`, which `catalogue/build.py` makes. No wording for people, no checking of
recipes, and no behaviour that depends on a server: a caller that knows the server's version asks `exists`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

HeaderType = Literal["text", "int", "number", "bool", "duration", "time"]


@dataclass(frozen=True, slots=True)
class Header:
    """One header of an event, an action or a response.

    `unit`: a duration's "us", "ms", "s", "min" or "hms" (`01:02:03`); a time's "epoch", "epoch.usec", "iso" or "local"
    (`2026-03-02 07:59:00` in the server's zone). `since` and `until` are Asterisk versions, inclusive; None: always.
    """

    name: str
    type: HeaderType = "text"
    unit: str | None = None
    true: str = ""
    false: str = ""
    values: tuple[str, ...] = ()
    optional: bool = False
    required: bool = False
    repeated: bool = False
    caller: bool = False
    code: bool = False
    escaped: bool = False
    names: str | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The privilege classes of an action or event from one Asterisk version to another, both inclusive."""

    since: str | None
    until: str | None
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An event or a row of a list. To see it, a session's read privileges need every class of `classes`.

    `row`: can be an item of a list; `end`: can be a list's last message. Some rows (`ParkedCall`) are also sent by
    themselves. `open`: may carry headers that are not listed here.
    """

    name: str
    headers: Mapping[str, Header]
    classes: tuple[str, ...] = ()
    classes_by_version: tuple[Grant, ...] = ()
    row: bool = False
    end: bool = False
    open: bool = False
    since: str | None = None
    until: str | None = None

    def header(self, name: str) -> Header | None:
        """The header of that name, in any case; also one that any event may carry, and `ChanVariable(...)`."""
        key = name.casefold()
        return self.headers.get(key) or ENVELOPE.get(key) or _find(self.headers, name)


@dataclass(frozen=True, slots=True)
class List:
    """What answers a list action: the names of its rows' events and of the event that ends it ("" if none does).
    `announced`: some requests get a list, others none; where there is one, its response says so in every version."""

    rows: tuple[str, ...]
    end: str
    announced: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """An action. Any one of `privileges` is enough to send it; none listed: every account may.

    `reads`: changes nothing on the server nor in the session. `causes`: events that the action raises by itself.
    `aims`: the headers that say whose call the action begins, ends, moves or silences.
    `one_of`: each member is a set of headers that together make the action complete. `refused`: why it is never sent.
    `together`: of each set of headers all are written or none, as Asterisk ignores some of them alone.
    `response_open`: the response may carry headers that are not listed here.
    """

    name: str
    headers: Mapping[str, Header]
    privileges: tuple[str, ...] = ()
    privileges_by_version: tuple[Grant, ...] = ()
    list: List | None = None
    reads: bool = False
    causes: tuple[str, ...] = ()
    aims: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    response: Mapping[str, Header] = field(default_factory=dict)
    response_open: bool = False
    refused: str | None = None
    open: bool = False
    since: str | None = None
    until: str | None = None

    def header(self, name: str) -> Header | None:
        """The header of that name, in any case; `ActionID` is none of them: it is the session's."""
        return _find(self.headers, name)

    def answer(self, name: str) -> Header | None:
        """The header of that name in this action's response."""
        return _find(self.response, name) or _find(ANSWER, name)


def _table(*headers: Header) -> Mapping[str, Header]:
    return MappingProxyType({header.name.casefold(): header for header in headers})


# Sent with any event: `timestampevents`, `systemname` and manager debugging add the others; rows carry the ActionID.
ENVELOPE = _table(
    Header("Event"),
    Header("Privilege", optional=True),
    Header("Timestamp", "time", "epoch.usec", optional=True),
    Header("SystemName", optional=True),
    Header("SequenceNumber", "int", optional=True),
    Header("File", optional=True),
    Header("Line", "int", optional=True),
    Header("Func", optional=True),
    Header("ActionID", optional=True),
)

# Part of any response.
ANSWER = _table(
    Header("Response", values=("Success", "Error", "Goodbye", "Follows", "Pong")),
    Header("ActionID", optional=True),
    Header("Message", optional=True),
    Header("EventList", values=("start",), optional=True),
)

# A name with a number or a name in it, and how the catalogue writes it: UnitAmount(2), ChanVariable(Local/1@x-1;1),
# Line-000001-000004, Report3SourceSSRC.
_PARAMETRISED = (
    (re.compile(r"\(.*\)$", re.DOTALL), "(0)"),
    (re.compile(r"\(.*\)$", re.DOTALL), ""),
    (re.compile(r"-\d{6}"), "-000000"),
    (re.compile(r"^report\d+"), "reportx"),
)


def _find(headers: Mapping[str, Header], name: str) -> Header | None:
    key = name.casefold()
    if (found := headers.get(key)) is not None:
        return found
    for pattern, general in _PARAMETRISED:
        if (found := headers.get(pattern.sub(general, key))) is not None:
            return replace(found, name=name)
    return None


@cache
def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def exists(thing: Header | Event | Action | Grant, asterisk: str) -> bool:
    """Whether an Asterisk of that version ("16", "18.26.0") has it. A bound "16" means the whole series."""
    version = _version(asterisk)
    if thing.since is not None and version < _version(thing.since)[: len(version)]:
        return False
    return thing.until is None or version[: len(_version(thing.until))] <= _version(thing.until)


class Catalog:
    """Every action and event, looked up without case. Entries are built when first asked for."""

    __slots__ = ("_actions", "_data", "_events", "_spelling")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._spelling = {kind: {name.casefold(): name for name in data[kind]} for kind in ("actions", "events")}
        self._events: dict[str, Event] = {}
        self._actions: dict[str, Action] = {}

    def event(self, name: str) -> Event | None:
        """The event of that name, in any case."""
        spelling = self._spelling["events"].get(name.casefold())
        if spelling is None:
            return None
        if spelling not in self._events:
            self._events[spelling] = self._event(spelling)
        return self._events[spelling]

    def action(self, name: str) -> Action | None:
        """The action of that name, in any case."""
        spelling = self._spelling["actions"].get(name.casefold())
        if spelling is None:
            return None
        if spelling not in self._actions:
            self._actions[spelling] = self._action(spelling)
        return self._actions[spelling]

    def classes_of(self, event: str) -> tuple[str, ...]:
        """The classes of which an account must read every one to see the event; none where it is not known."""
        entry = self.event(event)
        return entry.classes if entry is not None else ()

    def privileges_of(self, action: str) -> tuple[str, ...]:
        """The classes of which an account must write any one to send the action; none where it is not known."""
        entry = self.action(action)
        return entry.privileges if entry is not None else ()

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, by name."""
        return tuple(found for name in self._data["events"] if (found := self.event(name)))

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions, by name."""
        return tuple(found for name in self._data["actions"] if (found := self.action(name)))

    def _event(self, spelling: str) -> Event:
        facts = dict(self._data["events"][spelling])
        grants = _grants(facts.pop("classes", ()))
        headers = self._headers(facts.pop("headers", ()))
        return Event(spelling, headers, _newest(grants), grants, **facts)

    def _action(self, spelling: str) -> Action:
        facts = dict(self._data["actions"][spelling])
        grants = _grants(facts.pop("privileges", ()))
        headers = self._headers(facts.pop("headers", ()))
        response = self._headers(facts.pop("response", ()))
        rows = facts.pop("list", None)
        return Action(
            spelling,
            headers,
            _newest(grants),
            grants,
            list=List(tuple(rows["rows"]), rows["end"], rows.get("announced", False)) if rows else None,
            causes=tuple(facts.pop("causes", ())),
            aims=tuple(facts.pop("aims", ())),
            one_of=tuple(map(tuple, facts.pop("one_of", ()))),
            together=tuple(map(tuple, facts.pop("together", ()))),
            response=response,
            **facts,
        )

    def _headers(self, keys: list[str]) -> Mapping[str, Header]:
        return _table(*(self._header(key) for key in keys))

    def _header(self, key: str) -> Header:
        facts = dict(self._data["headers"][key])
        values = tuple(facts.pop("values", ()))
        return Header(facts.pop("name", key), values=values, **facts)


def _grants(rows: list[list[Any]]) -> tuple[Grant, ...]:
    return tuple(Grant(since, until, tuple(classes)) for since, until, classes in rows)


def _newest(grants: tuple[Grant, ...]) -> tuple[str, ...]:
    return grants[-1].classes if grants else ()


@cache
def load() -> Catalog:
    """The shipped catalogue. Raises nothing that a user could cause: it is package data."""
    text = (Path(__file__).parent / "data" / "catalogue.json").read_text(encoding="utf-8")
    return Catalog(json.loads(text))
