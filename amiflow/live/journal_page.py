"""Entries of the journal that were written in one moment, as one value of its database: a page.

Belongs here: the form of a page, what is masked and cut on the way into it, and reading it again, checked, as anything
may have happened to a file. Never here: the database as a whole and its bounds (`journal_db`), which entries somebody
wants (`journal_reader`).

A run of a flow makes five entries and more. As rows of a table, each with its fourteen columns, they cost the journal
three times what they cost so: the columns of some hundred entries at once as JSON, and what many have in common (plan,
kind, level, server, flow and place) once for all of them. What is asked for most, failures and times, stands beside it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, cast

from amiflow.ami.message import to_bytes, to_text
from amiflow.engine.effects import Level
from amiflow.engine.journal import Row

MOST_ROWS = 250  # entries of a page
MOST_TEXT = 16_384  # bytes of a message, characters of a text

SCHEMA = """CREATE TABLE page (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, failed INTEGER NOT NULL,
  entries TEXT NOT NULL)"""
_INSERT = "INSERT INTO page (run, first, last, failed, entries) VALUES (?, ?, ?, ?, ?)"
_LARGE = 64 * 1024  # characters of its texts and messages beyond which a page is full
_AT_ONCE = 8  # pages read in one statement
_LATEST = 1e11  # the epoch in seconds

Masking: TypeAlias = Callable[[str], str]
Numbered: TypeAlias = tuple[int, int, Row]
"""An entry with its own number and that of its run."""


class Damaged(Exception):
    """What stands in the file is nothing that amiflow wrote."""


# --- writing ----------------------------------------------------------------------------------------------------------


def insert(db: sqlite3.Connection, run: int, rows: Iterable[Row], mask: Masking) -> None:
    """Write the entries, with no secret and nothing that is no UTF-8."""
    for page in _pages(rows):
        times = [row.at for row in page]
        failed = any(row.kind == "flow-ended" and row.level == "error" for row in page)
        db.execute(_INSERT, (run, min(times), max(times), failed, pack(page, mask)))


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    size = 0
    for row in rows:
        page.append(row)
        size += len(row.text) + (len(row.message) if row.message is not None else 0)
        if len(page) >= MOST_ROWS or size > _LARGE:
            yield page
            page, size = [], 0
    if page:
        yield page


def pack(rows: Sequence[Row], mask: Masking) -> str:
    """The entries as one text. That there is nothing to be masked or cut is known of the whole at once, and only where
    that is not so is each entry looked at; facts are JSON already, so a secret in them is spelt otherwise here."""
    text = _written(rows)
    if "\\ud" in text or mask(text) is not text or any(_is_special(row, mask) for row in rows):
        text = _written([_shown(row, mask) for row in rows])
    return text


def _is_special(row: Row, mask: Masking) -> bool:
    if row.facts is not None and (len(row.facts) > MOST_TEXT or mask(row.facts) is not row.facts):
        return True
    return len(row.text) > MOST_TEXT or (row.message is not None and len(row.message) > MOST_TEXT)


def _written(rows: Iterable[Row]) -> str:
    kinds: dict[tuple[object, ...], int] = {}
    columns: tuple[list[object], ...] = ([], [], [], [], [], [], [])
    ats, numbers, instances, actions, texts, factses, messages = columns
    for at, machine, instance, kind, level, server, flow, file, line, action, text, facts, message in rows:
        common = (machine, kind, level, server, flow, file, line)
        number = kinds.get(common)
        if number is None:
            number = kinds[common] = len(kinds)
        ats.append(at)
        numbers.append(number)
        instances.append(instance)
        actions.append(action)
        texts.append(text)
        factses.append(facts)
        messages.append(to_text(message) if message is not None else None)
    return json.dumps([list(kinds), *columns], separators=(",", ":"))


def _shown(row: Row, mask: Masking) -> Row:
    """The entry without secrets, and cut: masked first, as half a secret is none any more to the mask."""
    message, facts = row.message, row.facts
    if message is not None:
        shown = mask(to_text(message))
        message = to_bytes(shown)[:MOST_TEXT]
    if facts is not None and len(facts := mask(facts)) > MOST_TEXT:
        facts = json.dumps({"cut": facts[:MOST_TEXT]})
    server, flow, file = (None if name is None else storable(mask(name)) for name in (row.server, row.flow, row.file))
    text = storable(mask(row.text))[:MOST_TEXT]
    return row._replace(server=server, flow=flow, file=file, text=text, facts=facts, message=message)


def storable(text: str) -> str:
    """The text without surrogate escapes, which nothing takes that wants UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(db: sqlite3.Connection, where: str = "1", values: tuple[object, ...] = ()) -> Iterator[Numbered]:
    """The entries of the pages for which `where` holds, oldest first, a few pages at a time. Raises Damaged."""
    last = -1
    while True:
        query = f"SELECT id, run, entries FROM page WHERE id > ? AND ({where}) ORDER BY id LIMIT {_AT_ONCE}"
        found = db.execute(query, (last, *values)).fetchall()
        for page in found:
            yield from _numbered(*page)
        if len(found) < _AT_ONCE:
            return
        last = found[-1][0]


def read_back(db: sqlite3.Connection) -> Iterator[Numbered]:
    """All entries, newest first. Raises Damaged."""
    query = "SELECT id, run, entries FROM page WHERE id < ? ORDER BY id DESC LIMIT 1"
    last = 1 << 62
    while (page := db.execute(query, (last,)).fetchone()) is not None:
        yield from reversed(_numbered(*page))
        last = page[0]


def _numbered(page: object, run: object, entries: object) -> list[Numbered]:
    first, number = _int(page) * MOST_ROWS, _int(run)
    return [(first + at, number, row) for at, row in enumerate(unpack(entries))]


def unpack(entries: object) -> list[Row]:
    """The entries of a page. Raises Damaged."""
    try:
        kinds, *columns = json.loads(_text(entries))
        return [_row(kinds[_int(number)], at, *more) for at, number, *more in zip(*columns, strict=True)]
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        raise Damaged("a page is none that amiflow wrote") from None


def _row(
    common: Sequence[object],
    at: object,
    instance: object,
    action: object,
    text: object,
    facts: object,
    message: object,
) -> Row:
    machine, kind, level, server, flow, file, line = common
    if instance is not None and machine is None:
        raise Damaged("an entry is of a run of a flow, but of no recipe")
    return Row(
        _time(at),
        _whole(machine),
        _whole(instance),
        _text(kind),
        cast(Level, _text(level)),
        _maybe(server),
        _maybe(flow),
        _maybe(file),
        _whole(line),
        _maybe(action),
        _text(text),
        _maybe(facts),
        None if message is None else to_bytes(str(message)),
    )


def _time(value: object) -> float:
    if not isinstance(value, float) or not 0 <= value < _LATEST:
        raise Damaged("an entry has no time")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise Damaged(f"a number is wanted, not {value!r:.40}")
    return value


def _whole(value: object) -> int | None:
    return None if value is None else _int(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Damaged(f"a text is wanted, not {value!r:.40}")
    if not value.isascii():
        value.encode("utf-8")  # half a character is a ValueError
    return value


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)
