"""What messages are made of, as one recipe may speak of them: the catalogue and the recipe's own userevents.

Belongs here: look-ups by type (`headers of the event e`), with the types and codings that they have in a recipe. Never
here: wording, or what a recipe does with a header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from amiflow.ami.catalog import ANSWER, Action, Catalog, Event, Header
from amiflow.plan.picture import THINGS
from amiflow.plan.types import (
    BOOL,
    DATA,
    DURATION,
    INT,
    NUMBER,
    TEXT,
    TIME,
    Coding,
    HeaderType,
    ListOf,
    MessageOf,
    Scalar,
    Type,
    maybe,
)
from amiflow.report.data import dataclass

USER_EVENT = "UserEvent"
LAUNCHED = MessageOf("call", ())
ANSWERED = MessageOf("call", ("OriginateResponse",))
RAW_ANSWER = MessageOf("response", ())
GIVES: Mapping[str, Mapping[str, Type]] = {
    "http": {"status": INT, "text": TEXT, "data": DATA},
    "exec": {"code": INT, "out": TEXT},
}
"""The members of what an errand gives."""
FAILURE = MessageOf("error", ())
FAILURE_KINDS = (
    "error", "timeout", "gap", "lost", "disconnected", "unknown", "busy", "congestion", "no_answer", "failed",
)  # fmt: skip

_SCALARS: Mapping[HeaderType, Scalar] = {
    "text": TEXT,
    "int": INT,
    "number": NUMBER,
    "bool": BOOL,
    "duration": DURATION,
    "time": TIME,
}


@dataclass(frozen=True, slots=True)
class HeaderInfo:
    """One header as a recipe sees it. `known` is false where only its sender knows it."""

    name: str
    coding: Coding
    values: tuple[str, ...] = ()
    caller: bool = False
    code: bool = False
    channel: bool = False
    required: bool = False
    known: bool = True

    @property
    def scalar(self) -> Scalar:
        """The type without the question mark."""
        return _SCALARS[self.coding.type]

    @property
    def type(self) -> Type:
        """The type that reading it gives."""
        return maybe(self.scalar) if self.coding.optional else self.scalar


def of_header(header: Header) -> HeaderInfo:
    """What the catalogue says, in a recipe's terms."""
    coding = Coding(
        header.type,
        header.unit,
        header.true or "true",
        header.false or "false",
        header.optional,
        header.escaped,
    )
    channel = header.names == "channel"
    return HeaderInfo(header.name, coding, _listed(header.values), header.caller, header.code, channel, header.required)


def _listed(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values where they are spelt out; a pattern such as `<match_method>` enumerates nothing."""
    return () if any(set(value) & set("<>(),|") for value in values) else values


def open_header(name: str, caller: bool = False) -> HeaderInfo:
    """A header of which nothing is known but its name."""
    return HeaderInfo(name, Coding(optional=True), caller=caller, known=False)


class Vocabulary:
    """Events, actions and headers for one recipe; `userevents` give the declared headers by name in lower case."""

    __slots__ = ("catalog", "userevents")

    def __init__(self, catalog: Catalog, userevents: Mapping[str, tuple[str, tuple[HeaderInfo, ...]]]) -> None:
        self.catalog = catalog
        self.userevents = userevents

    def header(self, message: MessageOf, name: str) -> HeaderInfo | None:
        """The header as this message carries it; of alternatives only what is common to all."""
        found = [self._one(message, alternative, name) for alternative in message.names or ("",)]
        infos = [info for info in found if info is not None]
        return _common(infos) if len(infos) == len(found) else None

    def open(self, message: MessageOf) -> bool:
        """Whether the message may carry headers that nobody has described."""
        match message.kind:
            case "event" | "row":
                return any(self._event_is_open(name) for name in message.names)
            case "action":
                return any((found := self.action(name)) is None or found.open for name in message.names)
            case "response":
                return not message.names or any(self._answer_is_open(name) for name in message.names)
        return False

    def writable(self, message: MessageOf) -> bool:
        """Whether any header may be written into the message: what a recipe declares itself it has declared whole."""
        return self.open(message) and not any(" " in name for name in message.names)

    def headers(self, message: MessageOf) -> list[str]:
        """The names of the described headers, in the catalogue's order."""
        tables = [self._table(message, name) for name in message.names]
        first = tables[0] if tables else []
        rest = [{name.casefold() for name in table} for table in tables[1:]]
        return [name for name in first if all(name.casefold() in table for table in rest)]

    def event(self, name: str) -> Event | None:
        """The event; of `UserEvent Conference` too."""
        return self.catalog.event(name.split(" ")[0])

    def action(self, name: str) -> Action | None:
        """The action; of `UserEvent Conference` too."""
        return self.catalog.action(name.split(" ")[0])

    def member(self, message: MessageOf, name: str) -> Type | None:
        """The type of a member that is no header: of an error, of the picture, the rows of a list action's answer."""
        if message.kind == "seen":
            return dict(THINGS[message.names[0]].members).get(name)
        if message.kind in GIVES:
            return GIVES[message.kind].get(name)
        if message.kind == "error":
            return TEXT if name in ("kind", "Message") else None
        if message.kind != "response" or not message.names:
            return None
        action = self.action(message.names[0])
        rows = action.list.rows if action and action.list else ()
        if name == "rows" and len(rows) == 1:
            return ListOf(MessageOf("row", rows))
        found = [row for row in rows if row.casefold() == name.casefold()]
        return ListOf(MessageOf("row", tuple(found))) if found else None

    def events_with(self, header: str) -> list[str]:
        """The names of the events that carry such a header."""
        return [event.name for event in self.catalog.events if header.casefold() in event.headers]

    def _fields(self, name: str) -> tuple[HeaderInfo, ...]:
        _, _, own = name.partition(" ")
        return self.userevents[own.casefold()][1] if own.casefold() in self.userevents else ()

    def _event_is_open(self, name: str) -> bool:
        event = self.event(name)
        return event is None or event.open

    def _answer_is_open(self, name: str) -> bool:
        action = self.action(name)
        return action is None or action.response_open or not action.response

    def _one(self, message: MessageOf, alternative: str, name: str) -> HeaderInfo | None:
        for field in self._fields(alternative):
            if field.name.casefold() == name.casefold():
                return field
        match message.kind:
            case "event" | "row":
                event = self.event(alternative)
                return self._of_event(event.header(name) if event else None)
            case "call":
                return self._of_call(alternative, name)
            case "action":
                action = self.action(alternative)
                header = action.header(name) if action else None
                return sent(of_header(header)) if header else None
            case "response":
                return self._of_answer(alternative, name)
            case "seen":
                return self._of_thing(alternative, name)
        return None

    def _of_thing(self, kind: str, name: str) -> HeaderInfo | None:
        """A header that the live picture keeps of such a thing, as the events that tell of it describe it."""
        thing = THINGS[kind]
        if name.casefold() not in {kept.casefold() for kept in thing.headers}:
            return None
        event = self.catalog.event(thing.event)
        info = self._of_event(event.header(name) if event else None)
        if info is None or info.name not in thing.optional:
            return info
        return replace(info, coding=replace(info.coding, optional=True))

    @staticmethod
    def _of_event(header: Header | None) -> HeaderInfo | None:
        return of_header(header) if header else None

    def _of_answer(self, action_name: str, name: str) -> HeaderInfo | None:
        action = self.action(action_name) if action_name else None
        header = action.answer(name) if action else ANSWER.get(name.casefold())
        return of_header(header) if header else None

    def _of_call(self, event_name: str, name: str) -> HeaderInfo | None:
        if name.casefold() == "uniqueid":
            return HeaderInfo("Uniqueid", Coding())
        if name.casefold() == "channel":
            return HeaderInfo("Channel", Coding(optional=not event_name), channel=True)
        event = self.event(event_name) if event_name else None
        return self._of_event(event.header(name) if event else None)

    def _table(self, message: MessageOf, name: str) -> list[str]:
        own = [field.name for field in self._fields(name)]
        match message.kind:
            case "seen":
                thing = THINGS[name]
                return [*thing.headers, *(member for member, _ in thing.members)]
            case "event" | "row" | "call":
                event = self.event(name)
                return own + _names(event.headers.values() if event else ())
            case "action":
                action = self.action(name)
                return own + _names(action.headers.values() if action else ())
            case "response":
                action = self.action(name)
                return _names((*(action.response.values() if action else ()), *ANSWER.values()))
        return own


def _names(headers: Iterable[Header]) -> list[str]:
    return [header.name for header in headers]


def sent(info: HeaderInfo) -> HeaderInfo:
    """The header of an action that was sent: a test that reads it says that it is there."""
    return replace(info, coding=replace(info.coding, optional=False))


def _common(infos: list[HeaderInfo]) -> HeaderInfo | None:
    """One description of a header that several events carry; none where they write it differently."""
    first = infos[0]
    if len(infos) == 1:
        return first
    if any(info.coding.type != first.coding.type or info.coding.unit != first.coding.unit for info in infos):
        return None
    coding = replace(
        first.coding,
        optional=any(info.coding.optional for info in infos),
        escaped=any(info.coding.escaped for info in infos),
    )
    return replace(
        first,
        coding=coding,
        values=first.values if all(info.values == first.values for info in infos) else (),
        caller=any(info.caller for info in infos),
        channel=all(info.channel for info in infos),
    )
