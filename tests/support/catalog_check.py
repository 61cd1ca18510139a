"""Says what the catalogue does not know of messages that a server sent. Knows no server and no test framework."""

from collections.abc import Iterable, Iterator, Sequence

from amiflow.ami.catalog import Catalog, Event, exists, load

Headers = Sequence[tuple[str, str]]


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
