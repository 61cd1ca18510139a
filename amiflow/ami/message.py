"""One AMI message: its bytes, and its headers when they are asked for.

Belongs here: `Message`, plain and slotted because it is made a million times, and the two ways between bytes and text.
Never here: where a message begins and ends in a stream (`codec`), what its headers mean (`catalog`).

A message keeps its bytes and is searched in C; nothing is parsed until a header is wanted that is not spelt as asked.
AMI declares no charset, so bytes that are no UTF-8 travel as surrogate escapes and come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["event", "response", "other"]

_FIRST: dict[bytes, Kind] = {b"event": "event", b"response": "response"}

HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters, which JSON can write and which stand for no bytes."""


def to_bytes(text: str) -> bytes:
    """UTF-8, with what `to_text` could not decode put back as it was."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """The text of UTF-8 bytes; any other byte is kept as a surrogate escape."""
    return data.decode("utf-8", "surrogateescape")


class Message:
    """A received message. Lines end at CRLF alone, since values may hold a bare LF (Asterisk's `Park`, `Getvar`).

    `raw` is the message without the empty line that ends it. `kind` and `name` (the event's name, or the response's
    word, such as `Success`) come from the first line alone: an OriginateResponse is an event with a `Response` header,
    and a UserEvent may carry any header, even `Event`.
    """

    __slots__ = ("_values", "kind", "name", "raw")

    raw: bytes
    kind: Kind
    name: str
    _values: dict[str, list[str]] | None

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        end = raw.find(b"\r\n")
        self.kind, self.name = _first_line(raw if end < 0 else raw[:end])
        self._values = None

    @classmethod
    def build(cls, headers: Iterable[tuple[str, str]]) -> Message:
        """The message with these headers, in this order."""
        return cls(b"\r\n".join(to_bytes(f"{name}: {value}") for name, value in headers))

    def get(self, header: str) -> str | None:
        """The header's first value, or None; the look-up ignores case, but prefers the spelling asked for."""
        raw = self.raw
        length, wanted, key, oddly = _sought(header)
        if raw.startswith(b":", length) and raw[:length].lower() == wanted:
            return self.name  # whatever the body of a UserEvent says
        start = raw.find(key)
        if start < 0:
            if oddly and self._values is None and oddly not in raw.lower():
                return None
            values = self._by_name().get(header.casefold())
            return values[0] if values else None
        start += len(key)
        end = raw.find(b"\r\n", start)
        return (raw[start:] if end < 0 else raw[start:end]).decode("utf-8", "surrogateescape")

    def all(self, header: str) -> list[str]:
        """Every value of a repeated header, in order; the look-up ignores case."""
        return list(self._by_name().get(header.casefold(), ()))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names and values as they were sent, in order and with repeats; a line without a colon has an empty name."""
        return [_split(line) for line in self.raw.split(b"\r\n")] if self.raw else []

    def _by_name(self) -> dict[str, list[str]]:
        if self._values is None:
            self._values = {}
            for name, value in self.headers:
                self._values.setdefault(name.casefold(), []).append(value)
        return self._values

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


def finder(header: str) -> Callable[[Message], str | None]:
    """`Message.get` for one header, for who asks for it again and again."""
    length, _, key, oddly = _sought(header)
    width = len(key)

    def find(message: Message) -> str | None:
        raw = message.raw
        start = raw.find(key)
        if raw.startswith(b":", length):  # perhaps the first line
            return message.get(header)
        if start < 0:
            return message.get(header) if not oddly or oddly in raw.lower() else None
        start += width
        end = raw.find(b"\r\n", start)
        return (raw[start:] if end < 0 else raw[start:end]).decode("utf-8", "surrogateescape")

    return find


@lru_cache(maxsize=1024)  # the headers are those that recipes name, again and again
def _sought(header: str) -> tuple[int, bytes, bytes, bytes]:
    """How long the name is, the name in lower case, how its line begins where it is spelt as asked, and how in any case
    (empty where lower-case bytes do not tell)."""
    name = to_bytes(HALVES.sub("\ufffd", header))
    lower = name.lower()
    return len(name), lower, b"\r\n" + name + b": ", b"\r\n" + lower + b":" if header and header.isascii() else b""


@lru_cache(maxsize=1024)  # those of the events that are wanted, and of responses, again and again
def _first_line(line: bytes) -> tuple[Kind, str]:
    key, _, value = line.partition(b":")
    return _FIRST.get(key.lower(), "other"), to_text(value[1:] if value.startswith(b" ") else value)


def _split(line: bytes) -> tuple[str, str]:
    # The name of a channel may hold colons (an IPv6 peer), and OriginateResponse puts it into a header's name.
    after = line.find(b"):") + 1 if line.startswith(b"ChanVariable(") else 0
    colon = line.find(b":", after)
    if colon < 0:
        return "", to_text(line)
    value = line[colon + 1 :]
    return to_text(line[:colon]), to_text(value[1:] if value.startswith(b" ") else value)
