"""Says what the catalogue does not know of messages that a server sent. Knows no server and no test framework."""

import re
from collections.abc import Iterable, Iterator, Sequence

from amiflow.ami.catalog import Catalog, Event, Header, exists, load

Headers = Sequence[tuple[str, str]]
_SHAPES = {
    "int": r"-?\d+",
    "number": r"-?\d+(\.\d+)?",
    "duration us": r"\d+",
    "duration ms": r"\d+",
    "duration s": r"-?\d+(\.\d+)?",
    "duration min": r"\d+",
    "duration hms": r"\d+:\d\d:\d\d",
    "time epoch": r"\d+",
    "time epoch.usec": r"\d+\.\d{6}",
    "time iso": r"\d{4}-\d\d-\d\dT[\d:.]+\+\d{4}",
    "time local": r"\d{4}-\d\d-\d\d [\d:]{8}",
}


def unknown_things(messages: Iterable[Headers], asterisk: str | None = None) -> list[str]:
    """The unknown events, and the unknown headers of known ones, each once and in order; [] if all is well.

    A message is its headers in order. With the server's version, what that version should not have counts too.
    Responses are not looked at: which action they answer is not in them.
    """
    return sorted({thing for message in messages for thing in _unknown(load(), message, asterisk)})


def _unknown(catalog: Catalog, message: Headers, asterisk: str | None) -> Iterator[str]:
    first, name = message[0] if message else ("", "")
    if first.casefold() != "event":
        return
    event = catalog.event(name)
    if event is None or (asterisk and not exists(event, asterisk)):
        yield f"event {name}"
        return
    for header, _ in [] if event.open else message[1:]:
        if not _known(event, header, asterisk):
            yield f"{name}: {header}"


def _known(event: Event, name: str, asterisk: str | None) -> bool:
    header = event.header(name)
    return header is not None and (asterisk is None or exists(header, asterisk))


def wrong_values(messages: Iterable[Headers]) -> list[str]:
    """The values of events' headers that are none of the header's type, or not in its enumeration, each once."""
    found = ((event.name, header, value) for event, name, value in _told(messages) if (header := event.header(name)))
    wrong = ((name, header, value) for name, header, value in found if not _fits(header, value))
    return sorted({f"{name}.{header.name}: {header.type} {value}" for name, header, value in wrong})


def missing_headers(messages: Iterable[Headers], asterisk: str) -> list[str]:
    """The headers that an event lacks although they are not optional, each once."""
    missing = set()
    for message in messages:
        event = load().event(message[0][1]) if message and message[0][0] == "Event" else None
        there = {name.casefold() for name, _ in message}
        for key, header in event.headers.items() if event else []:
            if not header.optional and key not in there and exists(header, asterisk):
                missing.add(f"{message[0][1]}: {header.name}")
    return sorted(missing)


def _told(messages: Iterable[Headers]) -> Iterator[tuple[Event, str, str]]:
    for message in messages:
        event = load().event(message[0][1]) if message and message[0][0] == "Event" else None
        if event is not None:
            yield from ((event, name, value) for name, value in message[1:])


def _fits(header: Header, value: str) -> bool:
    if value == "<unknown>" or (not value and header.type != "text"):  # the answer time of a call nobody answered
        return header.optional
    if header.values and value not in header.values:
        return False
    if header.type == "bool":
        return value in (header.true, header.false)
    shape = _SHAPES.get(f"{header.type} {header.unit}" if header.unit else header.type)
    return shape is None or re.fullmatch(shape, value) is not None
