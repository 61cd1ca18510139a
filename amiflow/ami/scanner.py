"""Which messages of a stream nobody wants, found without making objects of them.

Belongs here: what is wanted, and the one regular expression made of it. Never here: where a message ends (`codec`,
which asks a sieve where the next wanted message begins), or who wants it (`engine.interest`).

Nearly all that a server sends are events that no flow asks for. So the buffer is searched in C, once, for the beginning
of a message that is *not* an unwanted event: an empty line, unless behind it stand `Event: ` and another name than the
wanted ones. That an exclusion is searched for makes it exact: a response, a banner, an oddly written event, whatever is
not known to be unwanted is found and goes the long way through the codec; the name of an event within a value, a
UserEvent's body or the output of a command stands behind no empty line, or within a message that has been found. The
empty line as a literal prefix keeps the search at C speed (an alternation in front of it costs 14 times more).

A wanted event may also be asked to have certain values. Such a test excludes only what it is certain of: the header,
spelt as asked for, is there, and its first value cannot be read as the wanted one. All else is left to the flow's own
condition, which decides in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from amiflow.ami.message import to_bytes

# A server's own end is told by an event, whether or not a flow asks for it.
_ALWAYS = "Shutdown"
_BEFORE = b"\r\n\r\n"  # nothing in it is special in an expression


@dataclass(frozen=True, slots=True)
class Value:
    """A header's wanted value: a text, or a whole number as Python's `int` reads it from the stripped text. `escaped`
    texts may arrive with C-escapes."""

    header: str
    value: str | int
    escaped: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Events of this name that have all of these values are wanted; with several for one name, any of them is."""

    event: str
    values: tuple[Value, ...] = ()


class Sieve:
    """Finds the messages that are not known to be unwanted."""

    __slots__ = ("_search",)

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        names: dict[str, list[bytes]] = {_ALWAYS: [b""]}
        for one in wanted:
            names.setdefault(one.event, []).append(b"".join(map(_lacks_not, one.values)))
        told = b"|".join(re.escape(to_bytes(name)) + b"\r" + _any(tests) for name, tests in sorted(names.items()))
        self._search = re.compile(_BEFORE + b"(?!Event: (?!" + told + b"))").search

    def find(self, buffer: bytearray, start: int, end: int) -> int:
        """Where the first message begins that may be wanted, from the beginning `start` of a message on; none below
        `end` where none does. Before `start` and `end` there is an empty line."""
        found = self._search(buffer, start - len(_BEFORE), end)
        return found.end() if found else end


def _any(tests: list[bytes]) -> bytes:
    return b"" if b"" in tests else b"(?:" + b"|".join(dict.fromkeys(tests)) + b")"


def _lacks_not(test: Value) -> bytes:
    """Matches, without taking anything, unless the header's first value is certainly another one."""
    name = re.escape(to_bytes(test.header)) + b": "
    # Lines end at CRLF alone; one with a bare CR ends the search, and the event is kept.
    first = rb"(?>(?:\n[^\r]++\r)*?\n" + name + b")"
    return b"(?!" + first + b"(?!" + _fits(test) + b"))"


def _fits(test: Value) -> bytes:
    value = to_bytes(str(test.value))
    if isinstance(test.value, int):
        # Python also reads ` 2`, `+2`, `02`, `1_0` and other scripts' digits: whatever is no plain number may be it.
        return value + rb"\r|0|[0-9]*+[^0-9\r]"
    return re.escape(value) + rb"\r" + (rb"|[^\r\\]*+\\" if test.escaped else b"")
