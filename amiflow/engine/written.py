"""Values written down as plain data that JSON can hold, and read again.

Belongs here: one form for each kind of value (`values`). Never here: which values there are to write (`standing`,
`stores`), where they are kept (`live.memory_db`).

A secret is never written: where its value stands in a text, a reference to its name is written, so that the next run
puts in the secret that it is given itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from amiflow.ami.message import Message, to_bytes, to_text
from amiflow.engine.values import Call, Failure, Reply, Value

Plain = Any
"""None, bool, int, float, str, lists and dicts with text keys: what JSON can hold, which no closed alias can say."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Unreadable(Exception):
    """The data is none that was written here."""


class Pen:
    """Writes and reads the values of one run, whose secrets it knows by name."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)
        # the longest first: one may be part of another
        self._known = sorted(((text, name) for name, text in secrets.items() if text), key=lambda one: -len(one[0]))

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, value: Value) -> Plain:
        """The value as plain data."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._text(value)
            case tuple() | list():
                return [self.write(item) for item in value]
            case dict():
                return {"is": "record", "of": [[self._text(name), self.write(item)] for name, item in value.items()]}
            case timedelta():
                return {"is": "duration", "us": value // _MICROSECOND}
            case datetime():
                return {"is": "time", "us": (value - _EPOCH) // _MICROSECOND}
            case Message():
                return {"is": "message", "raw": self._text(to_text(value.raw))}
            case Reply():
                return {"is": "reply", "to": self.write(value.response), "rows": self.write(value.rows)}
            case Call():
                parts = (value.channel, value.uniqueid, value.response)
                return {"is": "call", "of": self.write(parts)}
            case Failure():
                return {"is": "failure", "kind": value.kind, "message": self._text(value.message)}
        raise AssertionError(f"a name holds {type(value).__name__}, which is no value")

    def _text(self, text: str) -> Plain:
        parts: list[Plain] = [text]
        for secret, name in self._known:
            if secret in text:
                parts = [piece for part in parts for piece in _without(part, secret, name)]
        return text if len(parts) == 1 and parts[0] == text else {"is": "text", "parts": parts}

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, data: Plain) -> Value:
        """The value again. Raises Unreadable."""
        match data:
            case None | bool() | int() | float() | str():
                return data
            case list():
                return tuple(self.read(item) for item in data)
            case {"is": "text", "parts": list(parts)}:
                return "".join(map(self._part, parts))
            case {"is": "record", "of": list(pairs)}:
                return {self._string(name): self.read(item) for name, item in map(_pair, pairs)}
            case {"is": "duration", "us": int(us)}:
                return timedelta(microseconds=us)
            case {"is": "time", "us": int(us)}:
                return _EPOCH + timedelta(microseconds=us)
            case {"is": "message", "raw": raw}:
                return Message(to_bytes(self._string(raw)))
            case {"is": "reply", "to": response, "rows": list(rows)}:
                return Reply(self.message(response), tuple(self.message(row) for row in rows))
            case {"is": "call", "of": [channel, uniqueid, response]}:
                answer = self.message(response) if response is not None else None
                return Call(self.read(channel), self._string(uniqueid), answer)
            case {"is": "failure", "kind": str(kind), "message": message}:
                return Failure(kind, self._string(message))  # type: ignore[arg-type]  # it was one when written
        raise Unreadable(f"{data!r:.60} is no value")

    def message(self, data: Plain) -> Message:
        """A message again. Raises Unreadable."""
        value = self.read(data)
        if not isinstance(value, Message):
            raise Unreadable(f"{data!r:.60} is no message")
        return value

    def _string(self, data: Plain) -> str:
        value = self.read(data)
        if not isinstance(value, str):
            raise Unreadable(f"{data!r:.60} is no text")
        return value

    def _part(self, part: Plain) -> str:
        match part:
            case str():
                return part
            case {"secret": str(name)} if name in self._secrets:
                return self._secrets[name]
        raise Unreadable("a text holds a secret that the recipe has no longer")


def _without(part: Plain, secret: str, name: str) -> Iterable[Plain]:
    """A part of a text in which the secret's value is replaced by a reference."""
    if not isinstance(part, str) or secret not in part:
        yield part
        return
    first, *others = part.split(secret)
    yield from filter(None, (first,))
    for other in others:
        yield {"secret": name}
        yield from filter(None, (other,))


def _pair(data: Plain) -> tuple[Plain, Plain]:
    if not isinstance(data, list) or len(data) != 2:
        raise Unreadable(f"{data!r:.60} is no pair")
    return data[0], data[1]
