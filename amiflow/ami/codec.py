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

    With a `sieve`, messages that are certainly unwanted are left out, and never become objects. It may be set and taken
    away between two items: what `items` gives next is found by the one that is there then.
    """

    __slots__ = ("_bare_output", "_broken", "_buffer", "_greeted", "_limit", "_searched", "sieve")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.sieve: Sieve | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._greeted = False
        self._broken = False
        self._bare_output = True  # an Asterisk that says it is 14 or later sends no bare text: none is waited for
        self._limit = limit

    def feed(self, data: bytes) -> list[Item]:
        """The items that these bytes complete."""
        return list(self.items(data))

    def items(self, data: bytes) -> Iterator[Item]:
        """The items that these bytes complete, each found when it is asked for; all must be."""
        if self._broken:
            return
        known = max(0, len(self._buffer) - len(_END) + 1)
        self._buffer += data
        if not self._greeted:
            greeting = self._greeting()
            if greeting is None:
                return
            yield from greeting
            known = 0
        yield from self._messages(known)
        if not self._broken and len(self._buffer) > self._limit:
            yield self._break(f"a message of more than {self._limit} bytes")

    def unfinished(self) -> bytes:
        """What came after the last whole message: at the end of a connection, a message cut off in the middle."""
        return bytes(self._buffer.lstrip(b"\r\n"))

    def _break(self, reason: str) -> Malformed:
        self._broken = True
        self._buffer.clear()
        return Malformed(reason)

    def _messages(self, known: int) -> Iterator[Message | Malformed]:
        """The messages, where none ends before `known` but perhaps the output of a command."""
        buffer, start = self._buffer, 0
        last = buffer.rfind(_END, known)
        while not self._broken:
            if self.sieve is not None and start < last:
                wanted = self.sieve.find(buffer, start, last + len(_END))
                start, self._searched = wanted, self._searched if wanted == start else 0
            while buffer.startswith(b"\r\n", start):
                start += 2
            if self._bare_output:
                end, after = self._end_of_message(start)
            else:
                end = buffer.find(_END, start) if start <= last else -1
                after = end + len(_END)
            if end < 0:
                break
            if end - start > MAX_LINES and buffer.count(b"\r\n", start, end) > MAX_LINES:
                yield self._break(f"a message of more than {MAX_LINES} lines")
                return
            raw = bytes(buffer[start:end])
            yield Message(_command_output(raw) if self._bare_output and raw.startswith(_FOLLOWS) else raw)
            start, self._searched = after, 0
        del buffer[:start]

    def _end_of_message(self, start: int) -> tuple[int, int]:
        """Where the message ends and the next may begin, where the output of a command may be bare text; (-1, …) while
        its end has not come. How far the search got is kept, so that a long message that comes in small pieces is not
        searched again and again."""
        follows = self._buffer.startswith(_FOLLOWS, start)
        mark = _END_COMMAND + _END if follows else _END
        end = self._buffer.find(mark, start + max(0, self._searched - len(mark)))
        if end < 0:
            self._searched = len(self._buffer) - start
            return -1, start
        return end + (len(_END_COMMAND) if follows else 0), end + len(mark)

    def _greeting(self) -> tuple[Item, ...] | None:
        line, newline, _ = self._buffer.partition(b"\n")
        if not newline:
            return (self._break(_no_banner(line)),) if len(line) > MAX_LINE else None
        self._greeted = True
        banner = _BANNER.match(line)
        if banner:
            del self._buffer[: len(line) + 1]
            version = banner[1].decode()
            self._bare_output = not at_least(version, (14, 0))
            return (Banner(version),)
        # Proxies in front of Asterisk may leave the banner out.
        return () if line.startswith((b"Response:", b"Event:")) else (self._break(_no_banner(line)),)


def _no_banner(line: bytearray) -> str:
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
    return b"".join([header_line(name, value) for name, value in headers]) + b"\r\n"


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
