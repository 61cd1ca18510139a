"""Entries of the journal as bytes: a page, of some hundred that belong to one moment.

Belongs here: what an entry is, the form of a page, and reading it again, checked, as anything may have happened to a
file. Never here: which entries there are (`journal`), and where pages are kept, what is masked and cut on the way there
(`live.journal_page`).

A run of a flow makes five entries and more, and the loop makes them itself, between one event and the next. So an entry
is one small record of numbers, packed in C, and the pieces that it says: its ActionID, its text, its facts, its message
with the bytes as they came. What many have in common (plan, kind, level, server, flow and place) stands once in a page.
No piece is looked at here, and nothing is joined before the page is written.

    length of what is in common | number of entries | what is in common (JSON) | a record for each entry | all pieces
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple, TypeAlias, cast

from amiflow.ami.message import Message
from amiflow.engine.effects import Level

MOST_ROWS = 250  # entries of a page
MOST_TEXT = 16_384  # bytes of a message, characters of a text

_LARGE = 64 * 1024  # bytes of its pieces beyond which a page is full
_LATEST = 1e11  # the epoch in seconds
_MOST = 1 << 62  # of a whole number
_SIZES = Struct("<II")
_RECORD = Struct(
    "<dHqiiii"
)  # time, number of what is in common, instance, lengths of the pieces; -1 where there is none
_record = _RECORD.pack

Common: TypeAlias = tuple[int | None, str, Level, str | None, str | None, str | None, int | None, str]
"""Machine, kind, level, server, flow, file and line of an entry, and what its text begins with."""


class Row(NamedTuple):
    """One entry. `at` is the epoch in seconds; `machine` counts the plans of a run from 0, none for what concerns the
    whole run; `action` is the ActionID; `facts` JSON; `message` an event, response or action as on the wire."""

    at: float
    machine: int | None
    instance: int | None
    kind: str
    level: Level
    server: str | None
    flow: str | None
    file: str | None
    line: int | None
    action: str | None
    text: str
    facts: str | None
    message: bytes | None


class Damaged(Exception):
    """What stands in the file is nothing that amiflow wrote."""


class Page:
    """Entries that are being gathered. `known` are the numbers of what they have in common, by whatever key who adds
    them has for it; `failed` is whether a flow has, and `special` whether something is longer than may be kept."""

    __slots__ = ("_kept", "common", "failed", "full", "known", "pieces", "records", "size", "special")

    def __init__(self) -> None:
        self.common: list[Common] = []
        self.known: dict[object, int] = {}
        self._kept: list[object] = []
        self.records: list[bytes] = []
        self.pieces: list[bytes] = []
        self.size = 0
        self.failed = self.full = self.special = False

    def introduce(self, key: object, common: Common, keep: object = None) -> int:
        """The number by which entries name what they have in common. A key may be made of the identity of something,
        which is kept then, so that nothing else gets it."""
        machine, kind, level, server, flow, file, line, said = common
        server, flow, file = (None if name is None else storable(name) for name in (server, flow, file))
        number = self.known[key] = len(self.common)
        self.common.append((machine, kind, level, server, flow, file, line, storable(said)))
        self.failed |= kind == "flow-ended" and level == "error"
        self._kept.append(keep)
        return number

    def add(
        self,
        at: float,
        number: int,
        instance: int | None,
        action: str | None,
        text: str | None,
        facts: str | None = None,
        message: bytes | None = None,
    ) -> None:
        """One more entry. What is no UTF-8 in its text is written out; without one of its own it says no more than what
        is in common, and an answer what stands in its message."""
        records, pieces = self.records, self.pieces
        of_action = of_text = of_facts = of_message = -1
        size = 0
        if action is not None:
            piece = action.encode()
            pieces.append(piece)
            of_action = len(piece)
        if text is not None:
            piece = text.encode("utf-8", "backslashreplace")
            pieces.append(piece)
            size = of_text = len(piece)
        if facts is not None:
            piece = facts.encode()
            pieces.append(piece)
            of_facts = len(piece)
            size += of_facts
        if message is not None:
            pieces.append(message)
            of_message = len(message)
            size += of_message
        whose = -1 if instance is None else instance
        records.append(_record(at, number, whose, of_action, of_text, of_facts, of_message))
        if size:
            self.size += size
            if size > MOST_TEXT:
                self.special = True
            if self.size > _LARGE:
                self.full = True
        if len(records) >= MOST_ROWS:
            self.full = True

    def add_row(self, row: Row) -> None:
        """One more entry, that was made or read elsewhere."""
        at, machine, instance, kind, level, server, flow, file, line, action, text, facts, message = row
        common = (machine, kind, level, server, flow, file, line, "")
        number = self.known.get(common)
        if number is None:
            number = self.introduce(common, common)
        self.add(at, number, instance, action, text, facts, message)

    def times(self) -> list[float]:
        """When the entries were made."""
        return [one[0] for one in _RECORD.iter_unpack(b"".join(self.records))]

    def packed(self) -> bytes:
        """The page as one value."""
        common = json.dumps(self.common, separators=(",", ":")).encode()
        return b"".join([_SIZES.pack(len(common), len(self.records)), common, *self.records, *self.pieces])


def storable(text: str) -> str:
    """The text without surrogate escapes, which nothing takes that wants UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def pages_of(rows: Iterable[Row]) -> Iterator[Page]:
    """The entries in as many pages as they fill."""
    page = Page()
    for row in rows:
        if page.full:
            yield page
            page = Page()
        page.add_row(row)
    yield page


def unpack(page: object) -> list[Row]:
    """The entries of a page. Raises Damaged."""
    try:
        return _rows(page)
    except (ValueError, TypeError, IndexError, RecursionError):
        raise Damaged("a page is none that amiflow wrote") from None


def _rows(page: object) -> list[Row]:
    if not isinstance(page, bytes) or len(page) < _SIZES.size:
        raise ValueError
    length, count = _SIZES.unpack_from(page)
    begin = _SIZES.size + length
    at = begin + count * _RECORD.size
    if at > len(page):
        raise ValueError
    common = [_common(*one) for one in json.loads(page[_SIZES.size : begin])]
    rows = []
    for time, number, instance, *lengths in _RECORD.iter_unpack(page[begin:at]):
        pieces: list[bytes | None] = []
        for length in lengths:
            pieces.append(page[at : at + length] if length >= 0 else None)
            at += max(length, 0)
        rows.append(_row(time, common[number], instance, *pieces))
    if at != len(page):
        raise ValueError
    return rows


def _common(
    machine: object, kind: object, level: object, server: object, flow: object, file: object, line: object, said: object
) -> Common:
    names = _maybe(server), _maybe(flow), _maybe(file)
    return _whole(machine), _text(kind), cast(Level, _text(level)), *names, _whole(line), _text(said)


def _row(
    at: float,
    common: Common,
    instance: int,
    action: bytes | None,
    text: bytes | None,
    facts: bytes | None,
    message: bytes | None,
) -> Row:
    machine, kind, level, server, flow, file, line, said = common
    whose = None if instance < 0 else instance
    if not 0 <= at < _LATEST or (whose is not None and machine is None):
        raise ValueError
    if text is not None:
        said += text.decode()
    elif kind == "answer" and message is not None:
        said += _words(Message(message))
    named, told = (None if piece is None else piece.decode() for piece in (action, facts))
    return Row(at, machine, whose, kind, level, server, flow, file, line, named, said, told, message)


def _words(answer: Message) -> str:
    words = answer.get("Message")
    return storable(f"{answer.name}: {words}" if words else answer.name)


def _whole(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or not 0 <= value < _MOST):
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half a character is a ValueError
    return value


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)
