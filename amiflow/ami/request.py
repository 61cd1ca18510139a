"""What a client sends, read as Asterisk reads it.

Belongs here: the framing of requests, client to server (get_input and do_message of Asterisk 16 to 22). Never here:
what a request means, who may ask it (`asterisk`), and how to write one (`codec.encode`).

Lines end at LF, with or without a CR before it; a lone CR is data, and a NUL ends what is read of a line. Every empty
line is a request of its own. Bytes never raise.
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.ami.message import to_text

BUFFER = 1024  # bytes, the line's end included
MAX_HEADERS = 128

_BLANKS = bytes(range(1, 33))  # ast_skip_blanks


@dataclass(frozen=True, slots=True)
class Request:
    """An action that was asked for: `name` as it was spelt, all headers in order, `action_id` empty where there is
    none."""

    name: str
    headers: tuple[tuple[str, str], ...]
    action_id: str

    def get(self, name: str) -> str:
        """The first value of a header, in any case; empty where it is absent."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What is answered by an Error whatever the session's state; `reason` is in Asterisk's words."""

    reason: str
    action_id: str


class RequestDecoder:
    """The stream of one connection, client to server, cut into requests."""

    __slots__ = ("_buffer", "_lines", "_lost", "_searched", "_too_long")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._lines: list[bytes] = []
        self._lost = False
        self._too_long = False

    def feed(self, data: bytes) -> list[Request | BadRequest]:
        """The requests that these bytes complete."""
        self._buffer += data
        found: list[Request | BadRequest] = []
        start = 0
        while (line := self._line(start)) is not None:
            text, start = line
            if text:
                self._keep(text)
            else:
                found.append(self._request())
        return found

    def _line(self, start: int) -> tuple[bytes, int] | None:
        """The next line and where the one after it begins; None while its end has not come, and then the buffer begins
        with what there is of it."""
        buffer = self._buffer
        while True:
            end = buffer.find(b"\n", start + self._searched, start + BUFFER)
            if end >= 0:
                self._searched = 0
                text = bytes(buffer[start:end]).removesuffix(b"\r")
                return text.partition(b"\x00")[0], end + 1
            if len(buffer) - start < BUFFER:
                self._searched = len(buffer) - start
                del buffer[:start]
                return None
            # A full buffer without an end is thrown away but for its last byte, which may be half a CRLF: so a line of
            # 1023 bytes leaves an empty line, and thus the end of its message, behind.
            self._too_long = True
            start += BUFFER - 1
            self._searched = 1

    def _keep(self, line: bytes) -> None:
        if len(self._lines) < MAX_HEADERS:
            self._lines.append(line)
        else:
            self._lost = True

    def _request(self) -> Request | BadRequest:
        headers = tuple(_header(line) for line in self._lines if b":" in line)
        self._lines.clear()
        action_id = _first(headers, "ActionID")
        if self._lost:
            # A line that was too long is then blamed on the next message.
            self._lost = False
            return BadRequest("Too many lines in message or allocation failure", action_id)
        if self._too_long:
            self._too_long = False
            return BadRequest("Failed to parse message: line too long", action_id)
        name = next((value for name, value in headers if name.casefold() == "action" and value), "")
        return Request(name, headers, action_id) if name else BadRequest("Missing action in request", action_id)


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.partition(b":")
    return to_text(name), to_text(value.lstrip(_BLANKS))


def _first(headers: tuple[tuple[str, str], ...], wanted: str) -> str:
    return next((value for name, value in headers if name.casefold() == wanted.casefold()), "")
