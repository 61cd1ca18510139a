"""What this run caused itself, as far as can be told: behind the builtin `ours(e)`, and behind the guard against loops.

Belongs here: the memory of what the run's actions named and began, and the comparison of an event with it. Never here:
who asks (`evaluate`, `loops`) and what is sent (`actions`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, TypeAlias

from amiflow.ami.catalog import load
from amiflow.ami.message import Message

_MEMORY = 2.0  # seconds
_LINE = 60.0  # seconds for which a line of causes is followed
_MOST_IDS = 10_000  # ids of calls and actions that are remembered, the newest
_MOST_DEEDS = 8  # actions that are remembered of one thing, the newest
_KINDS = frozenset(("channel", "interface", "queue", "device", "conference"))
_BY_PEOPLE = frozenset(("DTMFBegin", "DTMFEnd", "Hold", "Unhold"))
"""What happens to a call because somebody presses a key, whatever an action did before."""

_FUNCTION = re.compile(r"(GLOBAL|DEVICE_STATE|PRESENCE_STATE)\((.*)\)")
_SETS = {
    "GLOBAL": ("variable", "VarSet"),
    "DEVICE_STATE": ("device", "DeviceStateChange"),
    "PRESENCE_STATE": ("presentity", "PresenceStateChange"),
}
"""What Setvar sets that is no channel's, by the function: the kind of thing that is named, and the event that tells."""

Line: TypeAlias = tuple[tuple[str, float], ...]
"""Flows that were started one by what the other did, the last one last, each with when it was started."""
_Thing: TypeAlias = tuple[str, str, str]
"""The server, the kind and the name: two servers may well have channels of the same name."""


class _Deed(NamedTuple):
    """An action that named a thing: when, what it raises by itself, whether it moves a call, and whose it is."""

    when: float
    causes: frozenset[str]
    moves: bool
    line: Line


_Fresh: TypeAlias = tuple[float, str, str, tuple[tuple[str, str], ...], Line]
"""An action as it was sent: when, to which server, its name and headers, and whose it is."""


class Named:
    """What the actions of a run named lately. One is shared by all machines of a run."""

    __slots__ = ("_deeds", "_fresh", "_ids", "_sent")

    def __init__(self) -> None:
        self._fresh: deque[_Fresh] = deque()
        self._deeds: dict[_Thing, list[_Deed]] = {}
        self._ids: dict[str, tuple[float, Line]] = {}
        self._sent: dict[str, float] = {}

    def record(
        self, now: float, server: str, action: str, headers: tuple[tuple[str, str], ...], line: Line = ()
    ) -> None:
        """An action that may cause events goes out to a server."""
        self._sent[action] = now
        fresh = self._fresh
        fresh.append((now, server, action, headers, line))
        while fresh[0][0] < now - _MEMORY:
            fresh.popleft()

    def began(self, now: float, own_id: str, line: Line) -> None:
        """An action goes out whose own id comes back in events: that of a call, or the ActionID of a UserEvent."""
        self._ids[own_id] = (now, line)
        if len(self._ids) > _MOST_IDS:
            del self._ids[next(iter(self._ids))]
        self._forget_ids(now)

    def caused(self, server: str, message: Message, now: float) -> bool:
        """Whether the server's event tells of a thing of it that an action named within the last two seconds."""
        self._digest(now)
        return bool(self._deeds) and any(thing in self._deeds for thing in _things_of(server, message))

    def line(self, server: str, message: Message, now: float) -> Line:
        """Whose doing the server's event is: the longest line of flows of which the last one caused it; empty: none's.

        Its call or its ActionID is of this run; or an action named its thing within the last two seconds and raises
        such events by itself, or moves calls, after which anything may happen to that channel."""
        self._forget_ids(now)
        lines = [line for own_id in _ids_in(message) if (line := self._of(own_id, now))] if self._ids else []
        name = message.name
        if any(now - when <= _MEMORY and _may_raise(action, name) for action, when in self._sent.items()):
            self._digest(now)
            things = _things_of(server, message) if self._deeds else ()
            lines += [deed.line for one in things for deed in self._deeds.get(one, ()) if _explains(deed, name, one)]
        return max(lines, key=len, default=())

    def _forget_ids(self, now: float) -> None:
        """Those too old to be followed; without any an event is not looked at for them."""
        while self._ids and next(iter(self._ids.values()))[0] < now - _LINE:
            del self._ids[next(iter(self._ids))]

    def _of(self, own_id: str, now: float) -> Line:
        when, line = self._ids.get(own_id, (0.0, ()))
        return line if now - when <= _LINE else ()

    def _digest(self, now: float) -> None:
        """The catalogue is looked into only when somebody asks: few recipes do."""
        while self._fresh:
            when, server, action, headers, line = self._fresh.popleft()
            _, causes, moves = _facts(action.casefold())
            for kind, value in _named(action.casefold(), headers):
                deeds = self._deeds.pop((server, kind, value), [])  # what was named last stands last
                self._deeds[server, kind, value] = [*deeds[1 - _MOST_DEEDS :], _Deed(when, causes, moves, line)]
        while self._deeds and next(iter(self._deeds.values()))[-1].when < now - _MEMORY:
            del self._deeds[next(iter(self._deeds))]


@cache
def _may_raise(action: str, event: str) -> bool:
    """Whether such an action may lead to such an event at all. This spares most starts a look at their event."""
    _, causes, moves = _facts(action.casefold())
    return event in causes or (moves and event not in _BY_PEOPLE)


def _explains(deed: _Deed, event: str, thing: _Thing) -> bool:
    return event in deed.causes or (deed.moves and thing[1] == "channel" and event not in _BY_PEOPLE)


@cache
def _facts(action: str) -> tuple[dict[str, str], frozenset[str], bool]:
    """Of an action: the kinds of things that its headers name, the events that it raises, whether it moves a call."""
    entry = load().action(action)
    if entry is None:
        return {}, frozenset(), False
    kinds = {name: header.names for name, header in entry.headers.items() if header.names in _KINDS}
    causes = frozenset(entry.causes) | {event for _, event in _SETS.values() if action == "setvar"}
    return {name: kind for name, kind in kinds.items() if kind}, causes, bool(entry.aims)


def _named(action: str, headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """The things that an action names, each with its kind before it."""
    kinds, _, _ = _facts(action)
    for name, value in headers:
        if kind := kinds.get(name.casefold()):
            yield kind, value
    if action == "setvar":
        given = {name.casefold(): value for name, value in headers}
        variable = given.get("variable", "")
        if function := _FUNCTION.fullmatch(variable):
            yield _SETS[function[1]][0], function[2]
        elif not given.get("channel"):
            yield "variable", variable


@cache
def _naming(event: str) -> tuple[tuple[str, str], ...]:
    """The headers of an event that name things, each with their kind."""
    entry = load().event(event)
    headers = entry.headers.values() if entry is not None else ()
    return tuple((header.name, header.names) for header in headers if header.names in _KINDS and header.names)


def _things_of(server: str, message: Message) -> Iterator[_Thing]:
    for header, kind in _naming(message.name):
        value = message.get(header)
        if value:
            yield server, kind, value
    if message.name == "VarSet" and message.get("Uniqueid") == "none":  # of no channel
        yield server, "variable", message.get("Variable") or ""
    elif message.name == "PresenceStateChange":
        yield server, "presentity", message.get("Presentity") or ""


@cache
def _id_headers(event: str) -> tuple[str, ...]:
    """The headers of an event in which ids of calls stand, and that of actions: a DialEnd of Originate has its call's
    as `DestUniqueid` and `DestLinkedid` alone. Who leaves a place to another, or is seen, is not whom it tells of."""
    entry = load().event(event)
    headers = entry.headers.values() if entry is not None else ()
    ids = (one.name for one in headers if one.names in ("uniqueid", "linkedid"))
    told = (name for name in ids if "Swap" not in name and "Video" not in name)
    return tuple(dict.fromkeys(("Uniqueid", "Linkedid", "ActionID", *told)))


def _ids_in(message: Message) -> Iterator[str]:
    """The ids of calls and actions in an event. The other half of a Local channel has its first one's with `;2`."""
    for header in _id_headers(message.name):
        value = message.get(header)
        if value:
            yield value.removesuffix(";2")


def is_from_run(message: Message, prefixes: tuple[str, ...]) -> bool:
    """Whether the event is of a channel, or of a call, that one of the runs began, or says by which of their actions it
    was raised: their ids were chosen by them."""
    return any((message.get(header) or "").startswith(prefixes) for header in _id_headers(message.name))
