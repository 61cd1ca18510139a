"""From the layout of a recipe to its text: lines, indents and columns.

Belongs here: what depends on where on the line something comes to stand. Never: a look at the tree or at the source.
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.tools.layout import Group, Piece, Remark, Sheet, Start
from amiflow.tools.outline import INDENT

WIDTH = 120
"""Columns up to which a group is written on one line."""
CONTINUED = 4
"""Blanks that a line with which a statement goes on is further in."""
BEFORE_COMMENT = 3
"""Least number of blanks between a line and the comment behind it."""


def typeset(sheet: Sheet) -> str:
    """The text, every line ended with LF; empty for a sheet without words and comments."""
    setter = _Setter(sheet)
    for index in range(len(sheet.pieces)):
        setter.set(index)
    columns = _comment_columns(setter.lines)
    return "".join(_written(line, column) for line, column in zip(setter.lines, columns, strict=True))


@dataclass(slots=True)
class _Line:
    indent: int
    text: str
    run: int | None = None
    remark: str = ""

    @property
    def width(self) -> int:
        return self.indent + len(self.text)


@dataclass(slots=True)
class _Frame:
    """A group that is open; `indent` is that of the line on which it was opened. `key_width`: of the widest key where
    values are aligned, else 0. `done`: how many items are set."""

    group: Group
    broken: bool
    indent: int
    key_width: int
    done: int = 0

    @property
    def item(self) -> int | None:
        """The item that comes next."""
        return self.group.items[self.done] if self.done < len(self.group.items) else None


class _Setter:
    """Sets one piece after the other."""

    __slots__ = ("_closed", "_decided", "_frames", "_last", "_sheet", "_statement", "lines")

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._frames: list[_Frame] = []
        self._decided: dict[int, bool] = {}
        self._last = -1
        self._closed = -1
        self._statement = 0
        self.lines: list[_Line] = []

    def set(self, index: int) -> None:
        """Set the piece; commas between items come with the items."""
        piece = self._sheet.pieces[index]
        if piece.type == "COMMA" and not piece.text:
            return
        start = self._start(index)
        self._begin(index, piece, start)
        if piece.text:
            self.lines[-1].text += piece.text
        self._end(index)
        self._last = index

    def _start(self, index: int) -> Start | None:
        """The line that begins with the piece in any case; what ends there gets its comma."""
        frame = self._frames[-1] if self._frames else None
        if frame is None or index not in (frame.item, frame.group.close):
            return self._sheet.starts.get(index)
        style, closing = frame.group.style, index == frame.group.close
        if frame.done and (style.commas == "lines" if frame.broken else style.commas != "none" and not closing):
            self.lines[-1].text += ","
        if closing:
            return Start(frame.indent) if frame.broken else None
        frame.done += 1
        run = frame.group.open if style.aligned else None
        return Start(frame.indent + INDENT, keep=True, run=run) if frame.broken else None

    def _begin(self, index: int, piece: Piece, start: Start | None) -> None:
        """Go to where the piece stands, comments before it set."""
        remarks = piece.remarks
        if remarks and not remarks[0].newlines and self.lines:
            self.lines[-1].remark = remarks[0].text
            remarks = remarks[1:]
        if start is not None:
            self._between_lines(index, remarks, piece, start)
            self._statement = start.indent
            indent, run = start.indent, start.run
        elif piece.remarks or (index in self._sheet.wraps and self._closed != self._last):
            indent, run = self._statement + (0 if self._closed == self._last else CONTINUED), None
            self.lines.extend(_Line(indent, remark.text) for remark in remarks)
        else:
            self.lines[-1].text += " " * self._blanks(index)
            return
        if piece.text:
            self.lines.append(_Line(indent, "", run))

    def _between_lines(self, index: int, remarks: tuple[Remark, ...], piece: Piece, start: Start) -> None:
        """Set comments and empty lines, none at the beginning and end of the text or of a group."""
        frame = self._frames[-1] if self._frames else None
        closing = frame is not None and index == frame.group.close
        inner = INDENT if closing or (piece.text == "{" and index in self._sheet.starts) else 0
        first = not self.lines or (frame is not None and self._last == frame.group.open)
        gaps = [remark.newlines for remark in remarks] + [piece.newlines]
        force = start.force and max(gaps) < 2
        for place, newlines in enumerate(gaps):
            is_piece = place == len(remarks)
            keep = start.keep or (closing and not is_piece)
            if (keep and newlines > 1 and not (first and place == 0)) or (force and place == 0):
                self.lines.append(_Line(0, ""))
            if not is_piece:
                self.lines.append(_Line(start.indent + inner, remarks[place].text))

    def _blanks(self, index: int) -> int:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key_width and index == frame.group.items[frame.done - 1] + 1:
            return 1 + frame.key_width - len(self._sheet.pieces[index - 1].text)
        return self._sheet.blanks[index]

    def _end(self, index: int) -> None:
        """Close or open the group whose bracket the piece is."""
        if self._frames and index == self._frames[-1].group.close and self._frames.pop().broken:
            self._closed = index
        if index in self._sheet.groups:
            group = self._sheet.groups[index]
            broken = self._decided[index] = self._breaks(group)
            keys = [len(self._sheet.pieces[item].text) for item in group.items if broken and group.style.aligned]
            self._frames.append(_Frame(group, broken, self.lines[-1].indent, max(keys, default=0)))

    def _breaks(self, group: Group) -> bool:
        """Whether the items of a group stand on lines of their own."""
        if group.broken or group.leader in self._decided:
            return group.broken or self._decided[group.leader]
        if not group.whole or (not group.items and group.until == group.close):
            return False
        widths = self._sheet.widths
        return self.lines[-1].width + widths[group.until] - widths[group.open] > WIDTH


def _comment_columns(lines: list[_Line]) -> list[int]:
    """For each line the column of a comment behind it: one for a run, and one for other lines one below the other."""
    blocks: list[object] = []
    before = _Line(0, "")
    for number, line in enumerate(lines):
        below = line.remark and before.remark and line.indent == before.indent and before.run is None
        block = line.run if line.run is not None else blocks[-1] if below else ("from", number)
        blocks.append(block)
        before = line
    widest: dict[object, int] = {}
    for block, line in zip(blocks, lines, strict=True):
        widest[block] = max(widest.get(block, 0), line.width)
    return [widest[block] + BEFORE_COMMENT for block in blocks]


def _written(line: _Line, column: int) -> str:
    text = " " * line.indent + line.text
    return (text.ljust(column) + line.remark if line.remark else text).rstrip() + "\n"
