"""Where something stands in a text: a span of characters, and the source that turns it into lines and columns.

Belongs here: offsets, lines, slices. Never: reading a file, wording, or how a frame is drawn (that is `render`).
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right

from amiflow.report.data import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters `start <= offset < end` of the source called `path`; empty where start == end."""

    path: str
    start: int
    end: int

    def to(self, last: Span) -> Span:
        """The span from the beginning of this one to the end of `last`, which is of the same source."""
        return Span(self.path, self.start, last.end)

    def holds(self, other: Span) -> bool:
        """Whether the other lies within this one."""
        return self.path == other.path and self.start <= other.start and other.end <= self.end

    def head(self) -> Span:
        """The empty span at the beginning of this one."""
        return Span(self.path, self.start, self.start)

    def tail(self) -> Span:
        """The empty span just behind this one."""
        return Span(self.path, self.end, self.end)


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A text and what it is called. Offsets count characters of `text` as it is, a byte-order mark and CR included."""

    path: str
    text: str
    _starts: tuple[int, ...] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", (0, *(match.end() for match in _LINE_END.finditer(self.text))))

    @property
    def lines(self) -> int:
        """How many lines there are, at least 1; a last line without a line end counts, an empty one does too."""
        return len(self._starts)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1, the column in characters. Beyond the end: the end."""
        offset = max(0, min(offset, len(self.text)))
        number = bisect_right(self._starts, offset)
        return number, offset - self._starts[number - 1] + 1

    def start_of(self, number: int) -> int:
        """The offset at which line `number` (from 1) begins."""
        return self._starts[number - 1]

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its line end."""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")

    def slice(self, span: Span) -> str:
        """The text that a span of this source covers."""
        return self.text[span.start : span.end]
