"""A diagnostic as text for people: the source frame.

Belongs here: how a frame is drawn, in ASCII but for the source's own characters, and in colour if asked. Never: the
terminal (whether there is one, whether it wants colour), or any wording of a diagnostic.

Tabs are widened, control characters and characters without width are shown as one `?`, wide ones count two columns, so
that marks stand under what they mean. A line too long for a screen is cut to the part around its labels.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import pairwise

from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic, Edit, Label
from amiflow.report.source import Source

TAB = 4
WIDEST = 120
"""Columns of a source line that are shown."""
_NEAR = 3
"""Lines between two labels up to which all are shown; more become one `...`."""

_RESET = "\x1b[0m"
_STYLES = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "frame": "\x1b[1;34m", "bold": "\x1b[1m"}


@dataclass(frozen=True, slots=True)
class _Mark:
    """A label on one line: columns `start` to `end` as drawn, at least one wide."""

    start: int
    end: int
    text: str
    primary: bool


def render(diagnostic: Diagnostic, sources: Mapping[str, Source], colour: bool = False) -> str:
    """The frame of a diagnostic, ending in a newline. Labels in sources that are not given are named without a line."""
    paint = _Paint(colour, diagnostic.severity)
    labels = [diagnostic.primary, *diagnostic.secondary]
    known = [label for label in labels if label.span.path in sources]
    width = max((len(str(_last_line(label, sources))) for label in known), default=1)
    lines = [
        f"{paint.mark(f'{diagnostic.severity}[{diagnostic.code}]')}{paint.bold(': ' + _shown(diagnostic.headline))}"
    ]
    paths = [diagnostic.primary.span.path, *sorted({label.span.path for label in labels})]
    for path in dict.fromkeys(paths):
        here = [label for label in labels if label.span.path == path]
        lines += _file(here, sources.get(path), path, width, paint)
    lines += _footer(diagnostic, width, paint)
    return "\n".join(line.rstrip() for line in lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Paint:
    colour: bool
    severity: str

    def _with(self, style: str, text: str) -> str:
        return f"{_STYLES[style]}{text}{_RESET}" if self.colour and text else text

    def mark(self, text: str, primary: bool = True) -> str:
        return self._with(self.severity if primary else "frame", text)

    def frame(self, text: str) -> str:
        return self._with("frame", text)

    def bold(self, text: str) -> str:
        return self._with("bold", text)


def _last_line(label: Label, sources: Mapping[str, Source]) -> int:
    return _lines_of(label, sources[label.span.path])[1]


def _lines_of(label: Label, source: Source) -> tuple[int, int]:
    """First and last line of a label; a span that ends just behind a line end does not reach the next line."""
    first = source.position(label.span.start)[0]
    last = source.position(max(label.span.start, label.span.end - 1))[0]
    return first, last


def _footer(diagnostic: Diagnostic, width: int, paint: _Paint) -> list[str]:
    rows = [("note", note) for note in diagnostic.notes]
    help_ = diagnostic.help or _edit_in_words(diagnostic.edit)
    if help_:
        rows.append(("help", help_))
    blank = [f"{' ' * width} {paint.frame('|')}"] if rows else []
    return blank + [
        f"{' ' * width} {paint.frame('=')} {paint.bold(name + ':')} {_shown(text, newlines=True)}".replace(
            "\n", "\n" + " " * (width + 9)
        )
        for name, text in rows
    ]


def _edit_in_words(edit: Edit | None) -> str | None:
    """An edit without words of its own."""
    if edit is None:
        return None
    wanted = edit.replacement.strip()
    if not wanted:
        return "leave it out"
    return f"insert `{wanted}`" if edit.span.start == edit.span.end else f"write `{wanted}`"


# -- one source -------------------------------------------------------------------------------------------------------


def _file(labels: list[Label], source: Source | None, path: str, width: int, paint: _Paint) -> list[str]:
    arrow = f"{' ' * width}{paint.frame('-->')} {_shown(path)}"
    if source is None:
        return [arrow, *(f"{' ' * width} {paint.frame('=')} {_shown(label.text)}" for label in labels)]
    first = min(labels, key=lambda label: (not label.primary, label.span.start))
    line, column = source.position(first.span.start)
    column -= line == 1 and source.text.startswith("\ufeff") and column > 1
    rows = [f"{arrow}:{line}:{column}", f"{' ' * width} {paint.frame('|')}"]
    before = None
    for number in _shown_lines(labels, source):
        if before is not None and number > before + 1:
            rows.append(paint.frame("..."))
        rows += _line(number, labels, source, width, paint)
        before = number
    return rows


def _shown_lines(labels: list[Label], source: Source) -> list[int]:
    """Lines that carry the beginning or end of a label, and the few between near ones."""
    marked = sorted({line for label in labels for line in _lines_of(label, source)})
    shown = list(marked)
    for one, two in pairwise(marked):
        if two - one <= _NEAR:
            shown += range(one + 1, two)
    return sorted(set(shown))


def _line(number: int, labels: list[Label], source: Source, width: int, paint: _Paint) -> list[str]:
    text = source.line(number)
    marks = [mark for label in labels if (mark := _mark(label, number, text, source)) is not None]
    drawn, shift = _cut(_shown(text), marks)
    gutter = f"{paint.frame(str(number).rjust(width))} {paint.frame('|')} "
    rows = [gutter + drawn]
    blank = f"{' ' * width} {paint.frame('|')} "
    moved = [_Mark(max(0, mark.start - shift), max(1, mark.end - shift), mark.text, mark.primary) for mark in marks]
    return rows + [blank + row for row in _mark_rows(moved, paint)]


def _mark(label: Label, number: int, text: str, source: Source) -> _Mark | None:
    """What a label draws under line `number`: all of a short span, the beginning and the end of a longer one."""
    first, last = _lines_of(label, source)
    if number not in (first, last):
        return None
    begin = source.start_of(number)
    start = label.span.start - begin if number == first else len(text) - len(text.lstrip())
    end = label.span.end - begin if number == last else len(text)
    start, end = min(start, len(text)), min(end, len(text))
    left = len(_shown(text[:start]))
    columns = _width(_shown(text[:start]))
    right = columns + _width(_shown(text[start:end], left=left))
    words = label.text if number == last else ("" if first != last else label.text)
    return _Mark(columns, max(right, columns + 1), _shown(words), label.primary)


def _mark_rows(marks: list[_Mark], paint: _Paint) -> list[str]:
    """The row of `^^^` and `---` under a line; words of all but the last hang below on `|`."""
    ordered = sorted(marks, key=lambda mark: (mark.start, mark.end))
    if not ordered:
        return []
    hanging = [mark for mark in ordered[:-1] if mark.text]
    last = ordered[-1]
    if any(mark.end > last.start for mark in ordered[:-1]):
        hanging, last_words = [mark for mark in ordered if mark.text], ""
    else:
        last_words = last.text
    rows = [_underline(ordered, paint) + (" " + paint.mark(last_words, last.primary) if last_words else "")]
    while hanging:
        mark = hanging.pop()
        rows.append(_pillars(hanging, mark.start, paint) + paint.mark(mark.text, mark.primary))
    return rows


def _underline(marks: Iterable[_Mark], paint: _Paint) -> str:
    cells: dict[int, bool] = {}
    for mark in sorted(marks, key=lambda mark: mark.primary):
        cells |= dict.fromkeys(range(mark.start, mark.end), mark.primary)
    row, column = "", 0
    for at in sorted(cells):
        row += " " * (at - column) + paint.mark("^" if cells[at] else "-", cells[at])
        column = at + 1
    return row.replace(_RESET + _STYLES[paint.severity], "").replace(_RESET + _STYLES["frame"], "")


def _pillars(hanging: list[_Mark], end: int, paint: _Paint) -> str:
    """Blanks up to a column, with a `|` where words of earlier marks still have to come."""
    row, column = "", 0
    for mark in hanging:
        if column <= mark.start < end:
            row += " " * (mark.start - column) + paint.mark("|", mark.primary)
            column = mark.start + 1
    return row + " " * (end - column)


# -- characters and columns -------------------------------------------------------------------------------------------


def _shown(text: str, left: int = 0, newlines: bool = False) -> str:
    """Text as it is drawn: tabs as blanks, nothing that moves the cursor; a byte-order mark vanishes.

    `left` is how many characters stand before it on its line, for the tabs.
    """
    if text.isascii() and text.isprintable():
        return text
    drawn: list[str] = []
    column = left
    for character in text:
        piece = _drawn(character, column, newlines)
        drawn.append(piece)
        column += _width(piece)
    return "".join(drawn)


def _drawn(character: str, column: int, newlines: bool) -> str:
    if character == "\t":
        return " " * (TAB - column % TAB)
    if character == "\ufeff":
        return ""
    if newlines and character == "\n":
        return character
    category = unicodedata.category(character)
    return "?" if category[0] == "C" or category in ("Zl", "Zp") or _narrow(character) else character


def _narrow(character: str) -> bool:
    """Without width of its own: a mark that combines with the letter before it."""
    return unicodedata.combining(character) != 0 or unicodedata.category(character) in ("Mn", "Me")


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _cut(drawn: str, marks: list[_Mark]) -> tuple[str, int]:
    """The part of a long line that holds its marks, and by how many columns it is moved to the left."""
    if _width(drawn) <= WIDEST:
        return drawn, 0
    first = min((mark.start for mark in marks), default=0)
    shift = 0 if first < WIDEST - 40 else first - 40
    kept, column = [], 0
    for character in drawn:
        if shift <= column < shift + WIDEST:
            kept.append(character)
        column += _width(character)
    head = "..." if shift else ""
    tail = "..." if column > shift + WIDEST else ""
    return head + "".join(kept) + tail, shift - len(head)
