"""Bytes into messages, and an action into bytes.

Belongs here: framing, as Asterisk does it from 1.4 on. Never here: which answer belongs to which action (`session`).
Bytes never raise: what cannot be a message becomes `Malformed`, after which nothing more is read.

A message ends at an empty line; more empty lines may follow (Asterisk's `QueueRule` and `TestEvent` send them). Lines
end at CRLF, never at a bare LF. The banner is one line, with no empty line behind it. Until Asterisk 13 the output of
`Command` follows `Response: Follows` as bare text, blank lines and all, up to `--END COMMAND--`; it is handed on as the
`Output` headers that Asterisk 14 and later send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from amiflow.ami.errors import LocalError
from amiflow.ami.message import Message, to_bytes, to_text
from amiflow.ami.scanner import Sieve
from amiflow.ami.versions import at_least

# One line of `GetConfigJSON` holds a whole file; nothing that Asterisk sends comes near this.
MAX_MESSAGE = 16 * 1024 * 1024
# A line costs far more memory than its bytes once headers are looked up; `dialplan show` of a big server has thousands.
MAX_LINES = 500_000
# Asterisk's buffer is 1024 bytes; 1.4 takes 1021 and CRLF (get_input). Its header array ends at 128 with Action.
MAX_LINE = 1021
MAX_HEADERS = 127
# A longer one makes Asterisk 1.4 to 22 lose a line's end and run two lines, or two messages, into one (ConfbridgeList).
MAX_ACTION_ID = 67

# What is received at a time: with more of it, it has left the processor's cache before it is searched; with less, there
# are more turns.
ROOM = 1 << 20

_END = b"\r\n\r\n"
_FOLLOWS = b"Response: Follows\r\n"
_END_COMMAND = b"--END COMMAND--"
_BANNER = re.compile(rb"Asterisk Call Manager[^/\r\n]{0,40}/([0-9.]{1,20})")
_NAME = re.compile(r"[^\s:\x00][^:\r\n\x00]*(?<!\s)")


@dataclass(frozen=True, slots=True)
class Banner:
    """The first line of a connection; `version` is the AMI version, such as `11.0.0`."""

    version: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """The peer is no AMI server, or sends what no AMI server sends; nothing more is read."""

    reason: str


Item: TypeAlias = Message | Banner | Malformed


class Decoder:
    """The stream of one connection, server to client, cut into its items.

    The bytes lie in one buffer, into which a socket receives (`room`, `took`); what is unfinished is moved to its
    front. So nothing is copied before it is searched. The buffer has `size` bytes, more while a message needs more.

    With a `sieve`, messages that are certainly unwanted are left out, and never become objects. It may be set and taken
    away between two items: what `next` gives is found by the one that is there then.
    """

    __slots__ = (
        "_bare_output",
        "_broken",
        "_buffer",
        "_filled",
        "_greeted",
        "_limit",
        "_searched",
        "_size",
        "_start",
        "_view",
        "_whole",
        "sieve",
    )

    def __init__(self, limit: int = MAX_MESSAGE, size: int = ROOM) -> None:
        self.sieve: Sieve | None = None
        self._size = size
        self._buffer = bytearray(_END.ljust(size, b"\0"))  # a message begins behind an empty line, the first one too
        self._view = memoryview(self._buffer)
        self._start = self._filled = len(_END)  # where the next message begins, and where what has come ends
        self._whole = 0  # what begins before this has its end
        self._searched = 0
        self._greeted = False
        self._broken = False
        self._bare_output = True  # an Asterisk that says it is 14 or later sends no bare text: none is waited for
        self._limit = limit

    def room(self) -> memoryview:
        """Where the next bytes are to be put."""
        return self._view[self._filled :]

    def took(self, size: int) -> None:
        """So many bytes were put into the room; all items are then to be asked for."""
        known = max(self._start, self._filled - len(_END) + 1)
        self._filled += size
        self._whole = self._buffer.rfind(_END, known, self._filled) + len(_END)

    def next(self) -> Item | None:
        """The next item that is complete; none: more bytes are needed."""
        if not self._greeted:
            greeting = None if self._broken else self._greeting()
            if not self._greeted or greeting is not None:
                return greeting
        buffer, start, whole = self._buffer, self._start, self._whole
        if start < whole and self.sieve is not None:
            wanted = self.sieve.find(buffer, start, whole)
            if wanted != start:
                start, self._searched = wanted, 0
        while buffer.startswith(b"\r\n", start, self._filled):
            start += 2
        self._start = start
        if start < whole:
            if self._bare_output:
                end, after = self._end_of_message(start)
            else:
                end = buffer.find(_END, start)
                after = end + len(_END)
            if end >= 0:
                return self._message(start, end, after)
        return self._put_to_front()

    def put(self, data: bytes) -> None:
        """Bytes that somebody else has received; all items are then to be asked for."""
        if not self._broken:
            self._hold(self._filled + len(data))
            self._view[self._filled : self._filled + len(data)] = data
            self.took(len(data))

    def items(self, data: bytes) -> Iterator[Item]:
        """The items that these bytes complete, each found when it is asked for; all must be."""
        self.put(data)
        while (item := self.next()) is not None:
            yield item

    def feed(self, data: bytes) -> list[Item]:
        """The items that these bytes complete."""
        return list(self.items(data))

    def unfinished(self) -> bytes:
        """What came after the last whole message: at the end of a connection, a message cut off in the middle."""
        return bytes(self._view[self._start : self._filled]).lstrip(b"\r\n")

    def _break(self, reason: str) -> Malformed:
        self._broken, self._greeted, self._whole = True, False, 0
        self._start = self._filled = len(_END)
        return Malformed(reason)

    def _message(self, start: int, end: int, after: int) -> Message | Malformed:
        if end - start > MAX_LINES and self._buffer.count(b"\r\n", start, end) > MAX_LINES:
            return self._break(f"a message of more than {MAX_LINES} lines")
        self._start, self._searched = after, 0
        raw = bytes(self._view[start:end])
        return Message(_command_output(raw) if self._bare_output and raw.startswith(_FOLLOWS) else raw)

    def _end_of_message(self, start: int) -> tuple[int, int]:
        """Where the message ends and the next may begin, where the output of a command may be bare text; (-1, …) while
        its end has not come. How far the search got is kept, so that a long output that comes in small pieces is not
        searched again and again."""
        follows = self._buffer.startswith(_FOLLOWS, start)
        mark = _END_COMMAND + _END if follows else _END
        end = self._buffer.find(mark, start + max(0, self._searched - len(mark)), self._filled)
        if end < 0:
            self._searched = self._filled - start
            return -1, start
        return end + (len(_END_COMMAND) if follows else 0), end + len(mark)

    def _put_to_front(self) -> Malformed | None:
        """Nothing more is complete: make room behind what is unfinished."""
        front, rest = len(_END), self._filled - self._start
        if rest > self._limit:
            return self._break(f"a message of more than {self._limit} bytes")
        if self._start > front:
            if rest:
                self._view[front : front + rest] = self._view[self._start : self._filled]
            self._start, self._filled, self._whole = front, front + rest, 0
        self._hold(self._filled + self._size // 4)
        return None

    def _hold(self, least: int) -> None:
        """Have a buffer for so many bytes; one that is larger by far is given up."""
        size = len(self._buffer)
        if least > size or size > max(self._size, 8 * least):
            self._buffer = self._buffer[: self._filled].ljust(max(self._size, 2 * least), b"\0")
            self._view = memoryview(self._buffer)

    def _greeting(self) -> Banner | Malformed | None:
        start = self._start
        newline = self._buffer.find(b"\n", start, self._filled)
        if newline < 0:
            line = self._view[start : self._filled]
            return self._break(_no_banner(line)) if len(line) > MAX_LINE else None
        line = self._view[start:newline]
        banner = _BANNER.match(line)
        if banner is None and not line[:9].tobytes().startswith((b"Response:", b"Event:")):
            return self._break(_no_banner(line))
        self._greeted = True  # proxies in front of Asterisk may leave the banner out
        found = None
        if banner is not None:
            version = banner[1].decode()
            self._bare_output = not at_least(version, (14, 0))
            self._start, found = newline + 1, Banner(version)
            self._put_to_front()
            self._whole = self._buffer.rfind(_END, self._start, self._filled) + len(_END)
        return found


def _no_banner(line: memoryview) -> str:
    return f"no Asterisk manager interface: it says `{to_text(bytes(line[:60])).strip()}`"


def _command_output(raw: bytes) -> bytes:
    """The message that Asterisk 14 and later send for the same output."""
    headers, text = [b"Response: Follows"], raw[len(_FOLLOWS) :]
    for name in (b"Privilege: ", b"ActionID: "):
        header, newline, rest = text.partition(b"\r\n")
        if header.startswith(name) and newline:
            headers.append(header)
            text = rest
    lines = text.removesuffix(_END_COMMAND).removesuffix(b"\n").split(b"\n")
    return b"\r\n".join(headers + [b"Output: " + line.removesuffix(b"\r") for line in lines])


def encode(headers: Sequence[tuple[str, str]]) -> bytes:
    """The action's bytes, each line as `Name: value` (Asterisk 1.4 to 1.6.2 take no other form).

    Raises LocalError for what would not arrive as it was meant: a CR, LF or NUL, which would begin a header or an
    action of its own; a line, an ActionID or a number of headers beyond what Asterisk can take.
    """
    if len(headers) > MAX_HEADERS:
        raise LocalError(f"{len(headers)} headers; Asterisk reads {MAX_HEADERS}")
    if headers:
        names, values = zip(*headers, strict=True)
        form, ids = _form(names)
        for at in ids:
            if len(values[at]) > MAX_ACTION_ID or not values[at].isascii():
                break
        else:
            data = _plain(form % values, len(names) + 1)
            if data is not None:
                return data
    return b"".join([header_line(name, value) for name, value in headers]) + b"\r\n"


@lru_cache(maxsize=1024)  # as for one name
def _form(names: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """An action of these headers but for their values, and which of them are ActionIDs."""
    for name in names:
        _begins(name)
    form = "".join([f"{name}: \0".replace("%", "%%").replace("\0", "%s\r\n") for name in names]) + "\r\n"
    return form, tuple(at for at, name in enumerate(names) if name.casefold() == "actionid")


def _plain(text: str, lines: int) -> bytes | None:
    """The bytes of an action, where it is short and has only the line ends of its so many lines; else none, and each
    line is to be looked at."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    fits = len(data) <= MAX_LINE and data.count(b"\r") == lines == data.count(b"\n") and b"\0" not in data
    return data if fits else None


def header_line(name: str, value: str) -> bytes:
    """One header's bytes, with the end of its line. Raises LocalError as `encode` does."""
    begins, most = _begins(name)
    try:
        data = begins + value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalError(f"the value of `{name}` holds half a character: {error.object[error.start]!r}") from error
    if b"\r" in data or b"\n" in data or b"\0" in data:
        raise LocalError(f"the value of `{name}` holds a CR, LF or NUL")
    if len(data) > most:
        raise LocalError(_too_long(name, len(data)))
    return data + b"\r\n"


@lru_cache(maxsize=1024)  # the names are those of recipes, again and again
def _begins(name: str) -> tuple[bytes, int]:
    """How the header's line begins, and how long it may be."""
    if _NAME.fullmatch(name) is None:
        raise LocalError(f"`{name!r:.60}` is no header name")
    try:
        begins = to_bytes(f"{name}: ")
    except UnicodeEncodeError as error:
        raise LocalError(f"`{name!r:.60}` is no header name") from error
    return begins, len(begins) + MAX_ACTION_ID if name.casefold() == "actionid" else MAX_LINE


def _too_long(name: str, length: int) -> str:
    if name.casefold() == "actionid":
        return f"an ActionID of more than {MAX_ACTION_ID} bytes"
    return f"the line of `{name}` has {length} bytes; Asterisk reads {MAX_LINE}"
